# SPDX-License-Identifier: Apache-2.0
"""The cluster that a script of this folder is run against: the person's, or one of its own."""

import base64
import contextlib
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import time

from harness import requirements, settings
from harness.waiting import seconds

# What ctest takes as skipped.
_SKIPPED = 77


class Target:
    """A cluster as its client sees it, and, where its controller's database is at hand, that file."""

    def __init__(self, program, env, database=None, is_ours=False):
        # Whether it ends with the script, so that nothing needs to be tidied up.
        self.is_ours = is_ours
        self._program = program
        self._env = env
        self._database = database

    @property
    def has_database(self):
        return self._database is not None

    def rows(self, query, *values):
        """What a query finds in the database file."""
        # Read-only also for SQLite: the controller writes meanwhile.
        with contextlib.closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as database:
            return database.execute(query, values).fetchall()

    def cronium(self, *args, deadline=120):
        """The ended client, whatever its exit status."""
        return subprocess.run([self._program, *args], env=self._env, capture_output=True, timeout=seconds(deadline))

    def objects(self, *args):
        """What a call prints with --output json."""
        done = self.cronium("--output", "json", *args)
        if done.returncode == 125:
            sys.exit(f"cronium {' '.join(args)}: {done.stderr.decode().strip()}")
        return list(objects(done.stdout.decode()))

    def submit(self, script, *options, args=()):
        """Submits a script and returns the job's id."""
        done = subprocess.run([self._program, "run", "--detach", "--label", "cronium.test=" + pathlib.Path(sys.argv[0]).name, *options,
                               "-", *args], input=script.encode(), env=self._env, capture_output=True, timeout=seconds(60))
        if done.returncode != 0:
            sys.exit(f"cronium run: {done.stderr.decode().strip()}")
        return done.stdout.decode().strip()

    def result(self, job):
        """A job's result once it has ended; `stdout` and `stderr` are added as text."""
        self.cronium("jobs", "wait", job, deadline=300)
        [result] = self.objects("jobs", "result", job)
        result = result.get("result", result)
        streams = result.get("output", {}).get("streams", {})
        for name in ("stdout", "stderr"):
            result[name] = base64.b64decode(streams.get(name, "")).decode(errors="replace")
        return result

    def variable(self, key):
        """A variable's JSON text; None where it is not set."""
        done = self.cronium("--output", "json", "variables", "get", key)
        if done.returncode != 0:
            return None
        found = json.loads(done.stdout)
        return found.get("variable", found)["valueJson"]

    def variables(self, prefix):
        """All variables whose keys begin so, as the API has them."""
        return [one for page in self.objects("variables", "list", "--prefix", prefix) for one in page.get("variables", [])]


def objects(text):
    """JSON objects that follow one another."""
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        found, end = decoder.raw_decode(text)
        yield found
        text = text[end:]


@contextlib.contextmanager
def target():
    """The cluster that the environment names, as `cronium` understands it; else one with a single node, which ends with the block."""
    if os.environ.get("CRONIUM_CONTROLLER") or os.environ.get("CRONIUM_CLI_CONFIG"):
        program = shutil.which("cronium") or settings.program("cronium")
        yield Target(program, dict(os.environ), os.environ.get("CRONIUM_DATABASE"))
        return
    reason = requirements.missing()
    if reason:
        print(f"skipped: {reason}. To use a cluster that runs, set CRONIUM_CONTROLLER and what else docs/cli.md lists.")
        sys.exit(_SKIPPED)
    from harness import leftovers
    from harness.cluster import Cluster
    leftovers.sweep()
    name = pathlib.Path(sys.argv[0]).name
    logs = settings.LOGS / name
    for old in logs.glob("*.log"):
        old.unlink()
    cluster = Cluster(logs)
    try:
        yield Target(settings.program("cronium"), cluster.cli.env, cluster.database, is_ours=True)
    finally:
        cluster.close()


class Report:
    """Says of each thing that was looked at whether it is right, and what came of all."""

    def __init__(self):
        self._start = time.monotonic()
        self._ok = 0
        self._failed = 0

    def check(self, what, wanted, seen):
        self.add(what, "" if wanted == seen else f"wanted {wanted!r}, saw {seen!r}")

    def add(self, what, wrong=""):
        if wrong:
            self._failed += 1
            print(f"  FAIL  {what}: {wrong}", flush=True)
        else:
            self._ok += 1
            print(f"  ok    {what}", flush=True)

    def succeeded(self, what, result):
        """Whether the job ended well; if not, with all it said."""
        if result["state"] == "JOB_STATE_SUCCEEDED":
            self.add(f"{what}: {result['jobId']} succeeded")
            return True
        said = "".join(f"\n        {line}" for line in (result["stdout"] + result["stderr"]).splitlines())
        self.add(f"{what}: {result['jobId']}", f"{result['state']} {result.get('endReason')} exit code {result.get('exitCode')} "
                                               f"{result.get('message', '')}{said}")
        return False

    def end(self):
        """Prints the sum and returns the exit status."""
        print(f"{self._ok + self._failed} checks, {self._failed} failed, {time.monotonic() - self._start:.1f} s")
        return 1 if self._failed or not self._ok else 0
