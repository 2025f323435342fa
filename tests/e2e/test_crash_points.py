# SPDX-License-Identifier: Apache-2.0
"""Each process dies at each of its fault points, in the midst of a job's life: the job ends right, once, with its whole log."""

import grpc
import pytest

from harness import engine, fault_points
from harness.api import spec
from harness.testing import assert_ended, assert_numbered
from harness.waiting import wait_for

# Speaks to the runtime API before, between and after its output, which comes in two parts.
SCRIPT = """#!/bin/bash
cronium_increment_variable "crash/$1" >/dev/null
for ((n = 1; n <= 300; n++)); do echo "out $n"; echo "err $n" >&2; done
cronium_increment_variable "crash/$1" >/dev/null
sleep 0.2
until [ "$(cronium_get_variable "crash/$1/go")" = yes ]; do sleep 0.02; done
for ((; n <= 600; n++)); do echo "out $n"; echo "err $n" >&2; done
cronium_increment_variable "crash/$1" >/dev/null
exit 7
"""


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(crashes=True)


def process_of(cluster, point):
    node = cluster.nodes[0]
    return {"controller": cluster.controller, "agent": node.agent, "gateway": node.gateway}[point.split(".")[0]]


def start_again(cluster, process):
    if process is cluster.controller:
        cluster.start_controller()
    else:
        process.start()


def cases(points):
    return [pytest.param(point, number, id=f"{point}-{number}") for point, numbers in points.items() for number in numbers]


def begin(cluster, name):
    """The job; its second part comes once `go` was said."""
    return cluster.api.create(spec(SCRIPT, args=[name]), request_id=name).id


def assert_ends_right(cluster, job_id, name):
    outcome = cluster.api.outcome(job_id)
    assert_ended(outcome.job, "FAILED", "EXITED")
    assert outcome.job.exit_code == 7, outcome.describe()
    assert outcome.job.attempt == 1, outcome.describe()
    assert_numbered(outcome.stdout, "out", 600)
    assert_numbered(outcome.stderr, "err", 600)
    assert not outcome.log.cuts
    assert not cluster.api.result(job_id).log.uncertain
    # Each call had its effect once, and the script ran once.
    assert cluster.api.get_variable(f"crash/{name}").value_json == "3"
    assert_nothing_is_left(cluster)


def assert_nothing_is_left(cluster):
    """Of ended jobs the node keeps nothing, whenever its agent died."""
    state = cluster.nodes[0].folder / "agent"
    wait_for("the node to have cleaned up",
             lambda: not engine.containers_of_cluster(cluster.name) and not list((state / "run").iterdir())
             and not [f for f in (state / "spool").iterdir() if f.is_dir()], 60)


@pytest.mark.parametrize("point, number", cases(fault_points.BEFORE_THE_JOB))
def test_a_job_outlives_a_crash_on_its_way(cluster, point, number):
    name = f"{point}-{number}"
    process = process_of(cluster, point)
    cluster.api.set_variable(f"crash/{name}/go", '"yes"')
    cluster.wait_ready()

    cluster.crash_points.arm(point, number)
    # Where the controller dies before it has answered, the client asks again, with the same request id.
    job_id = created_in_spite_of(cluster, process, name)
    cluster.crash_points.wait_crashed(process)
    start_again(cluster, process)

    assert_ends_right(cluster, job_id or begin(cluster, name), name)


def created_in_spite_of(cluster, process, name):
    """The job's id, or None where its controller has died without an answer."""
    try:
        return begin(cluster, name)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE and process is cluster.controller, error
        return None


@pytest.mark.parametrize("point, number", cases(fault_points.WHILE_IT_RUNS))
def test_a_job_outlives_a_crash_at_its_end(cluster, point, number):
    name = f"{point}-{number}"
    process = process_of(cluster, point)
    cluster.wait_ready()
    job_id = begin(cluster, name)
    cluster.api.wait_for_output(job_id, b"err 300\n")

    cluster.crash_points.arm(point, number)
    cluster.api.set_variable(f"crash/{name}/go", '"yes"')
    cluster.crash_points.wait_crashed(process)
    start_again(cluster, process)

    assert_ends_right(cluster, job_id, name)


def test_a_stop_is_carried_out_over_crashes(cluster):
    """Of the agent, at each step by which a stopped job is ended."""
    agent = cluster.nodes[0].agent
    for point in ("agent.journal.commit", "agent.journal.committed", "agent.removed", "agent.report.acknowledged"):
        cluster.wait_ready()
        job_id = cluster.api.submit("echo begun; exec sleep 1000", timeouts={"stop_grace": 1})
        cluster.api.wait_for_output(job_id, b"begun\n")
        cluster.crash_points.arm(point)
        cluster.api.cancel(job_id)
        cluster.crash_points.wait_crashed(agent)
        agent.start()
        job = cluster.api.wait_ended(job_id)
        assert_ended(job, "CANCELLED", "CANCELLED")
        assert job.attempt == 1
        assert_nothing_is_left(cluster)
