# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as clients use it: connections that stay, bodies in pieces, requests before answers."""

from runtime_contract.checks import check, expect_error, expect_ok
from runtime_contract.wire import chunked

_GROUP = "protocol"


def _put(api, key, body, headers):
    return api.request("PUT", api.variable(key), None, headers) + body


@check(_GROUP, "a connection stays open for many calls, also after errors")
def _(api):
    key = api.key("keep-alive")
    with api.connect() as connection:
        for number in range(20):
            connection.send(api.request("PUT", api.variable(key), {"value": number}))
            expect_ok(connection.response())
            connection.send(api.request("GET", api.variable(key)))
            assert expect_ok(connection.response())["data"]["value"] == number
            connection.send(api.request("GET", api.variable(key + "/unset")))
            expect_error(connection.response(), 404)
            connection.send(api.request("PUT", api.variable(key), b"no JSON"))
            expect_error(connection.response(), 400)


@check(_GROUP, "Connection: close is answered and closed")
def _(api):
    for method, target, body in (("GET", "/health", None), ("GET", api.variable(api.key("close")), None),
                                 ("POST", api.path("condition"), {"condition": True})):
        with api.connect() as connection:
            connection.send(api.request(method, target, body, [("Connection", "close")]))
            response = connection.response()
            assert response.status in (200, 404), str(response)
            assert (response.header("Connection") or "").lower() == "close", response.headers
            assert connection.is_closed()


@check(_GROUP, "a chunked body is taken, however it is cut")
def _(api):
    key = api.key("chunked")
    body = b'{"value": ["chunked", 1, {"a": null}]}'
    cuts = [[body], [body[:1], body[1:]], [body[i:i + 1] for i in range(len(body))], [body[i:i + 7] for i in range(0, len(body), 7)]]
    for pieces in cuts:
        with api.connect() as connection:
            connection.send(_put(api, key, chunked(pieces), [("Transfer-Encoding", "chunked")]))
            expect_ok(connection.response())
            connection.send(api.request("GET", api.variable(key)))
            assert expect_ok(connection.response())["data"]["value"] == ["chunked", 1, {"a": None}]
            expect_ok(_delete(api, key))


def _delete(api, key):
    return api.call("DELETE", api.variable(key))


@check(_GROUP, "chunks may have extensions, and trailers after them")
def _(api):
    key = api.key("trailers")
    with api.connect() as connection:
        body = b'8;name=value\r\n{"value"\r\n3\r\n:1}\r\n0\r\nX-Sum: 1\r\n\r\n'
        connection.send(_put(api, key, body, [("Transfer-Encoding", "chunked")]))
        expect_ok(connection.response())
        connection.send(api.request("GET", api.variable(key)))
        assert expect_ok(connection.response())["data"]["value"] == 1


@check(_GROUP, "an empty chunked body is an empty body")
def _(api):
    with api.connect() as connection:
        connection.send(_put(api, api.key("empty"), b"0\r\n\r\n", [("Transfer-Encoding", "chunked")]))
        expect_error(connection.response(), 400, message="value")


@check(_GROUP, "a chunk that is none is refused")
def _(api):
    for body in (b"xyz\r\n", b"-5\r\nhello\r\n", b"ffffffffffffffffff\r\n"):
        with api.connect() as connection:
            connection.send(_put(api, api.key("bad-chunk"), body, [("Transfer-Encoding", "chunked")]))
            response = connection.response()
            assert response.status in (400, 413), f"{body}: {response}"
    expect_error(api.get(api.key("bad-chunk")), 404)


@check(_GROUP, "a body in single bytes is taken")
def _(api):
    key = api.key("slowly")
    with api.connect() as connection:
        for byte in api.request("PUT", api.variable(key), b'{"value":"slow"}'):
            connection.send(bytes([byte]))
        expect_ok(connection.response())
    assert api.value(key) == "slow"


@check(_GROUP, "Expect: 100-continue is told to go on")
def _(api):
    key = api.key("continue")
    body = b'{"value":"continued"}'
    for headers, sent in (([("Content-Length", str(len(body)))], body), ([("Transfer-Encoding", "chunked")], chunked([body]))):
        with api.connect() as connection:
            connection.send(api.request("PUT", api.variable(key), None, [*headers, ("Expect", "100-continue")]))
            assert connection.interim() == 100
            connection.send(sent)
            expect_ok(connection.response())
        assert api.value(key) == "continued"


@check(_GROUP, "a client that does not wait for 100 Continue is served as well")
def _(api):
    with api.connect() as connection:
        connection.send(api.request("PUT", api.variable(api.key("eager")), b'{"value":1}', [("Expect", "100-continue")]))
        expect_ok(connection.response())
        connection.send(api.request("GET", api.variable(api.key("eager"))))
        assert expect_ok(connection.response())["data"]["value"] == 1


@check(_GROUP, "requests sent before the answers are answered in order")
def _(api):
    key = api.key("pipeline")
    with api.connect() as connection:
        requests = b""
        for number in range(10):
            requests += api.request("PUT", api.variable(key), {"value": number})
            requests += api.request("GET", api.variable(key))
        connection.send(requests + api.request("GET", "/nothing"))
        for number in range(10):
            expect_ok(connection.response())
            assert expect_ok(connection.response())["data"]["value"] == number
        expect_error(connection.response(), 404)


@check(_GROUP, "names of headers are read in any case")
def _(api):
    with api.connect() as connection:
        connection.send(f"PUT {api.variable(api.key('case'))} HTTP/1.1\r\nhOST: x\r\nAUTHORIZATION: Bearer {api.token}\r\n"
                        "content-LENGTH: 11\r\n\r\n".encode() + b'{"value":1}')
        expect_ok(connection.response())


@check(_GROUP, "a whole URL in place of the path is the same")
def _(api):
    expect_ok(api.call("GET", "http://runtime-api:8081" + api.path("context")))


@check(_GROUP, "two different lengths, and a length beside chunks, are refused")
def _(api):
    key = api.key("smuggled")
    hidden = api.request("PUT", api.variable(key), b'{"value":1}')
    for headers, body in (([("Content-Length", "11"), ("Content-Length", "5")], b'{"value":1}'),
                          ([("Content-Length", "4"), ("Transfer-Encoding", "chunked")], b"0\r\n\r\n" + hidden)):
        with api.connect() as connection:
            connection.send_while_welcome(_put(api, api.key("two-lengths"), body, headers))
            expect_error(connection.response(), 400)
            assert connection.is_closed(), "the connection goes on although nobody knows where the body ended"
    expect_error(api.get(key), 404)


@check(_GROUP, "a length that is no number is 400")
def _(api):
    for length in ("abc", "-1", "1.5", "0x10", "1 1", ""):
        with api.connect() as connection:
            connection.send_while_welcome(_put(api, api.key("bad-length"), b'{"value":1}', [("Content-Length", length)]))
            # No request yet, so this is HTTP's answer rather than the API's.
            assert connection.response().status == 400
    expect_error(api.get(api.key("bad-length")), 404)


@check(_GROUP, "headers that are too large are 431")
def _(api):
    with api.connect() as connection:
        connection.send_while_welcome(api.request("GET", "/health", None, [("X-Long", "x" * (1 << 20))]))
        assert connection.response().status == 431
    with api.connect() as connection:
        connection.send(api.request("GET", "/health", None, [("X-Long", "x" * 20000)]))
        expect_error(connection.response(), 431)


@check(_GROUP, "a request that is none is 400 or closed")
def _(api):
    for nonsense in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET\r\n\r\n", b"HELLO\r\n\r\n"):
        with api.connect() as connection:
            connection.send_while_welcome(nonsense)
            connection.end_sending()
            try:
                response = connection.response()
            except (AssertionError, ConnectionResetError):
                continue
            assert 400 <= response.status < 500, f"{nonsense}: {response}"


@check(_GROUP, "a body where none belongs does no harm")
def _(api):
    with api.connect() as connection:
        for _ in range(2):
            connection.send(api.request("GET", api.path("context"), b'{"value":1}'))
            expect_ok(connection.response())
