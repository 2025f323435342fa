# SPDX-License-Identifier: Apache-2.0
"""A network cable in user space, which can lose and delay what goes through it, in each direction by itself.

The kernel has netem for this, but not every kernel is built with it. So a host's interface is a TAP device, another one joins the bridge, and the
program below carries frames from one to the other.
"""

import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import time

_TUNSETIFF = 0x400454CA
_TAP_WITHOUT_HEADER = 0x0002 | 0x1000
_FRAME_BYTES = 65536
# So that one direction cannot starve the other.
_FRAMES_AT_ONCE = 64


class Cable:
    """The tests' end of a cable: `outer` is the interface at the bridge, `inner` the host's."""

    def __init__(self, outer, inner, seed):
        # It must not outlive the tests, however they end; its interfaces end with it.
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, __file__, outer, inner, str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError(f"no cable from {outer} to {inner}: is there a /dev/net/tun?")

    @property
    def alive(self):
        return self._process.poll() is None

    def set(self, up=None, down=None):
        """Each a dict of `loss` (0 to 1), `delay` and `jitter` (seconds); what is left out is well. Up is from the host to the bridge."""
        self._process.stdin.write(json.dumps({"up": up or {}, "down": down or {}}) + "\n")
        self._process.stdin.flush()

    def close(self):
        self._process.kill()
        self._process.wait()


class _Direction:
    def __init__(self, source, target):
        self.source = source
        self._target = target
        self._trouble = {}
        # Frames on their way: when they are due, a number that keeps equal ones in order, the frame.
        self._under_way = []
        self._number = 0

    def trouble(self, trouble):
        self._trouble = trouble

    def take(self, now):
        for _ in range(_FRAMES_AT_ONCE):
            try:
                frame = os.read(self.source, _FRAME_BYTES)
            except BlockingIOError:
                return
            if random.random() < self._trouble.get("loss", 0):
                continue
            delay = self._trouble.get("delay", 0) + random.random() * self._trouble.get("jitter", 0)
            if delay > 0 or self._under_way:
                self._number += 1
                heapq.heappush(self._under_way, (now + delay, self._number, frame))
            else:
                self._give(frame)

    def give_due(self, now):
        """Seconds until the next frame is due; None where there is none."""
        while self._under_way and self._under_way[0][0] <= now:
            self._give(heapq.heappop(self._under_way)[2])
        return self._under_way[0][0] - now if self._under_way else None

    def _give(self, frame):
        try:
            os.write(self._target, frame)
        except OSError:
            pass  # Full, or the interface is down: lost, as on any cable.


def _open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TAP_WITHOUT_HEADER))
    return tap


def main():
    outer, inner = (_open_tap(name) for name in sys.argv[1:3])
    random.seed(int(sys.argv[3]))
    directions = {"up": _Direction(inner, outer), "down": _Direction(outer, inner)}
    by_source = {direction.source: direction for direction in directions.values()}
    poll = select.poll()
    for source in (outer, inner, sys.stdin.fileno()):
        poll.register(source, select.POLLIN)
    print("ready", flush=True)
    wait = None
    while True:
        ready = poll.poll(None if wait is None else max(0, wait * 1000))
        now = time.monotonic()
        for source, _ in ready:
            if source in by_source:
                by_source[source].take(now)
                continue
            line = sys.stdin.readline()
            if not line:
                return
            for name, trouble in json.loads(line).items():
                directions[name].trouble(trouble)
        waits = [due for due in (direction.give_due(now) for direction in directions.values()) if due is not None]
        wait = min(waits, default=None)


if __name__ == "__main__":
    main()
