# SPDX-License-Identifier: Apache-2.0
"""Kills processes of a cluster at their fault points (docs/faults.md), when a test says so."""

import os

from harness import fault_points
from harness.waiting import wait_for

# What a process ends with at a fault point.
CRASHED = 137


class CrashPoints:
    """Each point of the programs with a file of its own: a process dies at the point once the file is there."""

    def __init__(self, folder):
        self._folder = folder
        folder.mkdir()

    def faults(self, program):
        """CRONIUM_FAULTS for a process of this program: controller, agent or gateway."""
        points = [p for p in fault_points.ALL if p.startswith(f"{program}.") and p not in fault_points.DEFECTS]
        return ",".join(f"{point}=crash:{self._folder / point}" for point in points)

    def arm(self, point, passes=1):
        """From now on: the process dies when it comes by the point for the so manieth time."""
        new = self._folder / f"{point}.new"
        new.write_text(str(passes))
        os.rename(new, self._folder / point)

    def disarm(self):
        """Of what did not come by."""
        for file in self._folder.iterdir():
            file.unlink(missing_ok=True)

    @staticmethod
    def wait_crashed(process):
        wait_for(f"{process.name} to die at its fault point", lambda: not process.alive)
        assert process.exit_code == CRASHED, f"{process.name} ended with {process.exit_code}"
