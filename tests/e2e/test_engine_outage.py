# SPDX-License-Identifier: Apache-2.0
"""A container engine that dies is a condition of its node, not the end of the agent."""

import pytest

from harness.engine_proxy import EngineProxy
from harness.protos import node_pb2
from harness.testing import assert_ended, assert_numbered, assert_succeeded
from harness.waiting import wait_for


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    proxy = EngineProxy(tmp_path_factory.mktemp("engine") / "docker.sock").start()
    yield proxy
    proxy.stop()


@pytest.fixture(scope="module")
def cluster(make_cluster, engine):
    return make_cluster(agent_flags=["--engine-socket", engine.path])


def runtime_condition(cluster):
    [condition] = [c for c in cluster.api.node("node-1").conditions if c.type == "RuntimeReady"]
    return condition


def test_a_dead_engine_is_a_condition_with_a_reason_and_goes_away_when_it_is_back(cluster, engine):
    node = cluster.nodes[0]
    assert runtime_condition(cluster).ok

    engine.stop()
    cluster.wait_node_state(node, node_pb2.NODE_STATE_NOT_READY)
    condition = runtime_condition(cluster)
    assert not condition.ok
    assert condition.reason == "ENGINE_UNREACHABLE"
    assert engine.path in condition.message
    assert "ENGINE_UNREACHABLE" in cluster.cli.output("nodes", "get", "node-1")

    job_id = cluster.api.submit("echo ran")
    waiting = cluster.api.wait_for_job(job_id, "say why it waits", lambda job: job.state_reason)
    assert waiting.state_reason == "NODE_NOT_READY"
    assert "ENGINE_UNREACHABLE" in waiting.state_message
    assert "ENGINE_UNREACHABLE" in cluster.cli.output("jobs", "get", job_id)
    assert node.agent.alive

    engine.start()
    cluster.wait_node_state(node, node_pb2.NODE_STATE_READY)
    assert assert_succeeded(cluster.api.outcome(job_id)).stdout == b"ran\n"
    assert runtime_condition(cluster).ok


def test_a_running_job_goes_on_through_an_outage_of_the_engine(cluster, engine):
    job_id = cluster.api.submit("""#!/bin/bash
    i=0
    until [ "$(cronium_get_variable outage/over)" = yes ]; do echo "line $((++i))"; sleep 0.02; done
    echo "line $((++i))"
    """)
    cluster.api.wait_for_output(job_id, b"line 5\n")

    engine.stop()
    cluster.wait_node_state(cluster.nodes[0], node_pb2.NODE_STATE_NOT_READY)
    # The log does not pass through the engine.
    seen = len(cluster.api.log(job_id).stdout)
    wait_for("the log to go on", lambda: len(cluster.api.log(job_id).stdout) > seen)
    engine.start()
    cluster.api.set_variable("outage/over", '"yes"')

    outcome = assert_succeeded(cluster.api.outcome(job_id))
    assert_numbered(outcome.stdout, "line")
    cluster.wait_container_gone(job_id)


def test_a_job_that_ends_during_an_outage_ends_as_itself(cluster, engine):
    job_id = cluster.api.submit("""#!/bin/bash
    until [ "$(cronium_get_variable outage/leave)" = yes ]; do sleep 0.05; done
    echo done; exit 4
    """)
    cluster.api.wait_for_job(job_id, "run", lambda job: job.HasField("start_time"))

    engine.stop()
    cluster.wait_node_state(cluster.nodes[0], node_pb2.NODE_STATE_NOT_READY)
    cluster.api.set_variable("outage/leave", '"yes"')
    cluster.api.wait_for_output(job_id, b"done\n")
    engine.start()

    outcome = cluster.api.outcome(job_id)
    assert_ended(outcome.job, "FAILED", "EXITED")
    assert outcome.job.exit_code == 4
    assert outcome.stdout == b"done\n"
    cluster.wait_container_gone(job_id)
