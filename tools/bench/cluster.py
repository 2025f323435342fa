# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks with real containers share: a built release, and a cluster of one host on the loopback."""

import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WAIT_SECONDS = 30
PROGRAMS = ["cronium-controller", "cronium-agent", "cronium-runtime-gateway", "cronium", "inject"]


class CannotMeasure(Exception):
    pass


def command(*words, **options):
    """stdout of a command that must succeed."""
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise CannotMeasure(f"{' '.join(str(w) for w in words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(*bench_programs):
    """Builds the release preset, installs it beside, and returns (prefix, folder of the bench programs)."""
    folder = ROOT / "build/release"
    prefix = ROOT / "build/bench-install"
    print("building the release preset ...", file=sys.stderr, flush=True)
    command("cmake", "--preset", "release", cwd=ROOT)
    command("nice", "cmake", "--build", "--preset", "release", "--target", *PROGRAMS, *bench_programs, cwd=ROOT)
    shutil.rmtree(prefix, ignore_errors=True)
    command("cmake", "--install", folder, "--prefix", prefix, cwd=ROOT)
    return prefix, folder / "bin"


def wait_for(what, check, alive=()):
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        result = check()
        if result:
            return result
        for process in alive:
            if process.poll() is not None:
                raise CannotMeasure(f"{process.args[0]} ended with {process.returncode} while waiting for {what}")
        time.sleep(0.02)
    raise CannotMeasure(f"waited {WAIT_SECONDS} s for {what}")


class Cluster:
    """One host on the loopback: controller, gateway, agent. `close` ends them and removes their containers and the folder.

    `injected` are more programs that every job container finds on its PATH.
    """

    def __init__(self, prefix, injected=()):
        self.bin = prefix / "bin"
        # Short: a socket's path has at most 107 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cronium-b-"))
        self.processes = []
        try:
            self._start(prefix, injected)
        except BaseException:
            self.close(failed=True)
            raise

    def _start(self, prefix, injected):
        self.data_dir, tls, api = self.folder / "data", self.folder / "tls", self.folder / "api"
        api.mkdir()
        inject = prefix / "lib/cronium/inject"
        if injected:
            inject = shutil.copytree(inject, self.folder / "inject", symlinks=True)
            for program in injected:
                shutil.copy(program, inject / "bin")
        command(self.bin / "cronium-controller", "init", "--data-dir", self.data_dir, "--cluster-name", "bench")
        command(self.bin / "cronium-controller", "issue-node-certificate", "--data-dir", self.data_dir, "--node",
                "bench-1", "--out", tls)
        controller = self._run("cronium-controller", "serve", "--data-dir", self.data_dir, "--listen", "127.0.0.1:0")
        port = wait_for("the controller", self._controller_port, [controller])
        self.address = f"127.0.0.1:{port}"
        common = ["--controller", self.address, "--ca", tls / "ca.crt", "--certificate", tls / "node.crt", "--key",
                  tls / "node.key"]
        self._run("cronium-runtime-gateway", *common, "--socket-dir", api)
        self._run("cronium-agent", *common, "--state-dir", self.folder / "agent", "--gateway-dir", api, "--inject-dir",
                  inject)
        self.client_env = dict(os.environ, CRONIUM_CONTROLLER=self.address, CRONIUM_CA=str(self.data_dir / "ca.crt"),
                               CRONIUM_TOKEN_FILE=str(self.data_dir / "admin.token"), HOME="/nonexistent")
        wait_for("the node to be ready", self._node_ready, self.processes)

    def _run(self, program, *words):
        log = open(self.folder / f"{program}.log", "wb")
        process = subprocess.Popen([str(w) for w in (self.bin / program, *words)], stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL)
        log.close()
        self.processes.append(process)
        return process

    def _controller_port(self):
        found = re.search(r"controller serves .*\bport=(\d+)", (self.folder / "cronium-controller.log").read_text())
        return found and found[1]

    def _node_ready(self):
        done = subprocess.run([str(self.bin / "cronium"), "--output", "json", "nodes", "list"], capture_output=True,
                              text=True, env=self.client_env)
        if done.returncode != 0:
            return False
        return any(n.get("state") == "NODE_STATE_READY" for n in json.loads(done.stdout).get("nodes", []))

    def write_script(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def client(self, *words):
        """stdout of `cronium WORDS`."""
        return command(self.bin / "cronium", *words, env=self.client_env)

    def close(self, failed=False):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        # What the agent had no time to remove.
        for container in our_containers():
            command("docker", "rm", "--force", container)
        if failed:
            for log in sorted(self.folder.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text()[-2000:]}", file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)


def require_image(image):
    if shutil.which("docker") is None:
        raise CannotMeasure("no docker client; tools/setup installs one")
    command("docker", "image", "inspect", image)


def our_containers():
    return command("docker", "ps", "--all", "--quiet", "--filter", "label=cronium.cluster=bench").split()


def containers_gone():
    """Whether the engine has removed what ran before: its removal is no part of what runs next."""
    return not our_containers()


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
                 platform.machine())
    engine = command("docker", "version", "--format", "{{.Server.Version}}").strip()
    return f"{os.cpu_count()} CPUs ({model}), Linux {platform.release()}, Docker Engine {engine}"
