# SPDX-License-Identifier: Apache-2.0
"""Forged, stolen and stale execution tokens: each refused with its reason, and counted."""

import base64
import contextlib
import hashlib
import hmac
import json
import re
import subprocess
import time

import grpc
import pytest

from harness.api import channel, refused
from harness.protos import runtime_service_pb2, runtime_service_pb2_grpc
from harness.runtime_api import RuntimeApi, hold_execution
from harness.waiting import seconds

METRICS = "127.0.0.1:9464"
FETCH = f"import urllib.request as r; print(r.urlopen('http://{METRICS}/metrics').read().decode())"


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(nodes=2, gateway_flags=["--listen", METRICS])


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Forger:
    """Has a right token, and more than any attacker has: the controller's signing key."""

    def __init__(self, token, key_file):
        self._header, self._payload, self._signature = token.split(".")
        self._key = key_file

    def _openssl(self, *args, data=b""):
        return subprocess.run(["openssl", *args], input=data, capture_output=True, check=True).stdout

    def claims(self, **changes):
        return {**json.loads(decode(self._payload)), **changes}

    def payload(self, **changes):
        return encode(json.dumps(self.claims(**changes), separators=(",", ":")).encode())

    def signed(self, **changes):
        """A token with these claims, signed as the controller signs."""
        text = f"{self._header}.{self.payload(**changes)}"
        der = self._openssl("dgst", "-sha256", "-sign", str(self._key), data=text.encode())
        # SEQUENCE of two INTEGERs, each short enough for a length of one byte.
        r_length = der[3]
        r, s = der[4:4 + r_length], der[6 + r_length:]
        raw = b"".join(int.from_bytes(part, "big").to_bytes(32, "big") for part in (r, s))
        return f"{text}.{encode(raw)}"

    def tampered(self, **changes):
        return f"{self._header}.{self.payload(**changes)}.{self._signature}"

    def unsigned(self):
        header = {**json.loads(decode(self._header)), "alg": "none"}
        return f"{encode(json.dumps(header).encode())}.{self._payload}."

    def hmac_with_public_key(self):
        public = self._openssl("pkey", "-in", str(self._key), "-pubout")
        header = decode(self._header).replace(b"ES256", b"HS256")
        text = f"{encode(header)}.{self._payload}"
        return f"{text}.{encode(hmac.new(public, text.encode(), hashlib.sha256).digest())}"

    def of_another_key(self):
        """Signed with a key of the forger's own, under the right key's name."""
        own = self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout")
        path = self._key.parent / "forgers.key"
        path.write_bytes(own)
        return Forger(f"{self._header}.{self._payload}.{self._signature}", path).signed()


@pytest.fixture(scope="module")
def held(cluster):
    cluster.api.set_variable("wanted", "1")
    held = [hold_execution(cluster, cluster.nodes[0]) for _ in range(2)]
    yield held
    for one in held:
        cluster.api.cancel(one.job)
        cluster.api.wait_ended(one.job)


@pytest.fixture(scope="module")
def forger(cluster, held):
    return Forger(held[0].token, cluster.data / "token-signing.key")


def refusals(node):
    """How many tokens the node's gateway has refused, by reason."""
    text = subprocess.run(node.host.enter(["/usr/bin/python3", "-c", FETCH]), capture_output=True, text=True,
                          check=True).stdout
    found = re.findall(r'^cronium_gateway_token_refusals_total{reason="(\w+)"} (\d+)$', text, re.M)
    return {reason: int(count) for reason, count in found}


def expect_refused(node, execution, token, status, code, counted, message=""):
    """A deletion with this token is refused so, and is counted so and as nothing else."""
    before = refusals(node)
    with contextlib.closing(RuntimeApi(node, execution, token)) as api:
        answer = api.call("DELETE", "variables/wanted")
    assert (answer.status, answer.json["code"]) == (status, code), answer.text
    assert message in answer.json["message"], answer.text
    assert set(answer.json) == {"success", "error", "message", "code"}
    after = refusals(node)
    assert {reason: after[reason] - before.get(reason, 0) for reason in after
            if after[reason] != before.get(reason, 0)} == {counted: 1}


def test_the_right_token_and_one_of_the_forger_with_the_right_key_are_let_in(cluster, held, forger):
    for token in (held[0].token, forger.signed()):
        with contextlib.closing(RuntimeApi(cluster.nodes[0], held[0].execution, token)) as api:
            assert api.call("GET", "input").status == 200


FORGED = {
    "alg none": (lambda f: f.unsigned(), "TOKEN_INVALID", "algorithm", "ES256"),
    "HS256 with the public key": (lambda f: f.hmac_with_public_key(), "TOKEN_INVALID", "algorithm", "ES256"),
    "another key under the right one's name": (lambda f: f.of_another_key(), "TOKEN_INVALID", "signature", "signature"),
    "tampered claims": (lambda f: f.tampered(userId="root"), "TOKEN_INVALID", "signature", "signature"),
    "another execution tampered in": (lambda f: f.tampered(executionId="exec_AAAAAAAAAAAA"), "TOKEN_INVALID", "signature", ""),
    "expired": (lambda f: f.signed(exp=int(time.time()) - 1), "TOKEN_EXPIRED", "expired", "expired"),
    "not valid yet": (lambda f: f.signed(nbf=int(time.time()) + 3600), "TOKEN_INVALID", "not_yet", "nbf"),
    "wrong issuer": (lambda f: f.signed(iss="somebody"), "TOKEN_INVALID", "issuer", "iss"),
    "wrong audience": (lambda f: f.signed(aud="somebody"), "TOKEN_INVALID", "audience", "aud"),
    "wrong scope": (lambda f: f.signed(scope="admin"), "TOKEN_INVALID", "scope", "scope"),
    "wrong subject": (lambda f: f.signed(sub="exec_AAAAAAAAAAAA"), "TOKEN_INVALID", "subject", "sub"),
    "no times": (lambda f: f.signed(exp=None), "TOKEN_INVALID", "claims", "exp"),
    "no JWT": (lambda f: "token", "TOKEN_INVALID", "format", "JWT"),
    "too large": (lambda f: "x" * 5000, "TOKEN_INVALID", "size", "4096"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused_by_gateway_and_controller(cluster, held, forger, name):
    forge, code, counted, message = FORGED[name]
    token = forge(forger)

    expect_refused(cluster.nodes[0], held[0].execution, token, 401, code, counted, message)
    # Nor does it help to go round the gateway with a host's certificate.
    node = cluster.nodes[0]
    with channel(cluster.address, cluster.ca, certificate=node.certificate, key=node.key) as direct:
        with refused() as failure:
            runtime_service_pb2_grpc.RuntimeServiceStub(direct).GetInput(
                runtime_service_pb2.GetInputRequest(), timeout=seconds(10), metadata=[("cronium-execution-token", token)])
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAUTHENTICATED, code)


def test_no_token_is_refused(cluster, held):
    expect_refused(cluster.nodes[0], held[0].execution, None, 401, "TOKEN_MISSING", "missing")


def test_a_token_does_not_speak_for_another_execution(cluster, held):
    expect_refused(cluster.nodes[0], held[1].execution, held[0].token, 403, "EXECUTION_ID_MISMATCH", "other_execution",
                   "execution ID mismatch")


def test_a_token_does_not_count_on_another_host(cluster, held):
    expect_refused(cluster.nodes[1], held[0].execution, held[0].token, 403, "WRONG_NODE", "wrong_node", "node-1")


def test_the_token_of_an_ended_execution_is_worthless(cluster):
    ended = hold_execution(cluster, cluster.nodes[0])
    cluster.api.cancel(ended.job)
    cluster.api.wait_ended(ended.job)

    expect_refused(cluster.nodes[0], ended.execution, ended.token, 403, "EXECUTION_ENDED", "ended", "has ended")


def test_nothing_was_deleted_by_all_that(cluster):
    assert cluster.api.get_variable("wanted").value_json == "1"


def test_the_controller_has_counted_too(cluster):
    cluster.controller.stop()
    cluster.start_controller()

    counted = dict(re.findall(r"calls refused reason=(\S+) count=(\d+)", cluster.controller.log_text()))
    assert {"TOKEN_INVALID/algorithm", "TOKEN_INVALID/signature", "TOKEN_INVALID/issuer", "TOKEN_EXPIRED",
            "EXECUTION_ENDED", "WRONG_NODE"} <= set(counted)
    assert counted["TOKEN_INVALID/algorithm"] == "2"
