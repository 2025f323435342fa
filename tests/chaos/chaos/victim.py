# SPDX-License-Identifier: Apache-2.0
"""A process of the cluster that is to be killed now and then, and must never end by itself."""

import os
import re
import signal

from harness import fault_points
from harness.crash_points import CRASHED, CrashPoints
_CANNOT_START = 1
_NOT_STARTED = re.compile(r" error cannot start |^cronium-controller: ")
_DISK_TROUBLE = re.compile(r"disk is full|database or disk|No space left|disk I/O error")


def points_of(program):
    """Those fault points (docs/faults.md) of `controller`, `agent` or `gateway` that jobs come by."""
    passed = {**fault_points.BEFORE_THE_JOB, **fault_points.WHILE_IT_RUNS}
    return [point for point in passed if point.startswith(f"{program}.")]


class Victim:
    """A harness.process.Process of a program (`controller`, `agent`, `gateway`) with its crash points, in a folder of its own."""

    def __init__(self, process, program, folder, node="", disk=None):
        self.process = process
        # Where it keeps its state; None where it has none.
        self._disk = disk
        self.node = node
        self.points = points_of(program)
        self._crash_points = CrashPoints(folder)
        process.faults = self._crash_points.faults(program)
        self.down = True

    @property
    def name(self):
        return self.process.name

    def start(self):
        self.process.start()
        self.down = False

    def kill(self):
        self.down = True
        self.process.kill()

    def arm(self, point, passes):
        """It is to die when it has come by so often. It is to be killed afterwards: it may be dying while it is disarmed."""
        self.down = True
        self._crash_points.arm(point, passes)

    def disarm(self):
        """Returns whether it died there."""
        self._crash_points.disarm()
        return not self.process.alive and self.process.exit_code == CRASHED

    def freeze(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        if self.process.alive:
            os.kill(self.process.pid, signal.SIGCONT)

    def fell(self):
        """What is wrong where it ended though nobody ended it. One that could not start on a full disk is started again."""
        if self.down or self.process.alive:
            return ""
        if self._could_not_start():
            # As systemd would.
            self.start()
            return ""
        return f"the {self.name} ended by itself, with {self.process.exit_code}; its log is {self.process.log}"

    def _could_not_start(self):
        if self._disk is None or self.process.exit_code != _CANNOT_START:
            return False
        *_, last = self.process.log_text().splitlines() or [""]
        return _NOT_STARTED.search(last) and _DISK_TROUBLE.search(last)
