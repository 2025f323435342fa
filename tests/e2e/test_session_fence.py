# SPDX-License-Identifier: Apache-2.0
"""Who speaks for a node: two agents with one certificate, an agent that is stopped beyond its lease, a host that was booted anew."""

import http.server
import os
import socketserver
import threading

import pytest

from harness import engine
from harness.api import duration, spec
from harness.cluster import Node
from harness.protos import job_pb2, node_pb2
from harness.testing import assert_ended, assert_numbered, assert_succeeded
from harness.waiting import wait_for

HELD = """#!/bin/bash
until [ "$(cronium_get_variable "$1")" = yes ]; do echo "out $((++n))"; sleep 0.1; done
echo "out $((++n))"; exit 3
"""


class EmptyEngine(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """The engine of a host on which nothing runs: the machine's own would show what runs on the others."""

    daemon_threads = True

    class _Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = b"[]" if "/containers/json" in self.path else b"OK" if self.path.endswith("/_ping") else \
                b'{"Version":"1","ApiVersion":"1.44","MinAPIVersion":"1.24"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self):
            return "agent"

        def log_message(self, *args):
            pass

    def __init__(self, path):
        super().__init__(str(path), self._Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(nodes=2)


def test_two_agents_with_one_certificate_are_seen_and_harm_nothing(cluster):
    node = cluster.nodes[0]
    job_id = cluster.api.submit(HELD, args=["fence/two"], node=node.name)
    cluster.api.wait_for_output(job_id, b"out 5\n")
    before = cluster.containers_of(job_id)

    socket = cluster.folder / "empty.sock"
    empty = EmptyEngine(socket)
    impostor = Node(cluster, "impostor", certificate_of=node, boot_id="00000000-0000-4000-8000-000000000001",
                    agent_flags=["--engine-socket", str(socket)])
    try:
        impostor.agent.start()
        # Each learns of the other, by its address, from what the controller says as it ends the session.
        node.agent.wait_for_log(rf"SESSION_SUPERSEDED|a newer session of node {node.name} began from \S*{impostor.host.address}")
        node.agent.wait_for_log(rf"began from \S*{impostor.host.address}")
        impostor.agent.wait_for_log(rf"began from \S*{node.host.address}")
        cluster.controller.wait_for_log(rf"a session was superseded.*{impostor.host.address}")
        lines = len(cluster.api.log(job_id).stdout.splitlines())
        cluster.api.wait_for_output(job_id, f"out {lines + 10}\n".encode(), deadline=60)
    finally:
        impostor.agent.stop()
        empty.shutdown()
        empty.server_close()
        os.unlink(socket)

    cluster.wait_node_state(node, node_pb2.NODE_STATE_READY)
    assert cluster.containers_of(job_id) == before
    cluster.api.set_variable("fence/two", '"yes"')
    outcome = cluster.api.outcome(job_id)
    assert_ended(outcome.job, "FAILED", "EXITED")
    assert (outcome.job.exit_code, outcome.job.attempt, outcome.job.node) == (3, 1, node.name)
    assert_numbered(outcome.stdout, "out")


def times_of(name):
    state = engine.inspect(name)["State"]
    return state["StartedAt"], state["FinishedAt"]


def test_an_agent_stopped_beyond_its_lease_loses_its_job_and_nothing_happens_twice(cluster):
    stopped, other = cluster.nodes
    other.agent.stop()
    cluster.wait_node_away(other)
    script = """#!/bin/bash
    cronium_increment_variable fence/began >/dev/null
    echo "attempt $CRONIUM_ATTEMPT"
    until [ "$(cronium_get_variable fence/stopped)" = yes ]; do sleep 0.1; done
    cronium_increment_variable fence/ended >/dev/null
    """
    job_spec = spec(script, timeouts={"stop_grace": 1})
    job_spec.lost_after.CopyFrom(duration(10))
    job_id = cluster.api.create(job_spec).id
    cluster.wait_variable("fence/began", lambda value: value == "1")
    [first] = cluster.api.executions(job_id)
    assert first.node == stopped.name

    stopped.agent.freeze()
    try:
        other.agent.start()
        # cronium-init ends it, with nobody to tell it to.
        wait_for("the lease to end", lambda: not engine.inspect(first.id)["State"]["Running"], 60)
        assert cluster.api.get(job_id).attempt == 1, "no other attempt before the lease's end"
        ended = times_of(first.id)[1]
        cluster.wait_variable("fence/began", lambda value: value == "2")
        [_, second] = cluster.api.executions(job_id)
        assert second.node == other.name
        assert ended < times_of(second.id)[0], "two attempts at one time"
    finally:
        stopped.agent.thaw()
    # It learns that its execution is nobody's any more, and cleans up.
    cluster.wait_node_state(stopped, node_pb2.NODE_STATE_READY, 60)
    wait_for("the first container to be gone", lambda: not engine.containers_of_execution(first.id), 60)

    cluster.api.set_variable("fence/stopped", '"yes"')
    job = cluster.api.wait_ended(job_id)
    assert_ended(job, "SUCCEEDED", "EXITED")
    assert job.attempt == 2
    assert [e.state for e in cluster.api.executions(job_id)] == [
        job_pb2.EXECUTION_STATE_LOST, job_pb2.EXECUTION_STATE_SUCCEEDED]
    assert cluster.api.get_variable("fence/began").value_json == "2"
    assert cluster.api.get_variable("fence/ended").value_json == "1"


def test_a_host_that_was_booted_anew_has_lost_its_jobs_and_an_agents_restart_has_not(cluster):
    node = cluster.nodes[0]
    job_id = cluster.api.submit(HELD, args=["fence/boot"], node=node.name)
    cluster.api.wait_for_output(job_id, b"out 5\n")
    [first] = cluster.api.executions(job_id)

    node.agent.kill()
    cluster.wait_node_away(node)
    node.agent.start()
    cluster.wait_ready()
    assert [e.id for e in cluster.api.executions(job_id)] == [first.id]

    node.agent.kill()
    cluster.wait_node_away(node)
    # As a reboot does.
    engine.docker("kill", first.id)
    node.boot_id = "00000000-0000-4000-8000-000000000002"
    node.agent.start()
    cluster.api.wait_for_job(job_id, "be tried again", lambda job: job.attempt == 2, 60)
    cluster.api.set_variable("fence/boot", '"yes"')
    job = cluster.api.wait_ended(job_id)
    assert_ended(job, "FAILED", "EXITED")
    lost, _ = cluster.api.executions(job_id)
    assert lost.state == job_pb2.EXECUTION_STATE_LOST
    assert job_pb2.EndReason.Name(lost.end_reason) == "END_REASON_NODE_LOST"
    assert lost.message == "the host was rebooted"
    assert assert_succeeded(cluster.api.run("echo well", node=node.name)).stdout == b"well\n"
