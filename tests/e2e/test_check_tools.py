# SPDX-License-Identifier: Apache-2.0
"""tools/check-job-logs and tools/check-test-jobs: what they show of stored jobs, and how they exit."""

import subprocess

import pytest

from harness import settings
from harness.protos import job_pb2
from harness.testing import assert_succeeded
from harness.waiting import seconds


def tool(cluster, name, *args, wanted=0):
    done = subprocess.run([settings.ROOT / "tools" / name, *args], env={**cluster.cli.env, "PATH": f"{settings.PREFIX}/bin:/usr/bin:/bin"},
                          capture_output=True, text=True, timeout=seconds(60))
    assert done.returncode == wanted, f"{done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def jobs_with(cluster, label, *scripts):
    """Runs jobs with a label to their ends."""
    ids = [cluster.api.submit(script, labels={"check": label}) for script in scripts]
    for job in ids:
        cluster.api.wait_ended(job)
    return ids


def test_logs_are_shown_with_result_and_found_whole(cluster):
    outcome = assert_succeeded(cluster.api.run(
        'seq 1 100; echo "on stderr" >&2; printf "no end"; cronium_output \'{"n": 1}\'; cronium_set_condition no'))

    shown = tool(cluster, "check-job-logs", outcome.job.id)

    assert f"{outcome.job.id}  succeeded; attempt 1 on node-1, took " in shown
    assert "log: 102 entries, whole" in shown
    assert "    5\n    ... 91 lines ...\n    97\n" in shown and "    no end\n" in shown and "    6\n" not in shown
    assert "    on stderr\n" in shown
    assert 'output: {"n": 1}' in shown and "condition: false" in shown
    assert "    6\n" in tool(cluster, "check-job-logs", "--lines", "0", outcome.job.id)


def test_a_log_that_outgrew_its_limit_says_so_and_is_whole(cluster):
    job = cluster.api.submit("head -c 3000000 /dev/zero | tr '\\0' x | fold -w 99", log_bytes=1 << 20)
    cluster.api.wait_ended(job)

    shown = tool(cluster, "check-job-logs", job)

    assert " were cut, since it outgrew its limit" in shown
    assert ", whole" in shown


# Stands in for the client: tells of a job whose log lacks what it is told to leave out.
CLIENT = """#!/usr/bin/python3
import base64, json, sys
def chunk(first, text):
    return {"stream": "LOG_STREAM_STDOUT", "firstSeq": str(first), "entryCount": text.count("\\n"),
            "data": base64.b64encode(text.encode()).decode()}
if "get" in sys.argv:
    print(json.dumps({"job": {"id": "job_1", "state": "JOB_STATE_SUCCEEDED", "executionId": "exec_1"},
                      "executions": [{"id": "exec_1", "finalLogSeq": "4"}]}, indent=1))
elif "logs" in sys.argv:
    for one in CHUNKS:
        print(json.dumps({"chunks": [chunk(*one)]}))
else:
    print(json.dumps({"jobId": "job_1"}))
"""


@pytest.mark.parametrize("chunks, wrong", [
    ([(1, "a\nb\n"), (4, "d\n")], "entry 4 follows entry 2"), ([(1, "a\nb\n"), (2, "b\nc\nd\n")], "entry 2 follows entry 2"),
    ([(1, "a\nb\nc\n")], "the job wrote 4 entries, and 3 are stored"), ([], "the job wrote 4 entries, and 0 are stored"),
    ([(1, "a\nb\nc\nd\n")], ""),
], ids=["gap", "repeat", "no end", "nothing", "whole"])
def test_a_log_that_is_not_whole_is_found(tmp_path, chunks, wrong):
    client = tmp_path / "cronium"
    client.write_text(CLIENT.replace("CHUNKS", repr(chunks)))
    client.chmod(0o755)

    done = subprocess.run([settings.ROOT / "tools/check-job-logs", "job_1"], env=settings.environment(PATH=f"{tmp_path}:/usr/bin"),
                          capture_output=True, text=True, timeout=seconds(60))

    assert (f"NOT WHOLE: {wrong}" if wrong else "entries, whole") in done.stdout, done
    assert done.returncode == (1 if wrong else 0)


def test_without_a_job_the_newest_are_shown(cluster):
    first, second = jobs_with(cluster, "newest", "echo one", "echo two")

    shown = tool(cluster, "check-job-logs", "--last", "2")

    assert "2 jobs, 0 with a log that is not whole" in shown
    assert shown.index(second) < shown.index(first)


def test_a_job_that_is_not_there_is_named(cluster):
    assert "job_000000000000" in tool(cluster, "check-job-logs", "job_000000000000", wanted=1)


def test_test_jobs_that_went_well_are_listed_and_the_exit_status_is_0(cluster):
    jobs = jobs_with(cluster, "well", "cronium_output 5", "true")

    shown = tool(cluster, "check-test-jobs", "--label", "check=well", "--database", str(cluster.database))

    for job in jobs:
        assert f"ok    {job}" in shown
    assert "2 jobs, 0 not as they should be" in shown


def test_a_test_job_that_failed_is_named_with_its_last_line_and_the_exit_status_is_1(cluster):
    [job] = jobs_with(cluster, "failed", "echo fine; echo 'disk is full' >&2; exit 3")

    shown = tool(cluster, "check-test-jobs", "--label", "check=failed", wanted=1)

    assert f"FAIL  {job}" in shown
    assert "failed: exited, exit code 3" in shown and "disk is full" in shown


def test_a_test_job_that_still_runs_and_none_at_all_are_no_success(cluster):
    job = cluster.api.submit("sleep 600", labels={"check": "running"})
    cluster.api.wait_for_job(job, "run", lambda one: one.state == job_pb2.JOB_STATE_RUNNING)
    assert "has not ended" in tool(cluster, "check-test-jobs", "--label", "check=running", wanted=1)
    cluster.api.cancel(job)
    cluster.api.wait_ended(job)

    assert "there are no such jobs" in tool(cluster, "check-test-jobs", wanted=1)


def test_the_scripts_for_people_run_against_a_cluster_that_is_there_and_their_jobs_are_found(cluster):
    env = {**cluster.cli.env, "CRONIUM_DATABASE": str(cluster.database), "PATH": f"{settings.PREFIX}/bin:/usr/bin:/bin"}
    for script, checks in (("runtime_simple", 8), ("runtime_helpers", 18)):
        done = subprocess.run([settings.ROOT / "tests/e2e" / script], env=env, capture_output=True, text=True, timeout=seconds(120))
        assert done.returncode == 0 and f"{checks} checks, 0 failed" in done.stdout, done

    shown = tool(cluster, "check-test-jobs", "--database", str(cluster.database))

    assert "7 jobs, 0 not as they should be" in shown
    assert shown.count("  runtime_simple  ") == 1 and shown.count("  runtime_helpers  ") == 6
