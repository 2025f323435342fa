# SPDX-License-Identifier: Apache-2.0
"""Increment and append in one step, and calls that are repeated without being done twice."""

import concurrent.futures
import json

from runtime_contract.checks import check, expect_error, expect_ok

_COUNT, _APPEND, _KEYS = "increment", "append", "idempotency"
_MAX, _MIN = 9223372036854775807, -9223372036854775808


def _increment(api, key, by, headers=()):
    return api.call("POST", api.variable(key, "increment"), {"by": by}, headers)


def _append(api, key, text, separator="", headers=()):
    return api.call("POST", api.variable(key, "append"), {"text": text, "separator": separator}, headers)


def _expect_refused(response):
    """Refused as a request that is wrong, which nobody tries again."""
    assert response.status in (400, 409, 413, 422), f"not refused as it should be: {response}"
    expect_error(response, response.status)


# ---- increment

@check(_COUNT, "increment counts from 0 and answers with the new value")
def _(api):
    key = api.key("count")
    for by, value in ((1, 1), (41, 42), (-2, 40), (0, 40)):
        data = expect_ok(_increment(api, key, by))["data"]
        assert data["value"] == value and isinstance(data["value"], int), data
        assert api.value(key) == value


@check(_COUNT, "increment keeps all digits of 64-bit integers")
def _(api):
    key = api.key("count-large")
    api.set(key, "9007199254740993")
    assert expect_ok(_increment(api, key, 2))["data"]["value"] == 9007199254740995
    api.set(key, str(_MAX - 1))
    response = _increment(api, key, 1)
    assert str(_MAX) in response.text and expect_ok(response)["data"]["value"] == _MAX
    api.set(key, str(_MIN + 1))
    assert expect_ok(_increment(api, key, -1))["data"]["value"] == _MIN


@check(_COUNT, "increment never wraps round")
def _(api):
    key = api.key("count-over")
    for start, by in ((_MAX, 1), (_MIN, -1), (_MAX, _MAX)):
        api.set(key, str(start))
        response = _increment(api, key, by)
        if response.status == 200:
            assert expect_ok(response)["data"]["value"] == start + by, str(response)
        else:
            _expect_refused(response)
            assert api.value(key) == start, "the refused addition was done"


@check(_COUNT, "increment adds fractions")
def _(api):
    key = api.key("count-fraction")
    assert expect_ok(_increment(api, key, 0.5))["data"]["value"] == 0.5
    assert expect_ok(_increment(api, key, 0.25))["data"]["value"] == 0.75
    assert expect_ok(_increment(api, key, 1))["data"]["value"] == 1.75


@check(_COUNT, "increment by what is no number is 400 and names the field")
def _(api):
    key = api.key("count-by")
    for by in ("1", None, True, [], {}, [1]):
        expect_error(_increment(api, key, by), 400, message=r"\bby\b")
    for body in (b"", b"[]", b"5", b'{"By":1}'):
        expect_error(api.call("POST", api.variable(key, "increment"), body), 400, message=r"\bby\b|JSON object")
    for body in (b'{"by":1', b'{"by":NaN}', b'{"by":01}'):
        expect_error(api.call("POST", api.variable(key, "increment"), body), 400)
    expect_error(api.get(key), 404)


@check(_COUNT, "increment of what is no number is refused and changes nothing")
def _(api):
    key = api.key("count-of")
    for raw in ('"1"', "null", "true", "[]", "{}"):
        api.set(key, raw)
        _expect_refused(_increment(api, key, 1))
        assert api.value(key) == json.loads(raw)


@check(_COUNT, "increments at the same time all count, and each has a value of its own")
def _(api):
    key = api.key("count-many")

    def count(_worker):
        with api.connect() as connection:
            values = []
            for _ in range(20):
                connection.send(api.request("POST", api.variable(key, "increment"), {"by": 1}))
                values.append(expect_ok(connection.response())["data"]["value"])
            return values

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        values = [value for some in pool.map(count, range(5)) for value in some]
    assert sorted(values) == list(range(1, 101))


@check(_COUNT, "increment and append take a key with its slashes as they are")
def _(api):
    key = api.key("verb/of/slashes")
    assert expect_ok(api.call("POST", api.path(f"variables/{key}/increment"), {"by": 3}))["data"]["value"] == 3
    assert api.value(key) == 3
    expect_ok(api.call("POST", api.path(f"variables/{key}/text/append"), {"text": "x", "separator": ""}))
    assert api.value(key + "/text") == "x"


@check(_COUNT, "POST to a key without a verb is 405")
def _(api):
    response = api.call("POST", api.variable(api.key("no-verb")), {"by": 1})
    expect_error(response, 405)
    assert {word.strip() for word in response.header("Allow").split(",")} - {"HEAD", "OPTIONS"} == {"GET", "PUT", "DELETE"}


@check(_COUNT, "an increment gives another ETag")
def _(api):
    key = api.key("count-etag")
    expect_ok(_increment(api, key, 1))
    first = api.get(key).header("ETag")
    expect_ok(_increment(api, key, 1))
    assert api.get(key).header("ETag") != first
    expect_error(api.put(key, "9", [("If-Match", first)]), 412, "ETAG_MISMATCH")


# ---- append

@check(_APPEND, "append puts the separator between, not before the first")
def _(api):
    key = api.key("append")
    for text, whole in (("a", "a"), ("b", "a, b"), ("", "a, b, ")):
        expect_ok(_append(api, key, text, ", "))
        assert api.value(key) == whole, api.value(key)
    expect_ok(_append(api, key, "c"))
    assert api.value(key) == "a, b, c"


@check(_APPEND, "append keeps every character")
def _(api):
    key = api.key("append-text")
    texts = ['"quoted"', "\\", "\n\t", "ünï ✓", "😀", "\u0001", "\u2028", " "]
    for text in texts:
        expect_ok(_append(api, key, text, "|"))
    assert api.value(key) == "|".join(texts)


@check(_APPEND, "append of what is no text is 400 and names the field")
def _(api):
    key = api.key("append-of")
    for text in (1, None, True, [], {}):
        expect_error(api.call("POST", api.variable(key, "append"), {"text": text, "separator": ""}), 400, message="text")
        expect_error(api.call("POST", api.variable(key, "append"), {"text": "x", "separator": text if text is not None else 0}), 400,
                     message="separator")
    expect_error(api.call("POST", api.variable(key, "append"), {"separator": ","}), 400, message="text")
    expect_error(api.call("POST", api.variable(key, "append"), b""), 400)
    expect_error(api.get(key), 404)


@check(_APPEND, "append to what is no text is refused and changes nothing")
def _(api):
    key = api.key("append-to")
    for raw in ("1", "null", "true", "[]", "{}"):
        api.set(key, raw)
        _expect_refused(_append(api, key, "x"))
        assert api.value(key) == json.loads(raw)


@check(_APPEND, "append stops at 1 MiB and keeps what is there")
def _(api):
    key = api.key("append-large")
    text = "x" * (600 << 10)
    expect_ok(_append(api, key, text))
    _expect_refused(_append(api, key, text))
    assert api.value(key) == text


@check(_APPEND, "appends at the same time are all there")
def _(api):
    key = api.key("append-many")

    def append(worker):
        for number in range(10):
            expect_ok(_append(api, key, f"{worker}-{number}", ","))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(append, range(4)))
    assert sorted(api.value(key).split(",")) == sorted(f"{worker}-{number}" for worker in range(4) for number in range(10))


# ---- idempotency

def _key(api, name):
    return [("Idempotency-Key", f"{api.prefix}-{name}")]


@check(_KEYS, "the same increment with the same key is done once and answered the same")
def _(api):
    key = api.key("once/count")
    first = _increment(api, key, 5, _key(api, "count"))
    assert expect_ok(first)["data"]["value"] == 5
    expect_ok(_increment(api, key, 1))
    again = _increment(api, key, 5, _key(api, "count"))
    assert expect_ok(again) == first.json, f"{first} and then {again}"
    assert api.value(key) == 6
    assert expect_ok(_increment(api, key, 5, _key(api, "count-other")))["data"]["value"] == 11


@check(_KEYS, "the same append with the same key is done once")
def _(api):
    key = api.key("once/append")
    for _ in range(3):
        expect_ok(_append(api, key, "x", ",", _key(api, "append")))
    assert api.value(key) == "x"


@check(_KEYS, "the same set with the same key does not undo what came between")
def _(api):
    key = api.key("once/set")
    expect_ok(api.put(key, "1", _key(api, "set")))
    expect_ok(api.put(key, "2"))
    expect_ok(api.put(key, "1", _key(api, "set")))
    assert api.value(key) == 2


@check(_KEYS, "the same delete with the same key does not delete what came between")
def _(api):
    key = api.key("once/delete")
    api.set(key, "1")
    expect_ok(api.call("DELETE", api.variable(key), headers=_key(api, "delete")))
    api.set(key, "2")
    expect_ok(api.call("DELETE", api.variable(key), headers=_key(api, "delete")))
    assert api.value(key) == 2


@check(_KEYS, "the same key with another body is 409 and does nothing")
def _(api):
    key = api.key("once/other")
    expect_ok(_increment(api, key, 1, _key(api, "other")))
    for _ in range(2):
        expect_error(_increment(api, key, 2, _key(api, "other")), 409)
    assert api.value(key) == 1
    expect_ok(api.put(key, "5", _key(api, "other-set")))
    expect_error(api.put(key, "6", _key(api, "other-set")), 409)
    assert api.value(key) == 5


@check(_KEYS, "a key belongs to one call: used for another variable or verb it is 409")
def _(api):
    key = api.key("once/place")
    expect_ok(_increment(api, key, 1, _key(api, "place")))
    expect_error(_increment(api, key + "/other", 1, _key(api, "place")), 409)
    expect_error(api.put(key, "1", _key(api, "place")), 409)
    expect_error(api.get(key + "/other"), 404)
    assert api.value(key) == 1


@check(_KEYS, "a call that was refused may be put right under the same key")
def _(api):
    key = api.key("once/refused")
    api.set(key, '"text"')
    _expect_refused(_increment(api, key, 1, _key(api, "refused")))
    api.set(key, "1")
    assert expect_ok(_increment(api, key, 1, _key(api, "refused")))["data"]["value"] == 2


@check(_KEYS, "the same call with the same key, at the same time, is done once")
def _(api):
    key = api.key("once/race")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: _increment(api, key, 1, _key(api, "race")), range(8)))
    assert [expect_ok(answer)["data"]["value"] for answer in answers] == [1] * 8
    assert api.value(key) == 1
