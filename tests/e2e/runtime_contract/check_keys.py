# SPDX-License-Identifier: Apache-2.0
"""Which keys there are, and how they are spelled in a path."""

import urllib.parse

from runtime_contract.checks import check, expect_error, expect_ok

_GROUP = "keys"


def _round_trip(api, key, spelling):
    """Sets by one spelling, reads by it and by the one in which everything is encoded."""
    target = api.path("variables/" + spelling)
    expect_ok(api.call("PUT", target, {"value": key}))
    everything = "".join(f"%{byte:02X}" for byte in key.encode("utf-8"))
    for way in (target, api.path("variables/" + everything), api.path("variables/" + everything.lower())):
        data = expect_ok(api.call("GET", way))["data"]
        assert data == {"key": key, "value": key}, f"{way}: {data}"
    expect_ok(api.call("DELETE", target))


@check(_GROUP, "a slash may be encoded or not, and both are one key")
def _(api):
    key = api.key("a/b")
    encoded, plain = urllib.parse.quote(key, safe=""), urllib.parse.quote(key, safe="/")
    assert encoded != plain
    for first, second in ((encoded, plain), (plain, encoded)):
        expect_ok(api.call("PUT", api.path("variables/" + first), {"value": first}))
        data = expect_ok(api.call("GET", api.path("variables/" + second)))["data"]
        assert data == {"key": key, "value": first}, data
    expect_ok(api.call("DELETE", api.path("variables/" + encoded)))
    expect_error(api.call("GET", api.path("variables/" + plain)), 404, "VARIABLE_NOT_FOUND")


@check(_GROUP, "what looks like a path is not tidied up")
def _(api):
    for name in ("/lead", "trail/", "a//b", "..", "a/../b", ".", "a/./b", "///"):
        key = api.key("path/" + name)
        _round_trip(api, key, urllib.parse.quote(key, safe="/"))
        _round_trip(api, key, urllib.parse.quote(key, safe=""))


@check(_GROUP, "the names of verbs are keys like any other")
def _(api):
    for name in ("increment", "append", "a/increment", "a/append", "increment/increment", "variables", "input"):
        key = api.key("verbs/" + name)
        _round_trip(api, key, urllib.parse.quote(key, safe="/"))
        _round_trip(api, key, urllib.parse.quote(key, safe=""))


@check(_GROUP, "every character that is no control character can be in a key")
def _(api):
    for name in ("a b", "a+b", "100%", "a?b", "a#b", "a&b=c", "'\"\\", "ünïcode ✓", "日本語", "😀", "a:b@c", "~!$*();,", "%41", "\u00a0"):
        key = api.key("text/" + name)
        _round_trip(api, key, urllib.parse.quote(key, safe="/"))


@check(_GROUP, "a plus is a plus")
def _(api):
    key = api.key("plus+plus")
    expect_ok(api.call("PUT", api.path("variables/" + key), {"value": 1}))
    assert expect_ok(api.get(key))["data"]["key"] == key


@check(_GROUP, "a percent sign is decoded once")
def _(api):
    key = api.key("twice%2Ftwice")
    api.set(key, "1")
    assert expect_ok(api.get(key))["data"]["key"] == key
    expect_error(api.get(api.key("twice/twice")), 404, "VARIABLE_NOT_FOUND")


@check(_GROUP, "a key has 1 to 256 bytes")
def _(api):
    start = api.key("long/")
    for filler in ("x", "é", "✓"):
        fill = 256 - len(start.encode())
        longest = start + filler * (fill // len(filler.encode()))
        longest += "x" * (256 - len(longest.encode()))
        assert len(longest.encode()) == 256
        _round_trip(api, longest, urllib.parse.quote(longest, safe="/"))
        _refused(api, urllib.parse.quote(longest + "x", safe=""), ".*256")
    _refused(api, "x" * 4000, "256")


@check(_GROUP, "an empty key is refused")
def _(api):
    _refused(api, "")


@check(_GROUP, "control characters are refused")
def _(api):
    for code in [*range(0x20), 0x7F]:
        _refused(api, f"contract%2F%{code:02X}", methods=("GET", "PUT"))


@check(_GROUP, "what is not UTF-8 is refused")
def _(api):
    for spelling in ("%FF", "%80", "%C3", "%C3x", "%E2%9C", "%C0%80", "%C0%AF", "%ED%A0%80", "%F4%90%80%80", "%F8%88%80%80%80"):
        _refused(api, "contract%2F" + spelling)


@check(_GROUP, "a percent sign without two digits is refused")
def _(api):
    for spelling in ("%", "%2", "%zz", "%2g", "%%", "%u0041"):
        _refused(api, "contract%2F" + spelling, message="key|percent")


def _refused(api, spelling, message="key", methods=("GET", "PUT", "DELETE")):
    for method in methods:
        body = {"value": 1} if method == "PUT" else None
        target = api.path("variables/" + spelling)
        response = api.call(method, target, body)
        try:
            expect_error(response, 400, message=f"(?i){message}")
        except AssertionError as error:
            raise AssertionError(f"{method} {spelling[:80]}: {error}") from None
