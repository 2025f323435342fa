# SPDX-License-Identifier: Apache-2.0
"""What the checks share: their list, the API as they call it, and what every answer has to be."""

import collections
import json
import os
import re
import urllib.parse
from http import HTTPStatus

from runtime_contract.wire import Connection, request

Check = collections.namedtuple("Check", "group name function")

CHECKS = []
# Where Python's words are not those of RFC 9110.
_STATUS_TEXTS = {413: "Content Too Large", 422: "Unprocessable Content"}

# Only run where they are asked for.
SPECIAL_GROUPS = {"rate limit", "outage"}

UNSET = object()


def check(group, name):
    """Puts a function that takes the Api on the list; it raises AssertionError where the contract is broken."""
    def add(function):
        assert name not in [known.name for known in CHECKS], f"two checks are called {name!r}"
        CHECKS.append(Check(group, name, function))
        return function
    return add


class Api:
    """The runtime API at an address, as one execution."""

    def __init__(self, address, execution, token):
        self.address = address
        self.execution = execution
        self.token = token
        # Variables are the namespace's, and several runs share it.
        self.prefix = f"contract/{execution}/{'socket' if isinstance(address, str) else 'tcp'}"

    def connect(self, **options):
        return Connection(self.address, **options)

    # ---- where things are

    def path(self, rest):
        return f"/executions/{self.execution}/{rest}"

    def key(self, name):
        """A key of this run."""
        return f"{self.prefix}/{name}"

    def variable(self, key, verb=""):
        """A key's path, with its slashes encoded."""
        return self.path("variables/" + urllib.parse.quote(key, safe="") + (f"/{verb}" if verb else ""))

    # ---- calls

    def headers(self, token=UNSET, more=()):
        token = self.token if token is UNSET else token
        return ([("Authorization", f"Bearer {token}")] if token is not None else []) + list(more)

    def request(self, method, target, body=None, headers=(), token=UNSET):
        """The bytes of a request; a body that is not bytes is sent as JSON."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers = [("Content-Type", "application/json"), *headers]
        return request(method, target, body, self.headers(token, headers))

    def call(self, method, target, body=None, headers=(), token=UNSET):
        """One call on a connection of its own."""
        with self.connect() as connection:
            connection.send(self.request(method, target, body, headers, token))
            return connection.response()

    def get(self, key):
        return self.call("GET", self.variable(key))

    def put(self, key, raw, headers=()):
        """Sets a variable to a value that is given as JSON text."""
        body = b'{"value":' + (raw if isinstance(raw, bytes) else raw.encode("utf-8")) + b"}"
        return self.call("PUT", self.variable(key), body, headers)

    def set(self, key, raw):
        expect_ok(self.put(key, raw))

    def value(self, key):
        """A variable that is set, as Python has it."""
        return expect_ok(self.get(key))["data"]["value"]


def own_environment(name):
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"runtime_contract: {name} is not set: run this in a job, or set it as a job has it")
    return value


# ---- what answers have to be

def expect_ok(response):
    """200 with a JSON object that says success; returns the object."""
    assert response.status == 200, f"not 200: {response}"
    assert_json_type(response)
    body = response.json
    assert isinstance(body, dict) and body.get("success") is True, f"no success: {response}"
    return body


def expect_error(response, status, code=None, message=None):
    """An error with all that every error has; returns its body. `code` is exact, `message` a regular expression."""
    assert response.status == status, f"not {status}: {response}"
    assert_json_type(response)
    body = response.json
    assert isinstance(body, dict), f"the error is no object: {response}"
    assert body.get("success") is False, f"success is not false: {response}"
    assert body.get("error") == _STATUS_TEXTS.get(status, HTTPStatus(status).phrase), f"`error` is not the status text: {response}"
    assert isinstance(body.get("message"), str) and body["message"], f"there is no message: {response}"
    assert re.fullmatch("[A-Z][A-Z0-9_]*", body.get("code") or ""), f"`code` is no reason: {response}"
    if code is not None:
        assert body["code"] == code, f"`code` is not {code}: {response}"
    if message is not None:
        assert re.search(message, body["message"]), f"the message does not say {message!r}: {response}"
    return body


def assert_json_type(response):
    kind = (response.header("Content-Type") or "").split(";")[0].strip().lower()
    assert kind == "application/json", f"the body is said to be {kind!r}: {response}"


def assert_seconds(response, name):
    """A header that is a whole number of seconds, as Retry-After."""
    value = response.header(name)
    assert value is not None and value.isdigit() and int(value) > 0, f"{name} is {value!r}: {response}"
