# SPDX-License-Identifier: Apache-2.0
"""Tool actions as calls: what is refused, and how. That what is sent arrives is shown where there is somebody to send to."""

from runtime_contract.checks import check, expect_error

_GROUP = "tool actions"
_PATH = "/tool-actions/execute"
_CALL = {"tool": "webhook", "action": "request", "params": {"method": "POST", "url": "https://hooks.example.org/", "body": {}}}


@check(_GROUP, "only POST is allowed")
def _(api):
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        response = api.call(method, _PATH, b"{}" if method != "GET" else None)
        expect_error(response, 405)
        assert {word.strip() for word in response.header("Allow").split(",")} - {"HEAD", "OPTIONS"} == {"POST"}


@check(_GROUP, "a tool action wants a token as all calls do")
def _(api):
    expect_error(api.call("POST", _PATH, _CALL, token=None), 401, "TOKEN_MISSING")
    expect_error(api.call("POST", _PATH, _CALL, token="not.a.token"), 401, "TOKEN_INVALID")


@check(_GROUP, "a body of another shape is 400 and names the field")
def _(api):
    for body in (b"", b"text", b"[]", b"null", b'"tool"'):
        expect_error(api.call("POST", _PATH, body), 400)
    for field in ("tool", "action"):
        for wrong in (1, None, True, [], {}):
            expect_error(api.call("POST", _PATH, {**_CALL, field: wrong}), 400, message=field)
        expect_error(api.call("POST", _PATH, {name: value for name, value in _CALL.items() if name != field}), 400, message=field)
    for wrong in (1, "text", True, []):
        expect_error(api.call("POST", _PATH, {**_CALL, "params": wrong}), 400, message="params")
        expect_error(api.call("POST", _PATH, {"tool": "webhook", "action": "request", "config": wrong}), 400, message="config|params")


@check(_GROUP, "a tool or an action that is not there is refused by its name")
def _(api):
    for tool, action in (("fax", "send_message"), ("email", "fax"), ("", "request"), ("webhook", "")):
        response = api.call("POST", _PATH, {"tool": tool, "action": action, "params": {}})
        assert response.status in (400, 404), str(response)
        expect_error(response, response.status)


@check(_GROUP, "without a credential nothing is sent, and the message says what is missing")
def _(api):
    for tool, action, params in (("webhook", "request", {"path": "deploy", "body": {}}),
                                 ("email", "send_message", {"to": "a@example.org", "subject": "s", "body": "b"}),
                                 ("slack", "send_message", {"channel": "#ops", "text": "t"}),
                                 ("discord", "send_message", {"channelId": "1", "content": "c"})):
        for name in ("params", "config"):
            response = api.call("POST", _PATH, {"tool": tool, "action": action, name: params})
            assert 400 <= response.status < 500, str(response)
            body = expect_error(response, response.status)
            assert "credential" in body["message"].lower(), body
            assert body["code"].startswith("CREDENTIAL_") or body["code"] == "SECRETS_KEY_MISSING", body


@check(_GROUP, "an action that failed is 200 without success, with what went wrong, so that nobody repeats it")
def _(api):
    # No address that the controller goes to.
    response = api.call("POST", _PATH, {**_CALL, "params": {"url": "https://127.0.0.1:1/", "body": {}}})
    assert response.status == 200, str(response)
    body = response.json
    assert body["success"] is False and isinstance(body["error"], str) and body["error"], body


@check(_GROUP, "a body beyond 1 MiB is 413, and not read")
def _(api):
    with api.connect() as connection:
        connection.send(api.request("POST", _PATH, None, [("Content-Length", str(100 << 20))]))
        response = connection.response()
        expect_error(response, 413)
        assert connection.is_closed()
