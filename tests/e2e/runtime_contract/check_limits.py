# SPDX-License-Identifier: Apache-2.0
"""What an execution may not have: too many calls in a minute; an answer while the controller is out of reach."""

import concurrent.futures
import os
import pathlib

from runtime_contract.checks import assert_seconds, check, expect_error, expect_ok


@check("rate limit", "more than 1,000 calls at once are 429 with Retry-After; health is not counted")
def _(api):
    with api.connect() as connection:
        answered = 0
        while True:
            connection.send(api.request("GET", api.variable("contract/unset")))
            response = connection.response()
            if response.status == 429:
                break
            expect_error(response, 404)
            answered += 1
            assert answered < 20000, "nothing limits the calls"
        expect_error(response, 429)
        assert_seconds(response, "Retry-After")
        # The burst is 1,000; what the minute gives back meanwhile comes on top.
        assert answered >= 1000, f"limited after {answered} calls"
        connection.send(api.request("GET", "/health", token=None))
        assert connection.response().status == 200, "the connection was given up"
    # Whatever the way, it is one execution. Calls come back one by one, so a single answer could be another.
    refused = [api.call(method, target, body) for _ in range(5) for method, target, body in (
        ("GET", api.path("input"), None), ("POST", api.path("condition"), {"condition": True}),
        ("PUT", api.variable("contract/limited"), {"value": 1}))]
    refused = [response for response in refused if response.status == 429]
    assert len(refused) > 5, "the limit is not the execution's"
    for response in refused:
        expect_error(response, 429)
        assert_seconds(response, "Retry-After")
    assert api.call("GET", "/ready", token=None).status == 200


@check("outage", "while the controller is away calls end with 503 and Retry-After, and /ready says so; then all is well again")
def _(api):
    # Whoever runs this takes the controller away, and brings it back once the file that CONTRACT_SEEN names is there.
    print("waiting for the controller to go", flush=True)
    while api.call("GET", "/ready", token=None).status == 200:
        pass
    ready = api.call("GET", "/ready", token=None)
    expect_error(ready, 503)
    assert api.call("GET", "/health", token=None).status == 200
    key = api.key("outage")
    calls = [("GET", api.variable(key), None), ("PUT", api.variable(key), {"value": 1}), ("DELETE", api.variable(key), None),
             ("GET", api.path("input"), None), ("GET", api.path("context"), None), ("GET", api.path("variables"), None),
             ("POST", api.path("output"), {"data": 1}), ("POST", api.path("condition"), {"condition": True})]
    # A client's patience, 30 s, is that of the connection: a later answer raises an error.
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        for call, response in zip(calls, pool.map(lambda call: api.call(*call), calls)):
            assert response.status == 503, f"{call}: {response}"
            expect_error(response, 503)
            assert_seconds(response, "Retry-After")
    # What is wrong with a call is said at once, whoever is away.
    expect_error(api.call("PUT", api.variable(key), b"no JSON"), 400)
    expect_error(api.call("GET", api.path("nothing")), 404)
    expect_error(api.call("PATCH", api.path("input")), 405)
    expect_error(api.call("GET", api.path("input"), token="not.a.token"), 401)
    pathlib.Path(os.environ["CONTRACT_SEEN"]).touch()
    while api.call("GET", "/ready", token=None).status != 200:
        pass
    expect_ok(api.put(key, "2"))
    assert api.value(key) == 2
