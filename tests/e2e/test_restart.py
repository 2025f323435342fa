# SPDX-License-Identifier: Apache-2.0
"""A restart of any process is no loss: what runs goes on, and ends with its log whole."""

import pytest

from harness.protos import job_pb2, node_pb2
from harness.testing import assert_ended, assert_numbered, assert_succeeded

# Writes both streams until the variable says stop, then says how many lines there were.
COUNTING = """#!/bin/bash
( until [ -e /tmp/stop ]; do echo "out $((++n))"; echo "err $n" >&2; sleep 0.002; done; echo "$n" >/tmp/lines ) &
until [ "$(cronium_get_variable "restart/$1")" = stop ]; do sleep 0.1; done
touch /tmp/stop; wait
exit $(( $(cat /tmp/lines) % 100 ))
"""


class CountingJob:
    def __init__(self, cluster, name):
        self._cluster, self._name = cluster, name
        self.job_id = cluster.api.submit(COUNTING, args=[name], cpu_millis=250)
        self.wait_for_more()

    def wait_for_more(self):
        """At least 50 more lines than are stored now."""
        have = len(self._cluster.api.log(self.job_id).stdout.splitlines())
        self._cluster.api.wait_for_output(self.job_id, f"out {have + 50}\n".encode(), deadline=60)

    def finish(self):
        self._cluster.api.set_variable(f"restart/{self._name}", '"stop"')
        outcome = self._cluster.api.outcome(self.job_id)
        count = assert_numbered(outcome.stdout, "out")
        assert assert_numbered(outcome.stderr, "err") == count
        # The exit code has it too, so that the log's end is not judged by the log.
        assert outcome.job.exit_code == count % 100, outcome.job
        assert outcome.job.end_reason == job_pb2.END_REASON_EXITED
        assert outcome.job.attempt == 1
        assert not outcome.log.cuts
        assert not self._cluster.api.result(self.job_id).log.uncertain
        self._cluster.wait_container_gone(self.job_id)


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_jobs_go_on_over_a_restart_of_the_controller(cluster, how):
    jobs = [CountingJob(cluster, f"controller-{how}-{n}") for n in range(3)]

    getattr(cluster.controller, how)()
    cluster.start_controller()
    cluster.wait_ready()

    for job in jobs:
        job.wait_for_more()
        job.finish()


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_jobs_go_on_over_a_restart_of_the_agent(cluster, how):
    jobs = [CountingJob(cluster, f"agent-{how}-{n}") for n in range(3)]
    agent = cluster.nodes[0].agent

    getattr(agent, how)()
    cluster.wait_node_away(cluster.nodes[0])
    agent.start()
    cluster.wait_ready()

    for job in jobs:
        job.wait_for_more()
        job.finish()


def test_jobs_go_on_when_everything_is_killed_at_once(cluster):
    jobs = [CountingJob(cluster, f"all-{n}") for n in range(2)]

    for process in cluster.processes:
        process.kill()
    for node in cluster.nodes:
        node.start()
    cluster.start_controller()
    cluster.wait_ready()

    for job in jobs:
        job.wait_for_more()
        job.finish()


def test_a_job_that_ends_while_its_agent_is_away_ends_as_itself(cluster):
    """It cannot leave before its log is taken: cronium-init waits for the agent."""
    node = cluster.nodes[0]
    job_id = cluster.api.submit("""#!/bin/bash
    until [ "$(cronium_get_variable restart/leave)" = yes ]; do sleep 0.05; done
    seq -f 'line %.0f' 500; exit 9
    """)
    cluster.api.wait_for_job(job_id, "run", lambda job: job.HasField("start_time"))

    node.agent.kill()
    cluster.wait_node_away(node)
    cluster.api.set_variable("restart/leave", '"yes"')
    assert cluster.api.get(job_id).state == job_pb2.JOB_STATE_RUNNING
    node.agent.start()

    outcome = cluster.api.outcome(job_id)
    assert_ended(outcome.job, "FAILED", "EXITED")
    assert outcome.job.exit_code == 9
    assert_numbered(outcome.stdout, "line", 500)


def test_a_job_that_was_queued_before_a_restart_of_the_controller_runs_after_it(cluster):
    node = cluster.nodes[0]
    node.agent.stop()
    cluster.wait_node_away(node)
    job_id = cluster.api.submit("echo ran")

    cluster.controller.kill()
    cluster.start_controller()
    assert cluster.api.get(job_id).state == job_pb2.JOB_STATE_QUEUED
    node.agent.start()

    assert assert_succeeded(cluster.api.outcome(job_id)).stdout == b"ran\n"


def test_what_ended_before_a_restart_is_there_after_it(cluster):
    before = cluster.api.run("echo kept; echo also >&2; cronium_set_variable restart/kept 1; exit 2")

    cluster.controller.kill()
    cluster.start_controller()

    after = cluster.api.outcome(before.job.id)
    assert after.job == before.job
    assert (after.stdout, after.stderr) == (b"kept\n", b"also\n")
    assert cluster.api.get_variable("restart/kept").value_json == "1"
    cluster.wait_node_state(cluster.nodes[0], node_pb2.NODE_STATE_READY)


def test_a_cancel_is_carried_out_by_an_agent_that_was_away(cluster):
    node = cluster.nodes[0]
    job_id = cluster.api.submit("while true; do echo on; sleep 0.1; done")
    cluster.api.wait_for_output(job_id, b"on\n")
    node.agent.kill()
    cluster.wait_node_away(node)

    assert cluster.api.cancel(job_id).cancel_requested
    node.agent.start()

    assert_ended(cluster.api.wait_ended(job_id), "CANCELLED", "CANCELLED")
    cluster.wait_container_gone(job_id)
