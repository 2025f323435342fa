# SPDX-License-Identifier: Apache-2.0
"""What a body may be, how large, and what is said of one that is wrong."""

import json

from runtime_contract.checks import check, expect_error, expect_ok

_GROUP = "bodies"
_MIB = 1 << 20


def _writes(api):
    """Method, path and the field that the body must have."""
    yield "PUT", api.variable(api.key("bodies")), "value"
    yield "POST", api.path("output"), "data"
    yield "POST", api.path("condition"), "condition"


@check(_GROUP, "an empty body is 400 and names the field")
def _(api):
    for method, target, field in _writes(api):
        expect_error(api.call(method, target, b""), 400, message=field)
        expect_error(api.call(method, target), 400, message=field)


@check(_GROUP, "a body without the field is 400 and names it")
def _(api):
    for method, target, field in _writes(api):
        for body in (b"{}", b'{"other": true}', b'{"Value": 1, "Data": 1, "Condition": true}'):
            expect_error(api.call(method, target, body), 400, message=field)


@check(_GROUP, "a body that is no object is 400 and names the field")
def _(api):
    for method, target, field in _writes(api):
        for body in (b"[]", b'"text"', b"5", b"null", b"true", b'[{"value": 1, "data": 1, "condition": true}]'):
            expect_error(api.call(method, target, body), 400, message=field)


@check(_GROUP, "what is not JSON is 400")
def _(api):
    broken = [b"text", b"{", b'{"value":}', b'{"value":1', b'{"value":1}}', b'{"value":1} x', b'{"value":1,}', b"{'value':1}", b"{value:1}",
              b'{"value":NaN}', b'{"value":Infinity}', b'{"value":-}', b'{"value":01}', b'{"value":+1}', b'{"value":1.}', b'{"value":.5}',
              b'{"value":0x10}', b'{"value":"a\nb"}', b'{"value":"\\x41"}', b'{"value":"\\u12"}', b'{"value":"open}', b'{"value":[1,]}',
              b'{"value":tru}', b'{"value":1/*c*/}', b'{"value":"\xff"}', b'{"value":"\xc3"}', b'{"value":"\xed\xa0\x80"}',
              b'{"value":"\x00"}', b"\x00", b"value=1", b'{"value":1}\x00']
    key = api.key("broken")
    for body in broken:
        response = api.call("PUT", api.variable(key), body)
        assert response.status == 400, f"{body}: {response}"
        expect_error(response, 400)
    expect_error(api.get(key), 404, "VARIABLE_NOT_FOUND")


@check(_GROUP, "the kind of content need not be said")
def _(api):
    for headers in ([], [("Content-Type", "text/plain")], [("Content-Type", "application/json; charset=utf-8")],
                    [("Content-Type", "application/x-www-form-urlencoded")]):
        with api.connect() as connection:
            head = api.request("PUT", api.variable(api.key("kind")), None, [*headers, ("Content-Length", "11")])
            connection.send(head + b'{"value":1}')
            expect_ok(connection.response())


@check(_GROUP, "a variable's body of 1 MiB is taken, one of a byte more is 413")
def _(api):
    key = api.key("largest")
    body = _body_of("value", _MIB)
    expect_ok(api.call("PUT", api.variable(key), body))
    assert len(api.value(key)) == len(json.loads(body)["value"])
    expect_error(_send_anyway(api, "PUT", api.variable(key), _body_of("value", _MIB + 1)), 413, message="1048576|1 MiB")
    assert len(api.value(key)) == len(json.loads(body)["value"]), "the refused value was set"


@check(_GROUP, "an output of 8 MiB is taken, one of a byte more is 413")
def _(api):
    expect_ok(api.call("POST", api.path("output"), _body_of("data", 8 * _MIB)))
    expect_error(_send_anyway(api, "POST", api.path("output"), _body_of("data", 8 * _MIB + 1)), 413, message="8388608|8 MiB")


@check(_GROUP, "413 comes before the body, which is not read")
def _(api):
    for method, target, _field in _writes(api):
        for more in ([], [("Expect", "100-continue")]):
            with api.connect() as connection:
                connection.send(api.request(method, target, None, [("Content-Length", str(100 * _MIB)), *more]))
                response = connection.response()
                expect_error(response, 413)
                assert response.interim == [], f"the body was asked for: {response.interim}"
                assert connection.is_closed(), "the connection stays open for a body that nobody reads"


@check(_GROUP, "a chunked body that grows too large is 413 before it ends")
def _(api):
    with api.connect() as connection:
        connection.send(api.request("PUT", api.variable(api.key("endless")), None, [("Transfer-Encoding", "chunked")]))
        connection.send(b'b\r\n{"value":"x\r\n')
        piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        for _ in range(40):
            connection.send_while_welcome(piece)
        expect_error(connection.response(), 413)
        assert connection.is_closed()


@check(_GROUP, "a length beyond all numbers is refused")
def _(api):
    for length in ("99999999999999999999999999", "9223372036854775807", "18446744073709551616"):
        with api.connect() as connection:
            connection.send(api.request("PUT", api.variable(api.key("huge")), None, [("Content-Length", length)]))
            response = connection.response()
            assert response.status in (400, 413), str(response)


def _body_of(field, size):
    """{"field":"xxx..."} of that many bytes."""
    start = b'{"%s":"' % field.encode()
    return start + b"x" * (size - len(start) - 2) + b'"}'


def _send_anyway(api, method, target, body):
    """For a body that may be refused before it is sent whole."""
    with api.connect() as connection:
        connection.send_while_welcome(api.request(method, target, body))
        return connection.response()
