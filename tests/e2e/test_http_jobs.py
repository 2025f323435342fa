# SPDX-License-Identifier: Apache-2.0
"""HTTP jobs: the controller makes the call, against a real peer on the loopback, and only where its operator lets it."""

import json
import threading

import pytest

from harness.api import duration, refused
from harness.http_peer import HttpPeer, SelfSigned
from harness.protos import job_pb2
from harness.testing import assert_ended
from harness.waiting import wait_for

BINARY = bytes(range(256)) * 40


class Answers:
    """What the peer answers, by path."""

    def __init__(self):
        self.release = threading.Event()
        self.busy = 0

    def __call__(self, request):
        path = request.path.partition("?")[0]
        if path == "/echo":
            return 200, json.dumps({"method": request.method, "body": request.body.decode(),
                                    "key": request.headers.get("X-Key")}).encode(), {"X-Kind": "echo"}
        if path == "/binary":
            return 200, BINARY, {}
        if path == "/large":
            return 200, b"x" * 100_000, {}
        if path == "/busy":
            self.busy += 1
            return (503, b"busy", {}) if self.busy < 3 else (200, b"at last", {})
        if path == "/inner":
            return 302, b"", {"Location": "http://127.0.0.2:1/secret"}
        if path.startswith("/hold"):
            self.release.wait(300)
            return 200, b"held", {}
        if path == "/gone":
            return 410, b"gone", {}
        return 404, b"no such thing", {}


@pytest.fixture(scope="module")
def answers():
    return Answers()


@pytest.fixture(scope="module")
def peer(answers):
    peer = HttpPeer(answers)
    yield peer
    answers.release.set()
    peer.close()


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return SelfSigned(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def cluster(make_cluster, tls):
    return make_cluster(nodes=0, controller_flags=["--outbound-allow", "127.0.0.1", "--max-http-jobs", "3",
                                                   "--outbound-ca-file", str(tls.certificate)])


def http(url, method="", headers=None, timeouts=None, max_attempts=0, **fields):
    made = job_pb2.JobSpec(max_attempts=max_attempts)
    made.http.url, made.http.method = url, method
    for name, value in (headers or {}).items():
        made.http.headers.add(name=name, value=value)
    for name, value in fields.items():
        setattr(made.http, name, value)
    made.http.retry.backoff.CopyFrom(duration(0.01))
    for name, value in (timeouts or {}).items():
        getattr(made.timeouts, name).CopyFrom(duration(value))
    return made


def run(api, job_spec):
    return api.outcome(api.create(job_spec).id)


def wait_called(peer, path, count=1):
    wait_for(f"{count} calls of {path}", lambda: len(peer.to(path)) >= count)


def test_a_call_needs_no_node_and_its_answer_is_the_result(api, peer):
    outcome = run(api, http(peer.url("/echo")))

    assert_ended(outcome.job, "SUCCEEDED", "RESPONDED")
    assert outcome.job.node == "" and not outcome.job.HasField("exit_code")
    assert outcome.job.HasField("start_time") and outcome.job.HasField("end_time")
    result = api.result(outcome.job.id)
    assert result.output.text == result.text == outcome.stdout.decode()
    assert json.loads(result.text)["method"] == "GET"
    answer = json.loads(result.output_json)
    assert (answer["status"], answer["headers"]["x-kind"], answer["tries"]) == (200, "echo", 1)
    assert answer["body"] == result.text
    assert not result.truncated


def test_headers_and_body_arrive_and_their_secrets_are_in_no_log(cluster, api, peer):
    outcome = run(api, http(peer.url("/echo?token=sesame-query"), method="POST", headers={"X-Key": "sesame-header"},
                            body_text='{"n": 1}'))

    assert_ended(outcome.job, "SUCCEEDED", "RESPONDED")
    assert json.loads(outcome.stdout) == {"method": "POST", "body": '{"n": 1}', "key": "sesame-header"}
    assert b"try 1 of 1: POST " in outcome.stderr and b"sesame" not in outcome.stderr
    assert "sesame" not in cluster.controller.log_text()


def test_an_answer_that_is_not_text_comes_back_byte_for_byte(api, peer):
    outcome = run(api, http(peer.url("/binary")))

    assert outcome.stdout == BINARY
    assert "\ufffd" in api.result(outcome.job.id).text
    assert "body_base64" in json.loads(api.result(outcome.job.id).output_json)


def test_an_answer_over_its_limit_is_cut_and_says_so(api, peer):
    outcome = run(api, http(peer.url("/large"), max_response_bytes=1000))

    assert_ended(outcome.job, "SUCCEEDED", "RESPONDED")
    assert outcome.stdout == b"x" * 1000
    assert api.result(outcome.job.id).truncated


def test_https_is_verified_against_the_hosts_and_the_operators_cas(api, answers, tls):
    trusted = HttpPeer(answers, tls=tls)
    outcome = run(api, http(trusted.url("/echo")))
    trusted.close()

    assert_ended(outcome.job, "SUCCEEDED", "RESPONDED")


def test_a_certificate_of_nobody_is_refused(api, answers, tmp_path):
    stranger = HttpPeer(answers, tls=SelfSigned(tmp_path))
    outcome = run(api, http(stranger.url("/echo")))
    stranger.close()

    assert_ended(outcome.job, "FAILED", "NO_RESPONSE")
    assert "OUTBOUND_TLS_UNTRUSTED" in outcome.job.state_message
    assert not stranger.requests


def test_what_fails_for_a_while_is_tried_again(api, peer):
    outcome = run(api, http(peer.url("/busy")))

    assert_ended(outcome.job, "SUCCEEDED", "RESPONDED")
    assert outcome.stdout == b"at last"
    lines = outcome.stderr.decode().splitlines()
    assert [line.split(":")[0] for line in lines] == ["try 1 of 3", "try 2 of 3", "try 3 of 3"]
    assert ": 503, 4 bytes" in lines[0] and "again in" in lines[0]


def test_another_status_than_expected_fails_the_job(api, peer):
    outcome = run(api, http(peer.url("/gone")))

    assert_ended(outcome.job, "FAILED", "UNEXPECTED_STATUS")
    assert "410" in outcome.job.state_message
    assert api.result(outcome.job.id).text == "gone"
    expected = run(api, http(peer.url("/gone"), expected_statuses="200-299,410"))
    assert_ended(expected.job, "SUCCEEDED", "RESPONDED")


def test_a_redirect_leads_nowhere_that_is_not_allowed(api, peer):
    outcome = run(api, http(peer.url("/inner"), follow_redirects=True))

    assert_ended(outcome.job, "FAILED", "NO_RESPONSE")
    assert "OUTBOUND_ADDRESS_REFUSED" in outcome.job.state_message
    assert "127.0.0.2" in outcome.job.state_message and "--outbound-allow" in outcome.job.state_message


@pytest.fixture(scope="module")
def strict(make_cluster):
    """Of an operator who allowed nothing."""
    return make_cluster(nodes=0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254",
                                  "10.0.0.1", "0.0.0.0"])
def test_nothing_but_the_public_internet_is_reached_unless_the_operator_allows_it(strict, peer, host):
    before = len(peer.requests)
    outcome = run(strict.api, http(f"http://{host}:{peer.port}/echo"))

    assert_ended(outcome.job, "FAILED", "NO_RESPONSE")
    assert "OUTBOUND_ADDRESS_REFUSED" in outcome.job.state_message
    assert len(peer.requests) == before


def test_a_call_under_way_is_cancelled(api, peer):
    job_id = api.create(http(peer.url("/hold/cancel"))).id
    wait_called(peer, "/hold/cancel")
    api.cancel(job_id, "no longer needed")
    job = api.wait_ended(job_id)

    assert_ended(job, "CANCELLED", "CANCELLED")
    assert job.state_message == "cancelled: no longer needed"


def test_a_call_ends_with_its_run_timeout(api, peer):
    job = api.wait_ended(api.create(http(peer.url("/hold/timeout"), timeouts={"run": 0.3})).id)

    assert_ended(job, "TIMED_OUT", "RUN_TIMEOUT")


def test_more_calls_than_may_run_wait_and_say_why(api, peer):
    jobs = [api.create(http(peer.url("/hold/limit"))).id for _ in range(3)]
    waiting = api.create(http(peer.url("/echo"))).id
    api.wait_for_job(waiting, "wait for its turn", lambda job: job.state_reason == "HTTP_LIMIT")
    api.cancel(jobs[0])

    assert_ended(api.wait_ended(waiting), "SUCCEEDED", "RESPONDED")
    for job_id in jobs:
        api.cancel(job_id)
        api.wait_ended(job_id)


def test_a_controller_killed_during_a_call_makes_it_again_only_where_that_does_no_harm(cluster, answers, peer):
    get = cluster.api.create(http(peer.url("/hold/get"))).id
    post = cluster.api.create(http(peer.url("/hold/post"), method="POST", body_text="once")).id
    told = cluster.api.create(http(peer.url("/hold/told"), method="POST", repeatable=True)).id
    for path in ("/hold/get", "/hold/post", "/hold/told"):
        wait_called(peer, path)

    cluster.controller.kill()
    cluster.start_controller()
    wait_called(peer, "/hold/get", 2)
    wait_called(peer, "/hold/told", 2)
    answers.release.set()

    assert_ended(cluster.api.wait_ended(get), "SUCCEEDED", "RESPONDED")
    assert_ended(cluster.api.wait_ended(told), "SUCCEEDED", "RESPONDED")
    job = cluster.api.wait_ended(post)
    assert_ended(job, "FAILED", "OUTCOME_UNKNOWN")
    assert "POST" in job.state_message
    assert len(peer.to("/hold/post")) == 1
    first, second = cluster.api.executions(get)
    assert (first.state, second.state) == (job_pb2.EXECUTION_STATE_LOST, job_pb2.EXECUTION_STATE_SUCCEEDED)
    answers.release.clear()


def test_the_client_prints_the_body_and_exits_as_the_call_came_out(cluster, peer):
    done = cluster.cli.run("http", "--header", "X-Key: 7", "--data", '{"a": 1}', peer.url("/echo"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"method": "POST", "body": '{"a": 1}', "key": "7"}
    assert b"try 1 of 1: POST" in done.stderr

    done = cluster.cli.run("http", "--retries", "0", peer.url("/gone"))
    assert (done.returncode, done.stdout) == (1, b"gone")
    assert b"UNEXPECTED_STATUS" in done.stderr

    done = cluster.cli.run("http", "--quiet", "--expect", "410", "-X", "DELETE", peer.url("/gone"))
    assert (done.returncode, done.stdout) == (0, b"gone")

    done = cluster.cli.run("http", "ftp://example.com/")
    assert done.returncode == 125 and b"spec.http.url" in done.stderr


def test_people_see_that_the_controller_made_the_call(cluster, api, peer):
    job_id = api.create(http(peer.url("/echo"), headers={"X-Key": "sesame"})).id
    api.wait_ended(job_id)
    shown = cluster.cli.output("jobs", "get", job_id)

    assert "controller" in shown and "X-Key" in shown and "sesame" not in shown
    assert "controller" in cluster.cli.output("jobs", "list")


def test_wrong_fields_are_named(api):
    with refused() as failure:
        api.create(http("https://user:secret@example.com/", method="TRACE", headers={"Host": "x"}))
    assert set(failure.fields) == {"spec.http.url", "spec.http.method", "spec.http.headers[0]"}
    assert "secret" not in failure.message
