# SPDX-License-Identifier: Apache-2.0
"""The cluster that is tormented: hosts with an engine each, cables that can be cut, disks that can be filled."""

import functools
import pathlib
import shutil
import tempfile

from chaos import image
from chaos.engine import Engine
from chaos.network import FaultyNetwork
from chaos.victim import Victim
from chaos.witness import Witness
from harness.cluster import Cluster
from harness.protos import node_pb2
from harness.waiting import wait_for

MIB = 1 << 20
_DISK = 256 * MIB
_RESERVE = 32 * MIB


class HostWorld:
    """One host: its node of the harness, its engine, its cable."""

    def __init__(self, node, engine, cable, folder):
        self.name = node.name
        self.node = node
        self.engine = engine
        self.cable = cable
        self.disk = node.disk
        self.agent = Victim(node.agent, "agent", folder / f"{node.name}-agent", node.name, node.disk)
        self.gateway = Victim(node.gateway, "gateway", folder / f"{node.name}-gateway", node.name)


class World:
    def __init__(self, logs, hosts, locks, slots, seed):
        self.cluster = None
        self._engine_folder = None
        self.witness = None
        self.engines = []
        self.hosts = []
        self.cluster = Cluster(logs, nodes=0, make_network=functools.partial(FaultyNetwork, seed), controller_disk=_DISK,
                               controller_flags=["--disk-reserve-bytes", str(_RESERVE)])
        try:
            self._fill(logs, hosts, locks, slots)
        except BaseException:
            self.close()
            raise

    def _fill(self, logs, hosts, locks, slots):
        cluster = self.cluster
        points = cluster.folder / "points"
        points.mkdir()
        self.witness = Witness(cluster.folder / "inject", locks, logs / "witness")
        # Its mounts must be gone before it can be removed, so it is not in the cluster's folder.
        self._engine_folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{cluster.name}-engines-"))
        for number in range(1, hosts + 1):
            self.engines.append(Engine(self._engine_folder / str(number), f"{cluster.name}-engine-{number}", logs))
            self.engines[-1].start()
        archive = image.archive()
        for engine in self.engines:
            engine.wait_ready()
            engine.import_image(archive, image.NAME)
        self.controller = Victim(cluster.controller, "controller", points / "controller", disk=cluster.disk)
        cluster.controller.stop()
        cluster.start_controller()
        self.controller.down = False
        for number, engine in enumerate(self.engines, 1):
            node = cluster.add_node(f"node-{number}", disk=_DISK, inject_dir=self.witness.inject_dir, start=False, agent_flags=[
                "--engine-socket", str(engine.socket), "--slots", str(slots), "--cpu-millis", "1000000", "--memory-bytes", str(1 << 40),
                "--disk-reserve-bytes", str(_RESERVE)])
            host = HostWorld(node, engine, cluster.network.cables[number - 1], points)
            self.hosts.append(host)
            host.gateway.start()
            host.agent.start()
        cluster.wait_ready()

    @property
    def victims(self):
        return [self.controller, *(victim for host in self.hosts for victim in (host.agent, host.gateway))]

    def fallen(self):
        """What ended by itself, in words."""
        fallen = [words for words in (victim.fell() for victim in self.victims) if words]
        return fallen + [f"the cable of {host.name} broke" for host in self.hosts if not host.cable.alive]

    def let_go(self):
        """Nothing hangs any more."""
        for victim in self.victims:
            victim.thaw()

    def mend(self):
        """Everything runs and is connected, whatever was broken."""
        for host in self.hosts:
            host.cable.set()
            if not (host.engine.dockerd.alive and host.engine.containerd.alive):
                host.engine.dockerd.kill()
                host.engine.start()
        for disk in self.cluster.disks:
            disk.clear()
        for victim in self.victims:
            victim.disarm()
            # One that was to die at a point may be about to.
            if victim.down:
                victim.kill()
                victim.start()

    def wait_well(self):
        for host in self.hosts:
            host.engine.wait_ready()
        wait_for("controller and nodes to be ready", self._is_well, deadline=90)

    def _is_well(self):
        # One that was started just before its disk had room again ends, and is started anew.
        fallen = self.fallen()
        assert not fallen, fallen
        if not self.cluster.api.answers():
            return False
        ready = [node.name for node in self.cluster.api.list_nodes() if node.state == node_pb2.NODE_STATE_READY]
        return all(host.name in ready for host in self.hosts)

    def close(self):
        """Raises AssertionError where something does not end cleanly."""
        try:
            if self.cluster:
                self.cluster.close()
        finally:
            for engine in self.engines:
                engine.close()
            if self._engine_folder:
                shutil.rmtree(self._engine_folder, ignore_errors=True)
            if self.witness:
                self.witness.close()
