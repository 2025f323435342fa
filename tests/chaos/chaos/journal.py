# SPDX-License-Identifier: Apache-2.0
"""The faults as they happened: kept for the checks, written to a file and, for whoever watches, to the screen."""

import contextlib
import time

from chaos.records import Fault


class Journal:
    def __init__(self, path, verbose):
        self.faults = []
        self._file = open(path, "w", encoding="utf-8")
        self._begin = time.time()
        self._verbose = verbose

    def begin(self, kind, target, node="", detail=""):
        """A fault that lasts until `end` is given it."""
        fault = Fault(time.time(), float("inf"), kind, target, node, detail)
        self.faults.append(fault)
        self.say(f"{target}: {kind}{f' ({detail})' if detail else ''}")
        return fault

    def end(self, fault):
        fault.end = time.time()
        self.say(f"{fault.target}: well again after {fault.end - fault.begin:.1f} s of: {fault.kind}")

    @contextlib.contextmanager
    def during(self, kind, target, node="", detail=""):
        fault = self.begin(kind, target, node, detail)
        try:
            yield fault
        finally:
            self.end(fault)

    def say(self, text):
        line = f"{time.time() - self._begin:7.2f} s  {text}"
        self._file.write(line + "\n")
        self._file.flush()
        if self._verbose:
            print(line, flush=True)

    def counts(self):
        """How many there were of each kind, by what was hit."""
        counts = {}
        for fault in self.faults:
            key = f"{fault.kind}: {fault.target}"
            counts[key] = counts.get(key, 0) + 1
        return dict(sorted(counts.items()))

    def close(self):
        self._file.close()
