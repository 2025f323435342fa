# SPDX-License-Identifier: Apache-2.0
"""What scripts write through one host's gateway is what any other reads, byte for byte, and is written once."""

import contextlib
import sqlite3

import pytest

from harness.runtime_api import RuntimeApi, hold_execution

VALUES = [
    "false", "0", '""', "null", "[]", "{}", "-0", "0.0",
    "9223372036854775807", "-9223372036854775808", "18446744073709551615", "123456789012345678901234567890",
    "0.10000000000000001", "1.7976931348623157e308", "5e-324", "1.50", "1E+2",
    '{"z":1,"a":2,"z":3}', '{ "b" : [ 1 ,2 ],\n\t"a":{} }',
    r'"\" \\ \/ \b \f \n \r \t \u0000 \u00e9 \ud83d\ude00 \uD83D\uDE00"', '"é ✓ 日本語 😀 \u2028"',
    "[" * 511 + "]" * 511,
]


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(nodes=2, controller_flags=["--runtime-calls-per-minute", "0"])


@pytest.fixture(scope="module")
def apis(cluster):
    """An execution on each host, with its host's gateway."""
    held = [hold_execution(cluster, node) for node in cluster.nodes]
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(RuntimeApi(node, one.execution, one.token)))
               for node, one in zip(cluster.nodes, held)]
        for one in held:
            cluster.api.cancel(one.job)
            cluster.api.wait_ended(one.job)


def test_a_value_set_through_one_gateway_is_what_the_other_reads_at_once(apis):
    for number in range(300):
        writer, reader = apis[number % 2], apis[(number + 1) % 2]
        written = writer.call("PUT", "variables/turn", {"value": number})
        assert written.status == 200, written
        read = reader.call("GET", "variables/turn")
        assert read.json["data"]["value"] == number
        assert read.headers["ETag"] == written.headers["ETag"]


def test_what_one_gateway_counted_the_other_counts_on(apis):
    for number in range(1, 101):
        answer = apis[number % 2].call("POST", "variables/shared/increment", {"by": 1})
        assert answer.json["data"] == {"key": "shared", "value": number}


def test_of_two_conditional_writes_one_wins(apis):
    apis[0].call("PUT", "variables/guarded", {"value": 0})
    for number in range(1, 21):
        etag = apis[0].call("GET", "variables/guarded").headers["ETag"]
        won = [api.call("PUT", "variables/guarded", {"value": number}, {"If-Match": etag}).status for api in apis]
        assert won == [200, 412]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_a_value_comes_back_from_the_database_as_it_was_sent(cluster, apis, value):
    assert apis[0].call("PUT", "variables/kept%2Fvalue", '{"value":' + value + "}").status == 200

    assert apis[1].call("GET", "variables/kept/value").text == \
        '{"success":true,"data":{"key":"kept/value","value":' + value + "}}"
    assert cluster.api.get_variable("kept/value").value_json == value
    with contextlib.closing(sqlite3.connect(f"file:{cluster.database}?mode=ro", uri=True)) as database:
        [(stored,)] = database.execute("SELECT value_json FROM variables WHERE key = 'kept/value'").fetchall()
    assert stored == value.encode()


def test_half_of_a_surrogate_pair_is_refused_in_words(apis):
    for half in (r'"\ud83d"', r'"\ude00"', r'"\ud83dx"', r'{"\ud83d":1}'):
        refused = apis[0].call("PUT", "variables/half", '{"value":' + half + "}")
        assert refused.status == 400 and "surrogate" in refused.json["message"], refused


def test_a_repeated_call_changes_nothing_twice(apis):
    first, other = apis
    key = {"Idempotency-Key": "the same"}
    counted = first.call("POST", "variables/once/increment", {"by": 5}, key)
    other.call("POST", "variables/once/increment", {"by": 1})
    again = first.call("POST", "variables/once/increment", {"by": 5}, key)
    assert (again.status, again.text, again.headers["ETag"]) == (200, counted.text, counted.headers["ETag"])

    reused = first.call("POST", "variables/once/increment", {"by": 6}, key)
    assert (reused.status, reused.json["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    # Another execution's key is another key.
    assert other.call("POST", "variables/once/increment", {"by": 6}, key).json["data"]["value"] == 12


def test_a_value_grows_to_its_limit_and_no_further(apis):
    half = "x" * (600 << 10)
    assert apis[0].call("POST", "variables/long/append", {"text": half, "separator": ","}).status == 200
    refused = apis[1].call("POST", "variables/long/append", {"text": half, "separator": ","})
    assert (refused.status, refused.json["code"]) == (413, "VARIABLE_TOO_LARGE")
    assert apis[0].call("GET", "variables/long").json["data"]["value"] == half
