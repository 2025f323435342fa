# SPDX-License-Identifier: Apache-2.0
"""Assertions that several test files make on ended jobs."""

import re

from harness.protos import job_pb2


def assert_succeeded(outcome):
    assert outcome.job.state == job_pb2.JOB_STATE_SUCCEEDED and outcome.job.exit_code == 0, outcome.describe()
    return outcome


def assert_ended(job, state, reason):
    """state and reason by their names without prefix: "FAILED", "EXITED"."""
    seen = (job_pb2.JobState.Name(job.state), job_pb2.EndReason.Name(job.end_reason))
    assert seen == (f"JOB_STATE_{state}", f"END_REASON_{reason}"), job


def assert_numbered(data, prefix, count=None):
    """`prefix 1`, `prefix 2`, ... each once, in order, nothing else; up to count where it is given."""
    lines = data.decode().splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        assert line == f"{prefix} {number}\n", f"line {number} of {len(lines)} is {line!r}"
    if count is not None:
        assert len(lines) == count, f"{len(lines)} lines, not {count}"
    return len(lines)


def last_number(data, prefix):
    return int(re.findall(rf"^{prefix} (\d+)$", data.decode(), re.M)[-1])
