# SPDX-License-Identifier: Apache-2.0
"""Compare and set: ETag and If-Match."""

import concurrent.futures

from runtime_contract.checks import check, expect_error, expect_ok

_GROUP = "etags"


def _etag(api, key):
    response = api.get(key)
    expect_ok(response)
    etag = response.header("ETag")
    assert etag and etag.startswith('"') and etag.endswith('"') and len(etag) > 2, f"ETag is {etag!r}"
    return etag


@check(_GROUP, "every set gives another ETag, reading does not")
def _(api):
    key = api.key("etag")
    seen = set()
    for value in ("1", "2", "1", "1"):
        api.set(key, value)
        assert _etag(api, key) == _etag(api, key)
        seen.add(_etag(api, key))
    assert len(seen) == 4, seen


@check(_GROUP, "If-Match sets where the ETag is the newest, else 412 and nothing changes")
def _(api):
    key = api.key("if-match")
    api.set(key, "1")
    first = _etag(api, key)
    expect_ok(api.put(key, "2", [("If-Match", first)]))
    second = _etag(api, key)
    for etag in (first, '"nonsense"', '"' + "9" * 30 + '"'):
        expect_error(api.put(key, "3", [("If-Match", etag)]), 412, "ETAG_MISMATCH")
    assert api.value(key) == 2 and _etag(api, key) == second


@check(_GROUP, "If-Match on a variable that is not set is 412 and does not set it")
def _(api):
    key = api.key("if-match-unset")
    api.set(key, "1")
    etag = _etag(api, key)
    expect_ok(api.call("DELETE", api.variable(key)))
    for value in (etag, '"1"', "*"):
        expect_error(api.put(key, "1", [("If-Match", value)]), 412, "ETAG_MISMATCH")
    expect_error(api.get(key), 404)


@check(_GROUP, "If-Match: * sets what is set")
def _(api):
    key = api.key("if-match-any")
    api.set(key, "1")
    expect_ok(api.put(key, "2", [("If-Match", "*")]))
    assert api.value(key) == 2


@check(_GROUP, "a counter by compare and set loses nothing")
def _(api):
    key = api.key("cas")
    api.set(key, "0")

    def count(_worker):
        done = 0
        while done < 5:
            response = api.get(key)
            value, etag = expect_ok(response)["data"]["value"], response.header("ETag")
            answer = api.put(key, str(value + 1), [("If-Match", etag)])
            if answer.status == 412:
                expect_error(answer, 412, "ETAG_MISMATCH")
                continue
            expect_ok(answer)
            done += 1

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert api.value(key) == 20
