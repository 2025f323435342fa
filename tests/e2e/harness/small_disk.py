# SPDX-License-Identifier: Apache-2.0
"""A folder on a small disk of its own, in memory, that a test fills and frees."""

import errno
import os
import subprocess


class SmallDisk:
    def __init__(self, folder, size):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(folder)], check=True)

    @property
    def free(self):
        stat = os.statvfs(self.folder)
        return stat.f_bavail * stat.f_frsize

    def fill(self, leave):
        """Takes room with a foreign file until this much is left."""
        with open(self.folder / "foreign", "ab") as file:
            while (take := self.free - leave) > 0:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, take)
                except OSError as error:
                    # Others write too, and were quicker: there is less to take.
                    if error.errno != errno.ENOSPC:
                        raise

    def clear(self):
        (self.folder / "foreign").unlink(missing_ok=True)

    def close(self):
        # Lazily: a process that was killed a moment ago may still be in it.
        subprocess.run(["umount", "-l", str(self.folder)], check=False)


def unmount_below(folder):
    """What a killed run left mounted there."""
    with open("/proc/mounts", encoding="utf-8") as mounts:
        points = [line.split()[1] for line in mounts]
    for point in points:
        if point.startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", point], check=False)
