# SPDX-License-Identifier: Apache-2.0
"""A Docker engine of the tests' own, to be killed and restarted: the machine's is shared and is never touched.

It has a containerd, sockets, data, run folder, pid file, control groups and a network namespace of its own; in there also its bridge, so
that it has nothing in common with another engine. (Never give it --bridge=none instead: that deletes the bridge of the other one.)
"""

import json
import os
import pathlib
import re
import signal
import subprocess

from harness import settings
from harness.network import Host, ip
from harness.process import Process
from harness.waiting import wait_for

_CONTAINERD = """version = 2
root = "{folder}/containerd/root"
state = "{folder}/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{folder}/containerd.sock"
"""


class Engine:
    """containerd and dockerd, each a process that can be killed by itself. Not thread-safe."""

    def __init__(self, folder, name, logs):
        self.name = name
        self._folder = folder
        self._group = name
        folder.mkdir(parents=True)
        self.socket = folder / "docker.sock"
        (folder / "containerd.toml").write_text(_CONTAINERD.format(folder=folder))
        ip("netns", "add", self._group)
        host = Host(name, self._group, "")
        self.containerd = Process(f"containerd of {name}", ["containerd", "--config", str(folder / "containerd.toml"), "--log-level", "warn"],
                                  logs / f"{name}-containerd.log", host)
        self.dockerd = Process(
            f"dockerd of {name}",
            ["dockerd", "--config-file", str(folder / "daemon.json"), "--host", f"unix://{self.socket}",
             "--containerd", str(folder / "containerd.sock"), "--data-root", str(folder / "data"), "--exec-root", str(folder / "run"),
             "--pidfile", str(folder / "docker.pid"), "--cgroup-parent", f"/{self._group}", "--iptables=false", "--ip6tables=false",
             "--ip-masq=false", "--log-level", "warn"],
            logs / f"{name}-dockerd.log", host)

    def start(self, keep_containers=True):
        """Returns before it answers. keep_containers: whether those that run go on; else dockerd ends them first."""
        (self._folder / "daemon.json").write_text(json.dumps({"live-restore": keep_containers}))
        if not self.containerd.alive:
            (self._folder / "containerd.sock").unlink(missing_ok=True)
            self.containerd.start()
        wait_for(f"the {self.containerd.name} to listen", (self._folder / "containerd.sock").exists)
        # Left by one that was killed, and its number may be another process's by now.
        (self._folder / "docker.pid").unlink(missing_ok=True)
        self.dockerd.start()

    def wait_ready(self):
        def answers():
            assert self.dockerd.alive, f"the {self.dockerd.name} ended with {self.dockerd.exit_code}: {self.dockerd.log}"
            return self.docker("version").returncode == 0
        wait_for(f"the {self.dockerd.name} to answer", answers, deadline=60)

    def docker(self, *args, **options):
        return subprocess.run(["docker", "--host", f"unix://{self.socket}", *args], capture_output=True, **options)

    def import_image(self, archive, name):
        done = self.docker("import", "-", name, input=archive)
        assert done.returncode == 0, done.stderr.decode()

    def containers(self):
        """Ids of all there are, ended ones too; None while it does not answer."""
        done = self.docker("ps", "--all", "--quiet")
        return done.stdout.decode().split() if done.returncode == 0 else None

    def kill_containers(self):
        """SIGKILL for their processes and for the shims that would have told the engine."""
        for pid in [*_shims(self._folder), *_in_group(self._group)]:
            _kill(pid)

    def close(self):
        self.dockerd.kill()
        self.containerd.kill()
        _remove(self._folder, self._group)


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # It has just ended.


def _read(path):
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _pids():
    return [int(entry.name) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()]


def _shims(folder):
    """Containers' parents. They are nobody's children any more; their arguments say whose they are."""
    address = f"{folder}/containerd.sock".encode()
    return [pid for pid in _pids() if address in (words := _read(pathlib.Path(f"/proc/{pid}/cmdline")).split(b"\0"))
            and os.path.basename(words[0]).startswith(b"containerd-shim")]


def _in_group(group):
    return [pid for pid in _pids() if f"/{group}/".encode() in _read(pathlib.Path(f"/proc/{pid}/cgroup"))]


def _remove(folder, group):
    """What is left of an engine whose own processes are gone."""
    def gone():
        left = [*_shims(folder), *_in_group(group)]
        for pid in left:
            _kill(pid)
        return not left
    wait_for(f"the containers of {group} to end", gone)
    with open("/proc/mounts", encoding="utf-8") as mounts:
        points = [line.split()[1] for line in mounts]
    # Those within others first.
    for point in sorted((point for point in points if point.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", point], check=False)
    root = pathlib.Path("/sys/fs/cgroup")
    for groups in [root / group, *root.glob(f"*/{group}")]:
        for found in sorted((path for path in groups.rglob("*") if path.is_dir()), reverse=True):
            found.rmdir()
        if groups.is_dir():
            groups.rmdir()
    if pathlib.Path(f"/run/netns/{group}").exists():
        ip("netns", "delete", group)


def sweep():
    """Ends the containers that killed runs left running; harness.leftovers removes the rest."""
    shim = re.compile(rb"/%s-(\d+)-[^\0]*/containerd\.sock" % settings.RUN_NAME.encode())
    group = re.compile(rb"/%s-(\d+)-" % settings.RUN_NAME.encode())
    for pid in _pids():
        for file, pattern in (("cmdline", shim), ("cgroup", group)):
            match = pattern.search(_read(pathlib.Path(f"/proc/{pid}/{file}")))
            if match and not os.path.exists(f"/proc/{match.group(1).decode()}"):
                _kill(pid)
