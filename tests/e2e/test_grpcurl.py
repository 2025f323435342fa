# SPDX-License-Identifier: Apache-2.0
"""Everything can be done with grpcurl: a generic client that knows only what the controller tells of itself."""

import base64

import pytest

from harness import grpcurl as grpcurl_tool

pytestmark = pytest.mark.skipif(bool(grpcurl_tool.missing()), reason=grpcurl_tool.missing() or "not skipped")

SPEC = {"container": {"image": "cronium/bash", "script": {"content": "echo to stdout; echo to stderr >&2; exit 3"}}}


@pytest.fixture(scope="module")
def grpcurl(cluster):
    return cluster.grpcurl


def test_list_names_every_service(grpcurl):
    services = grpcurl.output("list").split()

    assert {"cronium.v1.JobService", "cronium.v1.NodeService", "cronium.v1.VariableService",
            "cronium.v1.AgentService", "cronium.v1.RuntimeService", "grpc.health.v1.Health"} <= set(services)


def test_describe_shows_calls_and_messages(grpcurl):
    assert "rpc CreateJob" in grpcurl.output("describe", "cronium.v1.JobService")
    assert "string image = 1" in grpcurl.output("describe", "cronium.v1.ContainerSpec")


def test_a_job_is_created_followed_and_its_result_read(grpcurl):
    [created] = grpcurl.call("JobService/CreateJob", {"spec": SPEC})
    job_id = created["job"]["id"]
    assert created["job"]["state"] in ("JOB_STATE_QUEUED", "JOB_STATE_RUNNING")

    followed = grpcurl.call("JobService/FollowLogs", {"jobId": job_id, "follow": True})
    chunks = [chunk for message in followed for chunk in message.get("chunks", [])]
    text = {stream: b"".join(base64.b64decode(c["data"]) for c in chunks if c["stream"] == stream)
            for stream in ("LOG_STREAM_STDOUT", "LOG_STREAM_STDERR")}
    assert text == {"LOG_STREAM_STDOUT": b"to stdout\n", "LOG_STREAM_STDERR": b"to stderr\n"}
    assert followed[-1]["job"]["state"] == "JOB_STATE_FAILED"
    assert followed[-1]["job"]["exit_code"] == 3

    [answer] = grpcurl.call("JobService/GetJobResult", {"jobId": job_id})
    result = answer["result"]
    assert result["text"] == "to stdout\n--- STDERR ---\nto stderr\n"
    assert base64.b64decode(result["output"]["streams"]["stderr"]) == b"to stderr\n"
    assert (result["state"], result["end_reason"], result["exit_code"]) == ("JOB_STATE_FAILED", "END_REASON_EXITED", 3)


def test_an_unknown_job_is_not_found_with_its_reason(grpcurl):
    status = grpcurl.fail("JobService/GetJob", {"jobId": "job_000000000000"})

    assert status["code"] == 5
    info = detail(status, "ErrorInfo")
    assert (info["reason"], info["domain"]) == ("JOB_NOT_FOUND", "cronium")
    assert "job_000000000000" in status["message"]


def test_a_bad_request_names_each_wrong_field(grpcurl):
    status = grpcurl.fail("JobService/CreateJob", {
        "spec": {"container": {"script": {"content": "true"}, "env": {"1X": "y"}}, "priority": 5000}})

    assert status["code"] == 3
    assert detail(status, "ErrorInfo")["reason"] == "INVALID_REQUEST"
    fields = {v["field"]: v["description"] for v in detail(status, "BadRequest")["field_violations"]}
    assert set(fields) == {"spec.container.image", "spec.container.env[1X]", "spec.priority"}
    assert "1000" in fields["spec.priority"]


def test_a_call_without_a_token_says_what_is_missing(grpcurl):
    status = grpcurl.fail("NodeService/ListNodes", {}, token=False)

    assert status["code"] == 16
    assert detail(status, "ErrorInfo")["reason"] == "TOKEN_MISSING"


def detail(status, kind):
    [found] = [d for d in status["details"] if d["@type"].endswith(f"google.rpc.{kind}")]
    return found
