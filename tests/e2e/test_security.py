# SPDX-License-Identifier: Apache-2.0
"""Who gets in, and what those hear who do not."""

import contextlib
import os
import subprocess

import grpc
import pytest

from harness import settings
from harness.api import channel, refused
from harness.process import Process
from harness.protos import agent_service_pb2, agent_service_pb2_grpc, job_service_pb2, job_service_pb2_grpc, \
    runtime_service_pb2, runtime_service_pb2_grpc
from harness.waiting import seconds


@pytest.fixture(scope="module")
def connect(cluster):
    """Makes a channel to the controller. Options: harness.api.channel."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(channel(cluster.address, cluster.ca, **options))


@pytest.fixture(scope="module")
def foreign(cluster, tmp_path_factory):
    """A node's certificate of the same names, by another cluster's CA."""
    folder = tmp_path_factory.mktemp("foreign")
    for command in (["init", "--cluster-name", cluster.name, "--host", cluster.network.address],
                    ["issue-node-certificate", "--node", "node-1", "--out", str(folder / "node")]):
        subprocess.run([settings.program("cronium-controller"), command[0], "--data-dir", str(folder / "controller"),
                        *command[1:]], check=True, capture_output=True, env=settings.environment())
    return folder / "node"


def open_session(opened):
    hello = agent_service_pb2.SessionRequest(hello=agent_service_pb2.Hello(protocol_version=1))
    stub = agent_service_pb2_grpc.AgentServiceStub(opened)
    return list(stub.Session(iter([hello]), timeout=seconds(10)))


def test_an_agent_without_a_certificate_is_refused(connect):
    with refused() as failure:
        open_session(connect())

    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAUTHENTICATED, "NODE_CERTIFICATE_REQUIRED")


def test_an_api_token_is_no_node_certificate(cluster, connect):
    with refused() as failure:
        open_session(connect(token=cluster.token))

    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAUTHENTICATED, "NODE_CERTIFICATE_REQUIRED")


def test_a_gateway_without_a_certificate_is_refused(connect):
    stub = runtime_service_pb2_grpc.RuntimeServiceStub(connect())
    for call, request in ((stub.GetTokenKeys, runtime_service_pb2.GetTokenKeysRequest()),
                          (stub.GetInput, runtime_service_pb2.GetInputRequest())):
        with refused() as failure:
            call(request, timeout=seconds(10))
        assert (failure.code, failure.reason) == (grpc.StatusCode.UNAUTHENTICATED, "NODE_CERTIFICATE_REQUIRED")


def test_a_gateway_with_a_certificate_needs_an_execution_token_too(cluster, connect):
    node = cluster.nodes[0]
    stub = runtime_service_pb2_grpc.RuntimeServiceStub(connect(certificate=node.certificate, key=node.key))

    with refused() as missing:
        stub.GetInput(runtime_service_pb2.GetInputRequest(), timeout=seconds(10))
    with refused() as forged:
        stub.GetInput(runtime_service_pb2.GetInputRequest(), timeout=seconds(10),
                      metadata=[("cronium-execution-token", "eyJhbGciOiJub25lIn0.e30.")])

    assert (missing.code, missing.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")
    assert (forged.code, forged.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")


@pytest.mark.parametrize("token, reason", [(None, "TOKEN_MISSING"), ("wrong", "TOKEN_INVALID")])
def test_a_caller_without_a_good_token_is_refused(connect, token, reason):
    stub = job_service_pb2_grpc.JobServiceStub(connect(token=token))

    with refused() as unary:
        stub.ListJobs(job_service_pb2.ListJobsRequest(), timeout=seconds(10))
    with refused() as stream:
        list(stub.WatchJobs(job_service_pb2.WatchJobsRequest(), timeout=seconds(10)))

    for failure in (unary, stream):
        assert (failure.code, failure.reason) == (grpc.StatusCode.UNAUTHENTICATED, reason)
        assert failure.message


def test_whether_the_controller_serves_may_be_asked_without_a_token(connect):
    check = connect().unary_unary("/grpc.health.v1.Health/Check")

    # HealthCheckResponse{status: SERVING}, the answer to an empty HealthCheckRequest.
    assert check(b"", timeout=seconds(10)) == b"\x08\x01"


def test_a_node_certificate_is_no_api_token(cluster, connect):
    node = cluster.nodes[0]
    stub = job_service_pb2_grpc.JobServiceStub(connect(certificate=node.certificate, key=node.key))

    with refused() as failure:
        stub.ListJobs(job_service_pb2.ListJobsRequest(), timeout=seconds(10))

    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")


def test_the_client_says_that_the_token_is_wrong(cluster, tmp_path):
    (tmp_path / "token").write_text("wrong\n")

    done = cluster.cli.run("--token-file", str(tmp_path / "token"), "nodes", "list")

    assert done.returncode == 125
    assert b"TOKEN_INVALID" in done.stderr


def test_a_certificate_of_a_foreign_ca_is_refused_and_the_controller_logs_why(cluster, foreign, connect):
    with refused() as failure:
        open_session(connect(certificate=foreign / "node.crt", key=foreign / "node.key"))

    # TLS 1.3: the client hears of it only as a closed connection.
    assert failure.code == grpc.StatusCode.UNAVAILABLE
    cluster.controller.wait_for_log(r"(?i)certificate verify failed")


def test_an_agent_with_a_certificate_of_a_foreign_ca_says_that_it_is_not_let_in(cluster, foreign, tmp_path):
    """It trusts the right CA, so that only its own certificate is wrong."""
    for folder in ("state", "api"):
        os.mkdir(tmp_path / folder)
    agent = Process("foreign agent", [
        settings.program("cronium-agent"), "--controller", cluster.address, "--ca", str(cluster.ca),
        "--certificate", str(foreign / "node.crt"), "--key", str(foreign / "node.key"),
        "--state-dir", str(tmp_path / "state"), "--gateway-dir", str(tmp_path / "api"),
        "--inject-dir", str(settings.PREFIX / "lib/cronium/inject")], cluster.logs / "foreign-agent.log").start()
    try:
        agent.wait_for_log(r"(warn|error)\w* .*(?i:unavailable|socket closed|handshake)")
        assert [node.name for node in cluster.api.list_nodes()] == ["node-1"]
        assert agent.alive
    finally:
        assert agent.stop() == 0


def test_a_gateway_with_a_certificate_of_a_foreign_ca_says_that_it_is_not_let_in(cluster, foreign, tmp_path):
    gateway = Process("foreign gateway", [
        settings.program("cronium-runtime-gateway"), "--controller", cluster.address, "--ca", str(cluster.ca),
        "--certificate", str(foreign / "node.crt"), "--key", str(foreign / "node.key"),
        "--socket-dir", str(tmp_path), "--retry-for-ms", "1000"], cluster.logs / "foreign-gateway.log").start()
    try:
        gateway.wait_for_log(r"(warn|error)\w* cannot fetch the token keys")
        assert gateway.alive
    finally:
        assert gateway.stop() == 0


def test_a_client_that_trusts_another_ca_does_not_speak_to_the_controller(cluster, foreign):
    done = cluster.cli.run("--ca", str(foreign / "ca.crt"), "--retry-for", "100ms", "nodes", "list")

    assert done.returncode == 125
    assert done.stderr


def test_clear_text_is_refused_on_an_address_that_is_not_loopback(cluster):
    done = subprocess.run([settings.program("cronium-controller"), "serve", "--dev", "--data-dir", str(cluster.data),
                           "--listen", f"{cluster.network.address}:0"],
                          capture_output=True, text=True, env=settings.environment(), timeout=seconds(30))

    assert done.returncode != 0
    assert "loopback" in done.stderr


def test_secrets_are_readable_by_their_owner_only(cluster):
    for path in (cluster.token_file, cluster.data / "ca.key", cluster.nodes[0].key):
        assert path.stat().st_mode & 0o077 == 0, path
