# SPDX-License-Identifier: Apache-2.0
"""One result in two shapes: as one text, and as the two streams apart."""

import pytest

from harness.testing import assert_ended, assert_succeeded


@pytest.mark.parametrize("script, text, stdout, stderr", [
    ("echo out; echo err >&2", "out\n--- STDERR ---\nerr\n", b"out\n", b"err\n"),
    ("echo out", "out\n", b"out\n", b""),
    ("echo err >&2", "--- STDERR ---\nerr\n", b"", b"err\n"),
    ("true", "", b"", b""),
    ("printf out; printf err >&2", "out\n--- STDERR ---\nerr", b"out", b"err"),
    (r"printf 'a\377b\n'", "a\ufffdb\n", b"a\xffb\n", b""),
], ids=["both", "only stdout", "only stderr", "nothing", "no newlines", "invalid UTF-8"])
def test_the_text_and_the_streams(cluster, script, text, stdout, stderr):
    outcome = assert_succeeded(cluster.api.run(script))

    result = cluster.api.result(outcome.job.id)

    assert result.text == text
    assert result.output.WhichOneof("shape") == "streams"
    assert (result.output.streams.stdout, result.output.streams.stderr) == (stdout, stderr)
    assert not result.truncated


def test_everything_else_that_a_result_says(cluster):
    outcome = cluster.api.run("cronium_output '{\"rows\": 12}'; cronium_set_condition no; echo x; exit 7")

    result = cluster.api.result(outcome.job.id)

    assert_ended(result, "FAILED", "EXITED")
    assert (result.job_id, result.execution_id) == (outcome.job.id, outcome.job.execution_id)
    assert result.exit_code == 7
    assert result.output_json == '{"rows": 12}'
    assert result.HasField("condition") and result.condition is False
    times = [result.create_time, result.start_time, result.end_time]
    assert all(t.seconds for t in times)
    assert [t.ToNanoseconds() for t in times] == sorted(t.ToNanoseconds() for t in times)
    assert (result.log.last_seq, result.log.bytes, result.log.truncated, result.log.uncertain) == (1, 2, False, False)


def test_what_was_not_set_is_absent(cluster):
    outcome = assert_succeeded(cluster.api.run("true"))

    result = cluster.api.result(outcome.job.id)

    assert result.output_json == ""
    assert not result.HasField("condition")


def test_a_long_stream_is_there_by_its_end_and_the_log_has_all(cluster):
    outcome = assert_succeeded(cluster.api.run("seq 1 400000; echo last >&2"))

    result = cluster.api.result(outcome.job.id)

    assert result.truncated
    assert outcome.stdout.endswith(result.output.streams.stdout)
    assert len(result.output.streams.stdout) == 480 << 10
    assert result.output.streams.stderr == b"last\n"
    assert not result.log.truncated


def test_the_client_prints_the_text(cluster):
    outcome = cluster.api.run("echo out; echo err >&2; exit 3")

    done = cluster.cli.run("jobs", "result", outcome.job.id)

    assert done.returncode == 0
    assert done.stdout == b"out\n--- STDERR ---\nerr\n"
    assert b"3" in done.stderr
