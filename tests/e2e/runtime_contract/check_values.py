# SPDX-License-Identifier: Apache-2.0
"""A value comes back as it was sent, character by character."""

import json

from runtime_contract.checks import check, expect_error, expect_ok

_GROUP = "values"

_VALUES = {
    "false, true and null": ["false", "true", "null"],
    "empty values": ['""', "[]", "{}", '{"":""}', "[[]]"],
    "zeros": ["0", "-0", "0.0", "-0.0", "0e0"],
    "64-bit integers": ["9223372036854775807", "-9223372036854775808", "18446744073709551615", "9007199254740993", "-9007199254740993",
                        "123456789012345678901234567890"],
    "17-digit doubles": ["0.1", "0.10000000000000001", "1.7976931348623157e308", "2.2250738585072014e-308", "5e-324", "1.10",
                         "3.141592653589793116", "1e2", "1E+2", "100.0", "-1.5e-7"],
    "key order, also twice the same key": ['{"z":1,"a":2,"m":3}', '{"b":{"y":1,"x":2},"a":[]}', '{"10":1,"9":2,"a":3}',
                                           '{"a":1,"a":2}'],
    "all escapes": [r'"\" \\ \/ \b \f \n \r \t"', r'"\u0000\u001f\u007f\u00e9\u2028\u2029"', r'"\ud83d\ude00"', r'"\uD83D\uDE00"',
                    r'{"\u0061\"":"\\u0061"}'],
    "characters beyond ASCII": ['"é ✓ 日本語 😀"', '"\u2028\u2029\ufeff\ufffd"', '{"ключ":"значение"}', '"\x7f"'],
    "spaces": ['{ "a" : [ 1 , 2 ] }', "[1,\n2]", '"two  words "', '" "'],
    "what looks like something else": ['"null"', '"false"', '"0"', '"01234"', '"{}"', '"-n"', '"%s%n"', r'"\\"', '"<script>&amp;"'],
}


def _round_trip(api, key, raw):
    api.set(key, raw)
    response = api.get(key)
    data = expect_ok(response)["data"]
    assert data["key"] == key, data
    assert json.dumps(data["value"]) == json.dumps(json.loads(raw)), f"{raw} came back as {response.text}"
    assert f'"value":{raw}' in response.text or f'"value": {raw}' in response.text, f"{raw} came back as {response.text}"


def _add(what, values):
    @check(_GROUP, f"{what} come back as they were sent")
    def _(api):
        for number, raw in enumerate(values):
            _round_trip(api, api.key(f"values/{what}/{number}"), raw)


for _what, _values in _VALUES.items():
    _add(_what, _values)


@check(_GROUP, "a value nested 500 deep comes back; much deeper ones are refused in words")
def _(api):
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        _round_trip(api, api.key("nested"), opening * 499 + "[1]" + closing * 499)
        for depth in (513, 10000, 100000):
            response = api.put(api.key("too-nested"), opening * depth + "1" + closing * depth)
            expect_error(response, 400, message="(?i)nest|deep")


@check(_GROUP, "null is a value, and not the same as none")
def _(api):
    key = api.key("null")
    api.set(key, "null")
    assert expect_ok(api.get(key))["data"] == {"key": key, "value": None}
    expect_ok(api.call("DELETE", api.variable(key)))
    expect_error(api.get(key), 404, "VARIABLE_NOT_FOUND")


@check(_GROUP, "a value of half a MiB comes back whole")
def _(api):
    text = "".join(chr(0x20 + number % 0x5F) for number in range(1 << 19))
    _round_trip(api, api.key("large"), json.dumps(text))


@check(_GROUP, "what was set is what is read next, every time")
def _(api):
    key = api.key("fresh")
    with api.connect() as reader, api.connect() as writer:
        for number in range(50):
            writer.send(api.request("PUT", api.variable(key), {"value": number}))
            expect_ok(writer.response())
            reader.send(api.request("GET", api.variable(key)))
            assert expect_ok(reader.response())["data"]["value"] == number
