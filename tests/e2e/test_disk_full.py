# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up: no new work, nothing lost, and everything goes on once there is room."""

import re

import grpc
import pytest

from harness.api import refused, spec
from harness.protos import job_pb2, node_pb2
from harness.testing import assert_succeeded
from harness.waiting import wait_for

MIB = 1 << 20
RESERVE = 64 * MIB
ACCEPTING = "cronium.v1.JobService.CreateJob"

# Lines that hardly compress: {lines} of 83 bytes, of which half remains. Then it holds its slot until it is over.
FLOOD = """#!/bin/bash
until [ "$(cronium_get_variable disk/flood)" = yes ]; do sleep 0.05; done
awk 'BEGIN {{ srand(1); for (i = 1; i <= {lines}; ++i) printf "line %d %.16f%.16f%.16f%.16f\\n", i, rand(), rand(), rand(), rand() }}'
until [ "$(cronium_get_variable disk/over)" = yes ]; do sleep 0.1; done
"""


@pytest.fixture(scope="module")
def cluster(make_cluster):
    reserve = ["--disk-reserve-bytes", str(RESERVE)]
    return make_cluster(controller_flags=reserve, controller_disk=256 * MIB,
                        agent_flags=[*reserve, "--slots", "2"], agent_disk=512 * MIB)


@pytest.fixture(autouse=True)
def room(cluster):
    """Gives back what a test took, so that one that fails leaves the next ones their disks."""
    yield
    for disk in (cluster.disk, cluster.nodes[0].disk):
        disk.clear()


def assert_all_lines(outcome, count):
    numbers = [int(line.split()[1]) for line in outcome.stdout.splitlines()]
    assert numbers == list(range(1, count + 1))


def create_refusal(cluster):
    """How CreateJob is refused now; None where it is not."""
    try:
        with refused() as failure:
            cluster.api.create(spec("echo late"))
    except AssertionError:
        return None
    return failure


def test_a_flood_fills_the_controllers_disk_and_nothing_is_lost(cluster):
    api = cluster.api
    # 50 MB, which take three times the room there is above the reserve.
    cluster.disk.fill(leave=RESERVE + 8 * MIB)
    lines = 600_000
    steady = api.submit("""#!/bin/bash
    i=0
    until [ "$(cronium_get_variable disk/over)" = yes ]; do echo "line $((++i))"; sleep 0.1; done
    echo "line $((++i))"
    cronium_set_variable disk/last $i
    """)
    flood = api.submit(FLOOD.format(lines=lines), log_bytes=256 * MIB, cpu_millis=1000)
    waiting = api.submit("echo waited")
    assert api.serving(ACCEPTING)

    api.set_variable("disk/flood", '"yes"')
    failure = wait_for("CreateJob to be refused", lambda: create_refusal(cluster), deadline=60)
    assert failure.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failure.reason == "DISK_FULL"
    assert failure.retry_after == 10
    assert failure.metadata["folder"].startswith(str(cluster.data))
    assert int(failure.metadata["free_bytes"]) < int(failure.metadata["limit_bytes"]) == RESERVE
    assert str(cluster.data) in failure.message
    assert api.serving() and not api.serving(ACCEPTING)
    assert "disk full: no jobs are taken" in cluster.controller.log_text()

    # What waits says why; what runs goes on, in state and variables, and its log waits at the node.
    held = api.wait_for_job(waiting, "say why it waits", lambda job: job.state_reason == "DISK_FULL")
    assert held.state == job_pb2.JOB_STATE_QUEUED
    assert "DISK_FULL" in cluster.cli.output("jobs", "get", waiting)
    api.set_variable("disk/over", '"yes"')
    written = int(wait_for("the steady job to write its variable", lambda: variable(api, "disk/last")))
    wait_for("the steady job to have ended but for its log",
             lambda: api.executions(steady)[-1].state == job_pb2.EXECUTION_STATE_FINALIZING)
    assert api.get(steady).state == job_pb2.JOB_STATE_RUNNING
    assert api.get(waiting).state == job_pb2.JOB_STATE_QUEUED
    assert cluster.disk.free > RESERVE // 2

    cluster.disk.clear()
    outcome = assert_succeeded(api.outcome(steady))
    assert_all_lines(outcome, written)
    assert_all_lines(assert_succeeded(api.outcome(flood, deadline=120)), lines)
    assert assert_succeeded(api.outcome(waiting)).stdout == b"waited\n"
    assert_succeeded(api.run("true"))
    assert api.serving(ACCEPTING)
    assert "there is room on the disk again" in cluster.controller.log_text()


def variable(api, key):
    try:
        return api.get_variable(key).value_json
    except grpc.RpcError:
        return None


def test_a_controller_whose_disk_has_no_byte_left_keeps_what_it_answered_and_goes_on(cluster):
    api = cluster.api
    job = api.submit("""#!/bin/bash
    until [ "$(cronium_get_variable disk/none)" = over ]; do echo tick; sleep 0.05; done
    """)
    api.wait_for_output(job, b"tick")
    cluster.disk.fill(leave=0)
    # Commits fail now, so that this waits until there is room.
    waiting = api.variables.SetVariable.future(set_variable("disk/none", '"over"'), timeout=60)
    wait_for("a commit to fail", lambda: "store cannot commit" in cluster.controller.log_text()
             or waiting.done())
    cluster.disk.clear()
    waiting.result()
    assert_succeeded(api.outcome(job))


def test_a_controller_that_is_started_on_a_full_disk_says_so_and_ends(cluster):
    """The service manager starts it again, until there is room."""
    cluster.controller.stop()
    cluster.disk.fill(leave=0)
    cluster.controller.start()
    assert cluster.controller.wait() == 1
    # SQLite calls it full, or an I/O error, by how far it came.
    assert re.search(r"^cronium-controller: .*(disk is full|disk I/O error)", cluster.controller.log_text().splitlines()[-1])
    cluster.disk.clear()
    cluster.start_controller()
    cluster.wait_ready()
    assert_succeeded(cluster.api.run("true"))


def set_variable(key, value_json):
    from harness.protos import variable_service_pb2
    return variable_service_pb2.SetVariableRequest(key=key, value_json=value_json)


def test_a_node_below_its_reserve_takes_no_jobs_until_there_is_room(cluster):
    api, node = cluster.api, cluster.nodes[0]
    running = api.submit("""#!/bin/bash
    until [ "$(cronium_get_variable node/over)" = yes ]; do sleep 0.05; done; echo done
    """)
    api.wait_for_job(running, "run", lambda job: job.HasField("start_time"))
    node.disk.fill(leave=RESERVE // 2)
    cluster.wait_node_state(node, node_pb2.NODE_STATE_NOT_READY)
    [condition] = [c for c in api.node("node-1").conditions if c.type == "DiskReady"]
    assert not condition.ok and condition.reason == "DISK_FULL"
    assert "MiB free, and 64 MiB have to stay free" in condition.message
    assert "DISK_FULL" in cluster.cli.output("nodes", "list")
    waiting = api.submit("echo ran")
    held = api.wait_for_job(waiting, "say why it waits", lambda job: job.state_reason)
    assert held.state_reason == "NODE_NOT_READY" and "DISK_FULL" in held.state_message
    api.set_variable("node/over", '"yes"')
    assert assert_succeeded(api.outcome(running)).stdout == b"done\n"
    assert api.get(waiting).state == job_pb2.JOB_STATE_QUEUED

    node.disk.clear()
    cluster.wait_node_state(node, node_pb2.NODE_STATE_READY)
    assert assert_succeeded(api.outcome(waiting)).stdout == b"ran\n"


def test_a_job_on_a_node_without_a_byte_left_waits_in_its_write_and_loses_nothing(cluster):
    api, node = cluster.api, cluster.nodes[0]
    lines = 300_000
    job = api.submit("cronium_set_variable full/ready 1\n"
                     'until [ "$(cronium_get_variable full/go)" = yes ]; do sleep 0.05; done\n'
                     f"seq -f 'line %.0f {'x' * 80}' {lines}\n", cpu_millis=1000)
    wait_for("the job to run", lambda: variable(api, "full/ready"))
    node.disk.fill(leave=0)
    api.set_variable("full/go", '"yes"')
    node.agent.wait_for_log("cannot spool a job's output; the job waits|journal cannot be written")
    node.disk.clear()
    assert_all_lines(assert_succeeded(api.outcome(job, deadline=120)), lines)
    cluster.wait_node_state(node, node_pb2.NODE_STATE_READY)
