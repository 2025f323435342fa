# SPDX-License-Identifier: Apache-2.0
"""A process of the cluster: started, ended in every way, its log kept."""

import re
import signal
import subprocess

from harness import settings
from harness.waiting import seconds, wait_for

_SANITIZER_REPORT = re.compile(r"(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|: runtime error: ).*")


class Process:
    """One program with its arguments. It can be started again after its end; its log goes on in the same file."""

    def __init__(self, name, argv, log, host=None, faults=""):
        self.name = name
        self.argv = argv
        self.log = log
        self.host = host
        self.faults = faults
        # A command in front of argv that ends by becoming it.
        self.wrapper = []
        self._process = None

    def start(self):
        assert not self.alive, f"{self.name} runs already"
        argv = [*self.wrapper, *self.argv]
        argv = self.host.enter(argv) if self.host else argv
        env = settings.environment(**({"CRONIUM_FAULTS": self.faults} if self.faults else {}))
        with open(self.log, "ab") as log:
            # It must not outlive the tests, however they end.
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *argv],
                env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        return self

    @property
    def pid(self):
        return self._process.pid

    @property
    def alive(self):
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self):
        return self._process.poll()

    def wait(self, deadline=30):
        try:
            return self._process.wait(seconds(deadline))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end by itself") from None

    def stop(self, deadline=40):
        """SIGTERM; returns the exit code, which is 0 where it ended cleanly."""
        if not self.alive:
            return self.exit_code
        self._process.terminate()
        try:
            return self._process.wait(seconds(deadline))
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {seconds(deadline):.0f} s of SIGTERM") from None

    def kill(self):
        """SIGKILL: as after a crash."""
        if self.alive:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def freeze(self):
        """SIGSTOP: nothing of it runs, and its connections stay open."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)

    def log_text(self):
        try:
            return self.log.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def wait_for_log(self, pattern, deadline=30):
        """The match of a regular expression in the log, once it is there."""
        return wait_for(f"/{pattern}/ in the log of {self.name}",
                        lambda: re.search(pattern, self.log_text()), deadline)

    def sanitizer_reports(self):
        return [m.group(0) for m in _SANITIZER_REPORT.finditer(self.log_text())]

    def memory(self):
        """Resident bytes now."""
        return self._status("VmRSS")

    def reset_peak_memory(self):
        with open(f"/proc/{self.pid}/clear_refs", "w", encoding="ascii") as f:
            f.write("5")

    def peak_memory(self):
        """The most that was resident since reset_peak_memory, in bytes."""
        return self._status("VmHWM")

    def _status(self, field):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            return int(re.search(rf"^{field}:\s+(\d+) kB", f.read(), re.M).group(1)) * 1024
