# SPDX-License-Identifier: Apache-2.0
"""What tools/check-job-logs and tools/check-test-jobs share: jobs, results and logs as the controller has them, by its client."""

import base64
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys

ENDED = {"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_TIMED_OUT", "JOB_STATE_CANCELLED"}
# An entry is a line, or a piece of one: protos/cronium/v1/log.proto.
_ENTRY_BYTES = 65536


class Failure(Exception):
    """The client could not do what it was asked; its own words."""


def _program():
    """The client: on PATH, else the newest that was built in this tree."""
    found = shutil.which("cronium")
    if found:
        return found
    root = pathlib.Path(__file__).resolve().parents[2]
    built = sorted([*root.glob("build/*/bin/cronium"), *root.glob("build/*/e2e-install/bin/cronium")], key=lambda p: p.stat().st_mtime)
    if not built:
        raise Failure("there is no program cronium: build it (CONTRIBUTING.md), or put it on PATH")
    return str(built[-1])


def cronium(*args):
    """The objects that a command prints with --output json."""
    done = subprocess.run([_program(), "--output", "json", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ)
    if done.returncode != 0:
        raise Failure(done.stderr.decode(errors="replace").strip())
    return list(_objects(done.stdout.decode()))


def _objects(text):
    """JSON objects that follow one another."""
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        found, end = decoder.raw_decode(text)
        yield found
        text = text[end:]


def newest(count, labels):
    """The newest jobs with these labels, newest first."""
    words = [word for label in labels for word in ("--label", label)]
    return [job for page in cronium("jobs", "list", "--limit", str(count), *words) for job in page.get("jobs", [])]


def job_of(job_id):
    """A job and its executions."""
    [found] = cronium("jobs", "get", job_id)
    return found["job"], found.get("executions", [])


def result_of(job_id):
    [found] = cronium("jobs", "result", job_id)
    return found.get("result", found)


class Log:
    """A stored log, checked while it is read: `wrong` is what breaks its contract, empty if nothing does."""

    def __init__(self, job_id):
        self.streams = {"stdout": b"", "stderr": b""}
        self.cuts = []
        self.last = 0
        self.wrong = ""
        for message in cronium("logs", job_id):
            for chunk in message.get("chunks", []):
                self._add(chunk)

    def _add(self, chunk):
        cut = chunk.get("cut")
        first = int(cut["firstSeq"] if cut else chunk["firstSeq"])
        if first != self.last + 1:
            self.wrong = self.wrong or f"entry {first} follows entry {self.last}"
        if cut:
            self.cuts.append((first, int(cut["lastSeq"])))
            self.last = int(cut["lastSeq"])
            return
        data = base64.b64decode(chunk.get("data", ""))
        entries = int(chunk["entryCount"])
        if entries != _entries(data):
            self.wrong = self.wrong or f"the chunk from entry {first} says that it has {entries} entries, and has {_entries(data)}"
        self.last = first + entries - 1
        name = "stderr" if chunk["stream"].endswith("STDERR") else "stdout"
        self.streams[name] += data


def _entries(data):
    *lines, rest = data.split(b"\n")
    return sum(-(-(len(line) + 1) // _ENTRY_BYTES) for line in lines) + -(-len(rest) // _ENTRY_BYTES)


def check_log(job, executions, log):
    """What is wrong with a log; empty if it is whole."""
    if log.wrong:
        return log.wrong
    newest = next((one for one in executions if one["id"] == job.get("executionId")), {})
    final = int(newest.get("finalLogSeq", log.last))
    if job["state"] in ENDED and log.last != final:
        return f"the job wrote {final} entries, and {log.last} are stored"
    if newest.get("log", {}).get("uncertain"):
        return "the agent and the job's init process were killed together, so the last lines before that may be missing"
    return ""


def how(job):
    """How a job stands, in a few words."""
    state = job["state"].replace("JOB_STATE_", "").lower()
    if job["state"] not in ENDED:
        return f"{state}, {job.get('stateMessage', '')}".rstrip(", ")
    if job["state"] == "JOB_STATE_SUCCEEDED":
        return state
    code = f", exit code {job['exitCode']}" if "exitCode" in job else ""
    return f"{state}: {job.get('endReason', '').replace('END_REASON_', '').lower()}{code}"


def took(job):
    """Seconds from start to end, as text."""
    if "startTime" not in job or "endTime" not in job:
        return "-"
    return f"{(_time(job['endTime']) - _time(job['startTime'])).total_seconds():.2f} s"


def _time(text):
    # Python has no nanoseconds.
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.datetime.fromisoformat(whole) + datetime.timedelta(seconds=float("0." + (fraction or "0")))


def run(main):
    """A tool's main function, which returns its exit status."""
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {failure}")
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
