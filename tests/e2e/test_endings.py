# SPDX-License-Identifier: Apache-2.0
"""Every way a job can end: it ends as itself, its log so far is whole, and its container is gone."""

import pytest

from harness import engine
from harness.protos import job_pb2
from harness.testing import assert_ended, assert_numbered, last_number

# Writes numbered lines until it is stopped, and says so where it lives to see it.
COUNTING = """#!/bin/bash
trap 'echo "line $((++i))"; echo "told to stop after line $i" >&2; exit 0' TERM
i=0
while true; do echo "line $((++i))"; sleep 0.01; done
"""
STUBBORN = """#!/bin/bash
trap 'echo "not now" >&2' TERM
i=0
while true; do echo "line $((++i))"; sleep 0.01; done
"""


@pytest.mark.parametrize("script, code, reason", [
    ("exit 0", 0, "EXITED"),
    ("exit 3", 3, "EXITED"),
    ("exit 255", 255, "EXITED"),
    ("exit 137", 137, "EXITED"),
    ("kill -9 $$", 137, "SIGNALLED"),
    ("kill -TERM $$", 143, "SIGNALLED"),
    ("ulimit -c 0; kill -SEGV $$", 139, "SIGNALLED"),
    ("no-such-command", 127, "EXITED"),
])
def test_the_exit_code_is_as_the_script_gave_it(cluster, script, code, reason):
    outcome = cluster.api.run(f"echo begins; {script}")

    assert_ended(outcome.job, "SUCCEEDED" if code == 0 else "FAILED", reason)
    assert outcome.job.exit_code == code
    assert outcome.stdout == b"begins\n"
    cluster.wait_container_gone(outcome.job.id)


@pytest.mark.parametrize("how", [["stop"], ["kill"], ["rm", "--force"]], ids=" ".join)
def test_a_container_that_is_ended_from_outside_is_attempted_again(cluster, how):
    """As by an engine that is restarted: it is not the script's own failure."""
    job_id = cluster.api.submit('echo "attempt $CRONIUM_ATTEMPT"; [ "$CRONIUM_ATTEMPT" = 2 ] || sleep 600')
    cluster.api.wait_for_output(job_id, b"attempt 1\n")
    [first] = cluster.api.executions(job_id)

    engine.docker(*how, first.id)

    outcome = cluster.api.outcome(job_id)
    assert_ended(outcome.job, "SUCCEEDED", "EXITED")
    assert outcome.stdout == b"attempt 2\n"
    first, second = cluster.api.executions(job_id)
    assert (first.state, first.end_reason) == (job_pb2.EXECUTION_STATE_LOST, job_pb2.END_REASON_RUNTIME_ERROR)
    assert "from outside" in first.message
    assert second.attempt == 2


def test_what_the_script_left_running_ends_with_it(cluster):
    """The background process holds both streams open and would go on for ten minutes."""
    outcome = cluster.api.run("(while true; do sleep 600; done) & echo leaves")

    assert_ended(outcome.job, "SUCCEEDED", "EXITED")
    assert outcome.stdout == b"leaves\n"


def test_too_much_memory_is_its_own_reason(cluster):
    outcome = cluster.api.run("echo begins; exec tail /dev/zero", memory_bytes=32 << 20)

    assert_ended(outcome.job, "FAILED", "OUT_OF_MEMORY")
    assert outcome.job.exit_code == 137
    assert "memory_bytes" in outcome.job.state_message
    assert outcome.stdout == b"begins\n"
    cluster.wait_container_gone(outcome.job.id)


def test_a_running_job_is_cancelled(cluster):
    job_id = cluster.api.submit(COUNTING)
    cluster.api.wait_for_output(job_id, b"line 20\n")

    answer = cluster.api.cancel(job_id, reason="not needed")
    assert answer.cancel_requested or answer.state == job_pb2.JOB_STATE_CANCELLED

    outcome = cluster.api.outcome(job_id)
    assert_ended(outcome.job, "CANCELLED", "CANCELLED")
    assert outcome.job.exit_code == 0, "the trap exits with 0, and the reason is apart from that"
    count = assert_numbered(outcome.stdout, "line")
    # The shell may have a word on the `sleep` that was told too.
    assert outcome.stderr.endswith(f"told to stop after line {count}\n".encode())
    assert "not needed" in outcome.job.state_message
    cluster.wait_container_gone(job_id)


def test_a_job_that_ignores_the_request_is_killed_after_its_grace(cluster):
    job_id = cluster.api.submit(STUBBORN, timeouts={"stop_grace": 1})
    cluster.api.wait_for_output(job_id, b"line 20\n")

    cluster.api.cancel(job_id)

    outcome = cluster.api.outcome(job_id)
    assert_ended(outcome.job, "CANCELLED", "CANCELLED")
    assert outcome.job.exit_code == 137
    # It was told, and went on.
    assert b"not now\n" in outcome.stderr
    assert assert_numbered(outcome.stdout, "line") >= 20
    cluster.wait_container_gone(job_id)


def test_a_job_that_runs_for_too_long_is_timed_out(cluster):
    outcome = cluster.api.run(COUNTING, timeouts={"run": 1.5})

    assert_ended(outcome.job, "TIMED_OUT", "RUN_TIMEOUT")
    assert "timeouts.run" in outcome.job.state_message
    count = assert_numbered(outcome.stdout, "line")
    # The shell may have a word on the `sleep` that was told too.
    assert outcome.stderr.endswith(f"told to stop after line {count}\n".encode())
    cluster.wait_container_gone(outcome.job.id)


def test_a_job_that_ignores_its_timeout_is_killed_after_its_grace(cluster):
    outcome = cluster.api.run(STUBBORN, timeouts={"run": 1, "stop_grace": 0.5})

    assert_ended(outcome.job, "TIMED_OUT", "RUN_TIMEOUT")
    assert outcome.job.exit_code == 137
    assert last_number(outcome.stdout, "line") == assert_numbered(outcome.stdout, "line")
    cluster.wait_container_gone(outcome.job.id)


def test_cancelling_twice_or_after_the_end_changes_nothing(cluster):
    job = cluster.api.run("exit 5").job

    answer = cluster.api.cancel(job.id)

    assert_ended(answer, "FAILED", "EXITED")
    assert_ended(cluster.api.get(job.id), "FAILED", "EXITED")


class TestQueued:
    """Jobs for a node that is known and away."""

    @pytest.fixture(scope="class")
    def away(self, cluster):
        node = cluster.add_node("node-away")
        cluster.wait_ready()
        node.agent.stop()
        yield node.name
        # For the check at the end that every process of the cluster ends cleanly.
        node.agent.start()

    def test_a_queued_job_is_cancelled_in_the_answer(self, cluster, away):
        job_id = cluster.api.submit("true", node=away)

        answer = cluster.api.cancel(job_id, reason="changed my mind")

        assert_ended(answer, "CANCELLED", "CANCELLED")
        assert_ended(cluster.api.wait_ended(job_id), "CANCELLED", "CANCELLED")
        assert answer.attempt == 0 and not answer.HasField("exit_code")
        assert cluster.api.log(job_id, follow=True).last_seq == 0

    def test_a_job_that_waits_for_too_long_is_timed_out(self, cluster, away):
        job = cluster.api.wait_ended(cluster.api.submit("true", node=away, timeouts={"queue": 0.5}))

        assert_ended(job, "TIMED_OUT", "QUEUE_TIMEOUT")
        assert "timeouts.queue" in job.state_message
        assert job.attempt == 0


class TestPreparing:
    """Jobs whose agent holds them before it makes their container."""

    @pytest.fixture(scope="class")
    def holding(self, make_cluster):
        return make_cluster(agent_faults="agent.create.before=on")

    @staticmethod
    def submit_and_hold(holding, **fields):
        job_id = holding.api.submit("true", **fields)
        holding.api.wait_for_job(job_id, "prepare", lambda _: [
            e.state for e in holding.api.executions(job_id)] == [job_pb2.EXECUTION_STATE_PREPARING])
        return job_id

    def test_a_job_that_is_being_prepared_is_cancelled(self, holding):
        job_id = self.submit_and_hold(holding)

        holding.api.cancel(job_id)

        job = holding.api.wait_ended(job_id)
        assert_ended(job, "CANCELLED", "CANCELLED")
        assert not job.HasField("exit_code")
        assert holding.api.log(job_id).last_seq == 0
        holding.wait_container_gone(job_id)

    def test_a_job_that_is_prepared_for_too_long_is_timed_out(self, holding):
        job_id = self.submit_and_hold(holding, timeouts={"prepare": 1.5})

        job = holding.api.wait_ended(job_id)
        assert_ended(job, "TIMED_OUT", "PREPARE_TIMEOUT")
        assert "timeouts.prepare" in job.state_message
        holding.wait_container_gone(job_id)
