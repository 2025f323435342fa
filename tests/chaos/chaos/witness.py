# SPDX-License-Identifier: Apache-2.0
"""What jobs say of themselves past Cronium: a folder that all hosts' containers see, with a lock for each job and a FIFO that the tests read.

The folder is in the one whose files the agents mount into every container. It is read-only there; a FIFO can be written all the same, and a
lock can be taken on a file that is only read.
"""

import dataclasses
import os
import select
import shutil
import threading
import time

from harness import settings

# Where a container has it.
INSIDE = "/opt/cronium/witness"


@dataclasses.dataclass(frozen=True)
class Event:
    """`what`: BEGIN and END of a script, WROTE once its variable was set, VIOLATION where another attempt of the job held the lock."""
    time: float
    what: str
    job: int
    execution: str
    node: str


class Witness:
    def __init__(self, inject_dir, locks, log):
        """Makes inject_dir: the installed one, and the witness's folder in it. What is seen is written to the log, too."""
        self._log = open(log, "w", encoding="utf-8")
        self.inject_dir = inject_dir
        shutil.copytree(settings.PREFIX / "lib/cronium/inject", inject_dir, symlinks=True)
        folder = inject_dir / "witness"
        folder.mkdir()
        for number in range(locks):
            (folder / f"lock-{number}").touch(mode=0o444)
        fifo = folder / "events"
        os.mkfifo(fifo)
        fifo.chmod(0o666)
        # Both ends, so that no writer ever waits for a reader, and the reader never sees an end.
        self._fifo = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        self._events = []
        self._closed = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def events(self):
        return list(self._events)

    def close(self):
        self._closed = True
        self._thread.join()
        os.close(self._fifo)
        self._log.close()

    def _read(self):
        rest = b""
        while not self._closed:
            if not select.select([self._fifo], [], [], 0.2)[0]:
                continue
            *lines, rest = (rest + os.read(self._fifo, 65536)).split(b"\n")
            for line in lines:
                what, job, execution, node = line.decode().split()
                self._events.append(Event(time.time(), what, int(job), execution, node))
                print(f"{self._events[-1].time:.2f} {what} job {job} {execution} {node}", file=self._log, flush=True)
