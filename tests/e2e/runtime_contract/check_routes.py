# SPDX-License-Identifier: Apache-2.0
"""Each route answers what it promises; every other path and method is refused as such."""

import datetime
import json
import os

from runtime_contract.checks import check, expect_error, expect_ok

_GROUP = "routes"

# Rest of the path, the methods it takes.
_ROUTES = [
    ("input", ["GET"]),
    ("output", ["POST"]),
    ("context", ["GET"]),
    ("condition", ["GET", "POST"]),
    ("variables", ["GET"]),
    ("variables/some%2Fkey", ["GET", "PUT", "DELETE"]),
]
_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]


def _routes(api):
    yield "/health", ["GET"]
    yield "/ready", ["GET"]
    for rest, methods in _ROUTES:
        yield api.path(rest), methods
    yield "/tool-actions/execute", ["POST"]


@check(_GROUP, "health answers without a token, with the time")
def _(api):
    response = api.call("GET", "/health", token=None)
    assert response.status == 200 and response.json["status"] == "healthy", str(response)
    time = response.json["time"]
    # Before 3.11 Python reads neither Z nor nanoseconds.
    datetime.datetime.strptime(time[:19], "%Y-%m-%dT%H:%M:%S")
    assert time[19:].endswith("Z") or time[-6] in "+-", f"no zone in {time}"


@check(_GROUP, "ready answers without a token")
def _(api):
    assert api.call("GET", "/ready", token=None).status == 200


@check(_GROUP, "metrics are not for jobs")
def _(api):
    expect_error(api.call("GET", "/metrics"), 404)
    expect_error(api.call("GET", "/metrics", token=None), 404)


@check(_GROUP, "input is the job's, digit by digit")
def _(api):
    given = os.environ.get("CONTRACT_INPUT", "null")
    response = api.call("GET", api.path("input"))
    assert expect_ok(response)["data"] == json.loads(given), str(response)
    assert given in response.text, f"{given} is not in {response.text}"


@check(_GROUP, "context has what an execution is, the event's fields twice")
def _(api):
    context = expect_ok(api.call("GET", api.path("context")))["data"]
    wanted = {"executionId", "jobId", "eventId", "eventName", "eventType", "userId", "startTime", "attempt", "metadata", "id",
              "name", "type"}
    assert wanted <= set(context), f"missing: {wanted - set(context)}"
    assert context["executionId"] == api.execution
    assert context["jobId"] == os.environ.get("CRONIUM_JOB_ID", context["jobId"])
    assert str(context["attempt"]) == os.environ.get("CRONIUM_ATTEMPT", "1"), context
    for short, full in (("id", "eventId"), ("name", "eventName"), ("type", "eventType")):
        assert context[short] == context[full], context


@check(_GROUP, "output takes any JSON value")
def _(api):
    for value in ("null", "false", "0", '""', "[]", '{"a": [1.10, {"b": null}]}', "9007199254740993"):
        expect_ok(api.call("POST", api.path("output"), b'{"data":' + value.encode() + b"}"))


@check(_GROUP, "condition is null, then what was set last; only true and false can be set")
def _(api):
    def current():
        return expect_ok(api.call("GET", api.path("condition")))["data"]

    for value in (True, False, True):
        expect_ok(api.call("POST", api.path("condition"), {"condition": value}))
        assert current() is value
    for wrong in ("true", "false", "", "yes", 1, 0, 1.5, None, [], {}, [True]):
        expect_error(api.call("POST", api.path("condition"), {"condition": wrong}), 400, message="condition")
        assert current() is True, f"{wrong!r} changed the condition"
    expect_error(api.call("POST", api.path("condition"), {"conditions": True}), 400, message="condition")


@check(_GROUP, "a variable is set, read, replaced and deleted")
def _(api):
    key = api.key("life")
    expect_error(api.get(key), 404, "VARIABLE_NOT_FOUND", "variable not found")
    for value in (1, {"a": None}, "text"):
        expect_ok(api.call("PUT", api.variable(key), {"value": value}))
        assert expect_ok(api.get(key))["data"] == {"key": key, "value": value}
    expect_ok(api.call("DELETE", api.variable(key)))
    expect_error(api.get(key), 404, "VARIABLE_NOT_FOUND", "variable not found")


@check(_GROUP, "deleting a variable that is not set is 404")
def _(api):
    expect_error(api.call("DELETE", api.variable(api.key("never"))), 404, "VARIABLE_NOT_FOUND")


@check(_GROUP, "variables are listed by prefix, page by page")
def _(api):
    names = [api.key(f"list/{number:03}") for number in range(30)]
    for name in names:
        api.set(name, "1")
    api.set(api.key("lisu"), "1")
    seen, token = [], ""
    while True:
        target = api.path(f"variables?prefix={api.key('list/')}" + (f"&page_token={token}" if token else ""))
        data = expect_ok(api.call("GET", target))["data"]
        seen += [one["key"] for one in data["variables"]]
        assert all(one["value"] == 1 for one in data["variables"]), data
        token = data.get("nextPageToken")
        if not token:
            break
        assert len(seen) <= len(names), "the pages do not end"
    assert seen == names, seen


@check(_GROUP, "an unknown path is 404")
def _(api):
    for target in ("/", "/nothing", "/healthy", "/health/more", "/executions", "/executions/", f"/executions/{api.execution}",
                   api.path(""), api.path("nothing"), api.path("input/more"), api.path("context/more"), "/tool-actions",
                   "/tool-actions/execute/more", "/tool-actions/list", "//health"):
        for method in ("GET", "POST"):
            expect_error(api.call(method, target, b"{}" if method == "POST" else None), 404)


@check(_GROUP, "a wrong method is 405 and says which are allowed")
def _(api):
    for target, methods in _routes(api):
        for method in _METHODS:
            if method in methods:
                continue
            response = api.call(method, target, b"{}" if method in ("POST", "PUT", "PATCH") else None)
            expect_error(response, 405)
            allowed = {word.strip() for word in (response.header("Allow") or "").split(",")}
            # HEAD and OPTIONS belong to HTTP, whoever answers them.
            assert allowed - {"HEAD", "OPTIONS"} == set(methods), f"{method} {target}: Allow is {sorted(allowed)}"


@check(_GROUP, "a query is not part of the path")
def _(api):
    key = api.key("query")
    api.set(key, "1")
    assert expect_ok(api.call("GET", api.variable(key) + "?a=b/c"))["data"]["key"] == key
    assert api.call("GET", "/health?x", token=None).status == 200
