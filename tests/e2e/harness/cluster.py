# SPDX-License-Identifier: Apache-2.0
"""A whole cluster on this machine: a controller, and nodes with an agent and a gateway each, over TLS."""

import pathlib
import shutil
import subprocess
import tempfile

import grpc

from harness import engine, settings
from harness.api import Api
from harness.cli import Cli
from harness.crash_points import CrashPoints
from harness.grpcurl import Grpcurl
from harness.network import Network
from harness.process import Process
from harness.protos import node_pb2
from harness.small_disk import SmallDisk
from harness.waiting import seconds, wait_for

_PORT = 7443


class Node:
    """A host: its agent, its gateway, its folder."""

    def __init__(self, cluster, name, agent_faults="", agent_flags=(), gateway_flags=(), disk=0, certificate_of=None,
                 boot_id="", inject_dir=settings.PREFIX / "lib/cronium/inject"):
        """certificate_of: another node, as which this host gives itself out. boot_id: instead of the machine's."""
        self.name = name
        self.host = cluster.network.add_host(name)
        self.folder = cluster.folder / name
        certificates = certificate_of.certificate.parent if certificate_of else self.folder / "tls"
        if not certificate_of:
            cluster.controller_command("issue-node-certificate", "--node", name, "--out", str(certificates))
        self.certificate, self.key = certificates / "node.crt", certificates / "node.key"
        api = self.folder / "api"
        for folder in (api, self.folder / "agent"):
            folder.mkdir(parents=True)
        self.disk = cluster.add_disk(self.folder / "agent", disk) if disk else None
        common = ["--controller", cluster.address, "--ca", str(certificates / "ca.crt"),
                  "--certificate", str(self.certificate), "--key", str(self.key)]
        self.gateway = Process(
            f"gateway of {name}",
            [settings.program("cronium-runtime-gateway"), *common, "--socket-dir", str(api), *gateway_flags],
            cluster.logs / f"{name}-gateway.log", self.host, cluster.faults_of("gateway"))
        self.agent = Process(
            f"agent of {name}",
            [settings.program("cronium-agent"), *common, "--state-dir", str(self.folder / "agent"),
             "--gateway-dir", str(api), "--inject-dir", str(inject_dir), *agent_flags],
            cluster.logs / f"{name}-agent.log", self.host, agent_faults or cluster.faults_of("agent"))
        self.boot_id = boot_id

    @property
    def processes(self):
        return [self.agent, self.gateway]

    @property
    def boot_id(self):
        return self._boot_id

    @boot_id.setter
    def boot_id(self, boot_id):
        """As if the host had been booted anew, from the agent's next start on."""
        self._boot_id = boot_id
        if not boot_id:
            return
        file = self.folder / "boot_id"
        file.write_text(boot_id + "\n")
        # In a mount namespace of its own, where the kernel's file is covered by ours.
        self.agent.wrapper = ["unshare", "--mount", "sh", "-c",
                              'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"', str(file)]

    def start(self):
        self.gateway.start()
        self.agent.start()


class Cluster:
    """Started by its constructor; `close` ends and removes everything, and says what did not end cleanly."""

    _made = 0

    def __init__(self, logs, nodes=1, controller_faults="", agent_faults="", agent_flags=(), controller_flags=(),
                 gateway_flags=(), controller_disk=0, agent_disk=0, crashes=False, controller_wrapper=(),
                 make_network=Network):
        """controller_disk, agent_disk: bytes of a small disk of its own for the data or state folder.

        crashes: every process can be killed at its fault points, with `crash_points`.
        controller_wrapper: a command in front of the controller's."""
        self.name = f"{settings.RUN}-{Cluster._made}"
        Cluster._made += 1
        self.logs = logs
        logs.mkdir(parents=True, exist_ok=True)
        # Short: a socket's path has at most 107 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.crash_points = CrashPoints(self.folder / "crash") if crashes else None
        self.network = None
        self.nodes = []
        self.disks = []
        self.api = None
        self.controller = None
        try:
            self.network = make_network()
            self._make_controller(controller_faults, controller_flags, controller_disk, controller_wrapper)
            for number in range(1, nodes + 1):
                self.add_node(f"node-{number}", agent_faults=agent_faults, agent_flags=agent_flags,
                              gateway_flags=gateway_flags, disk=agent_disk)
            self.wait_ready()
        except BaseException:
            self._remove()
            raise

    def add_disk(self, folder, size):
        self.disks.append(SmallDisk(folder, size))
        return self.disks[-1]

    def faults_of(self, program):
        return self.crash_points.faults(program) if self.crash_points else ""

    def _make_controller(self, faults, flags, disk, wrapper):
        self.address = f"{self.network.address}:{_PORT}"
        self.data = self.folder / "controller"
        self.disk = self.add_disk(self.data, disk) if disk else None
        self.controller_command("init", "--cluster-name", self.name, "--host", self.network.address)
        self.ca = self.data / "ca.crt"
        self.token_file = self.data / "admin.token"
        self.token = self.token_file.read_text().strip()
        self.controller = Process(
            "controller", [settings.program("cronium-controller"), "serve", "--data-dir", str(self.data),
                           "--listen", self.address, *flags], self.logs / "controller.log",
            faults=faults or self.faults_of("controller"))
        self.controller.wrapper = list(wrapper)
        self.api = Api(self.address, self.ca, self.token)
        self.cli = Cli(self.address, self.ca, self.token_file)
        self.grpcurl = Grpcurl(self.address, self.ca, self.token)
        self.start_controller()

    def controller_command(self, command, *args):
        """Runs `cronium-controller init` and the like."""
        done = subprocess.run([settings.program("cronium-controller"), command, "--data-dir", str(self.data), *args],
                              capture_output=True, text=True, env=settings.environment(), timeout=seconds(30))
        assert done.returncode == 0, f"cronium-controller {command}: {done.stdout}{done.stderr}"
        return done.stdout

    def start_controller(self):
        self.controller.start()
        wait_for("the controller to answer", self._controller_answers)

    def _controller_answers(self):
        assert self.controller.alive, f"the controller ended with {self.controller.exit_code}"
        return self.api.answers()

    def add_node(self, name, start=True, **options):
        node = Node(self, name, **options)
        self.nodes.append(node)
        if start:
            node.start()
        return node

    def wait_ready(self):
        for node in self.nodes:
            self.wait_node_state(node, node_pb2.NODE_STATE_READY)

    def wait_node_state(self, node, state, deadline=30):
        def check():
            for process in node.processes:
                assert process.alive, f"the {process.name} ended with {process.exit_code}"
            return any(n.name == node.name and n.state == state for n in self.api.list_nodes())
        wait_for(f"{node.name} to be {node_pb2.NodeState.Name(state)}", check, deadline)

    def wait_node_away(self, node, deadline=30):
        """Waits until the controller has seen that the agent, which was ended, is gone."""
        wait_for(f"{node.name} to be away",
                 lambda: self.api.node(node.name).state == node_pb2.NODE_STATE_UNREACHABLE, deadline)

    @property
    def processes(self):
        # Those that use the controller first.
        found = [process for node in self.nodes for process in node.processes]
        return found + ([self.controller] if self.controller else [])

    @property
    def database(self):
        [path] = self.data.glob("*.db")
        return path

    def rows(self, query):
        """What a query finds in the database file: a line for each row."""
        return subprocess.run(["sqlite3", "-readonly", str(self.database), query], capture_output=True, text=True,
                              check=True).stdout.splitlines()

    def wait_variable(self, key, condition=lambda value_json: True):
        """Returns once the variable is set and its JSON text is as wanted."""
        def check():
            try:
                return condition(self.api.get_variable(key).value_json)
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.NOT_FOUND, error
                return False
        wait_for(f"the variable {key}", check, 60)

    def containers_of(self, job_id):
        return [c for e in self.api.executions(job_id) for c in engine.containers_of_execution(e.id)]

    def wait_container_gone(self, job_id):
        wait_for(f"the container of {job_id} to be gone", lambda: not self.containers_of(job_id))

    def log_tails(self, lines=40):
        return [(process.name, str(process.log), "\n".join(process.log_text().splitlines()[-lines:]))
                for process in self.processes]

    def close(self):
        """SIGTERM must end every process cleanly; a sanitizer must have nothing to say."""
        # The controller would wait for it to hang up: in Python a channel that nobody calls on does not answer.
        self.api.close()
        wrong = []
        for process in self.processes:
            if process.alive:
                try:
                    code = process.stop()
                    if code != 0:
                        wrong.append(f"the {process.name} exited with {code} after SIGTERM")
                except AssertionError as error:
                    wrong.append(str(error))
            wrong += [f"the {process.name} reported {report}" for report in process.sanitizer_reports()]
        self._remove()
        assert not wrong, "\n".join(wrong)

    def _remove(self):
        for process in self.processes:
            process.kill()
        if self.api:
            self.api.close()
        engine.remove_containers_of_cluster(self.name)
        if self.network:
            self.network.close()
        for disk in self.disks:
            disk.close()
        shutil.rmtree(self.folder, ignore_errors=True)
