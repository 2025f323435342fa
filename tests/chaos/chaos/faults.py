# SPDX-License-Identifier: Apache-2.0
"""The faults, and the schedule on which a seed puts them.

Each thing that can break has a tormentor: a generator that breaks it in one way after another, and yields the seconds until it wants to go on.
`Schedule` runs them side by side on one thread: Linux ends a child of setpriv --pdeathsig with the thread that started it.
"""

import heapq
import os
import random
import signal
import time

from chaos.jobs import LOST_AFTER

_CHECK_SECONDS = 0.2
# How long a process may take to come by the point where it is to die.
_POINT_SECONDS = 5
# Before the first fault.
_FIRST_SECONDS = 3


class Schedule:
    def __init__(self, seed, world, journal, pace=1.0):
        """pace: how long the pauses between faults are, compared with those of a long run."""
        self._world = world
        self._waiting = []
        makers = [(Controller, world.controller), (Disk, ("disk of the controller", world.cluster.disk, ""))]
        for host in world.hosts:
            makers += [(Agent, host.agent), (Gateway, host.gateway), (Cable, host), (DockerEngine, host),
                       (Disk, (f"disk of {host.name}", host.disk, host.name))]
        for number, (kind, victim) in enumerate(makers):
            tormentor = kind(random.Random(f"{seed} {number}"), journal, pace, victim)
            heapq.heappush(self._waiting, (0.0, number, tormentor.run()))

    def run(self, duration, condition=lambda: True):
        """Until so many seconds are over, or the condition does not hold any more. What is broken then stays so."""
        begin = time.monotonic()
        while time.monotonic() - begin < duration and condition():
            due, number, tormentor = self._waiting[0]
            now = time.monotonic() - begin
            if due > now:
                time.sleep(min(_CHECK_SECONDS, due - now))
                continue
            pause = next(tormentor)
            heapq.heapreplace(self._waiting, (time.monotonic() - begin + pause, number, tormentor))

    def close(self):
        """Nobody is tormented any more; what was being broken is written down as having lasted until now."""
        for _, _, tormentor in self._waiting:
            tormentor.close()


class Tormentor:
    """kinds: methods, generators each. The first comes first; then they come in random order, each as often as the others."""
    kinds = ()
    pauses = (5, 15)

    def __init__(self, rng, journal, pace, victim):
        self.rng, self.journal, self.victim, self._pace = rng, journal, victim, pace

    def run(self):
        low, high = self.pauses
        # Some jobs are to run by then.
        yield _FIRST_SECONDS + self._pace * self.rng.uniform(0, low)
        first, *rest = self.kinds
        yield from getattr(self, first)()
        while True:
            kinds = [first, *rest]
            self.rng.shuffle(kinds)
            for kind in kinds:
                yield self._pace * self.rng.uniform(low, high)
                yield from getattr(self, kind)()

    def between(self, low, high):
        return self.rng.uniform(low, high)


class ProcessTormentor(Tormentor):
    def kill(self):
        yield from self._kill("killed", self.between(0.05, 4))

    def kill_for_long(self):
        yield from self._kill("killed and away for long", LOST_AFTER + self.between(2, 10))

    def die_at_a_point(self):
        """kill -9 at the worst moments: where something was just made durable, or is about to be."""
        if not self.victim.points:
            return
        point, passes = self.rng.choice(self.victim.points), self.rng.randint(1, 20)
        with self.journal.during("died at a point", self.victim.name, self.victim.node, f"{point}, pass {passes}") as fault:
            self.victim.arm(point, passes)
            waited = 0
            while self.victim.process.alive and waited < _POINT_SECONDS:
                yield _CHECK_SECONDS
                waited += _CHECK_SECONDS
            if not self.victim.disarm():
                fault.kind, fault.detail = "killed", f"{point} was not passed {passes} times"
            self.victim.kill()
            yield self.between(0.05, 2)
            self.victim.start()

    def _kill(self, kind, away):
        with self.journal.during(kind, self.victim.name, self.victim.node):
            self.victim.kill()
            yield away
            self.victim.start()


class Controller(ProcessTormentor):
    kinds = ("kill", "die_at_a_point", "kill", "die_at_a_point", "kill_for_long")
    pauses = (8, 22)


class Agent(ProcessTormentor):
    kinds = ("kill", "die_at_a_point", "freeze", "die_at_a_point", "kill", "kill_for_long")
    pauses = (6, 18)

    def freeze(self):
        """Longer than its leases: it must do no harm when it comes back."""
        with self.journal.during("stopped (SIGSTOP)", self.victim.name, self.victim.node):
            self.victim.freeze()
            yield LOST_AFTER + self.between(2, 12)
            self.victim.thaw()


class Gateway(ProcessTormentor):
    kinds = ("kill", "die_at_a_point")
    pauses = (4, 12)


class Cable(Tormentor):
    kinds = ("cut", "lose_some", "cut_up", "delay", "cut_down", "cut_for_long")
    pauses = (8, 20)

    def cut(self):
        yield from self._trouble("cut", self.between(2, 7), up={"loss": 1}, down={"loss": 1})

    def cut_for_long(self):
        yield from self._trouble("cut for long", LOST_AFTER + self.between(2, 12), up={"loss": 1}, down={"loss": 1})

    def cut_up(self):
        yield from self._trouble("cut one way, towards the controller", self.between(4, 22), up={"loss": 1})

    def cut_down(self):
        yield from self._trouble("cut one way, towards the host", self.between(4, 22), down={"loss": 1})

    def lose_some(self):
        loss = round(self.between(0.05, 0.3), 2)
        yield from self._trouble("lossy", self.between(4, 12), up={"loss": loss}, down={"loss": loss})

    def delay(self):
        slow = {"delay": round(self.between(0.05, 0.4), 2), "jitter": round(self.between(0, 0.4), 2)}
        yield from self._trouble("slow", self.between(4, 12), up=slow, down=slow)

    def _trouble(self, kind, duration, up=None, down=None):
        detail = f"up {up or 'well'}, down {down or 'well'}"
        with self.journal.during(kind, f"cable of {self.victim.name}", self.victim.name, detail):
            self.victim.cable.set(up, down)
            yield duration
            self.victim.cable.set()


class DockerEngine(Tormentor):
    kinds = ("kill_dockerd", "kill_all", "kill_dockerd_and_containerd", "kill_dockerd_and_end_containers", "restart")
    pauses = (15, 35)

    def kill_dockerd(self):
        """Containers go on, beneath containerd, and dockerd finds them again."""
        with self._during("dockerd killed"):
            self._engine.dockerd.kill()
            yield self.between(0.1, 5)
            self._engine.start()

    def kill_dockerd_and_containerd(self):
        with self._during("dockerd and containerd killed"):
            self._engine.dockerd.kill()
            self._engine.containerd.kill()
            yield self.between(0.1, 5)
            self._engine.start()

    def kill_all(self):
        """As if the host had lost them all at once, without a reboot."""
        with self._during("containers killed", "with dockerd and containerd"):
            self._engine.dockerd.kill()
            self._engine.containerd.kill()
            self._engine.kill_containers()
            yield self.between(0.1, 5)
            self._engine.start()

    def kill_dockerd_and_end_containers(self):
        """One that does not keep containers ends those that it finds."""
        with self._during("engine ends containers", "dockerd killed"):
            self._engine.dockerd.kill()
            yield self.between(0.1, 3)
            self._engine.start(keep_containers=False)
            yield 3

    def restart(self):
        with self._during("engine ends containers", "dockerd restarted, which may keep them"):
            os.kill(self._engine.dockerd.pid, signal.SIGTERM)
            while self._engine.dockerd.alive:
                yield _CHECK_SECONDS
            yield self.between(0.1, 2)
            self._engine.start()

    @property
    def _engine(self):
        return self.victim.engine

    def _during(self, kind, detail=""):
        return self.journal.during(kind, f"engine of {self.victim.name}", self.victim.name, detail)


class Disk(Tormentor):
    kinds = ("fill", "fill_to_the_last_byte")
    # No work is taken meanwhile: else there would be little to torment.
    pauses = (30, 60)

    def fill(self):
        yield from self._fill("full", 16 << 20)

    def fill_to_the_last_byte(self):
        yield from self._fill("without a byte left", 0)

    def _fill(self, kind, leave):
        target, disk, node = self.victim
        with self.journal.during(kind, target, node):
            disk.fill(leave)
            yield self.between(1, 6)
            disk.clear()
