# SPDX-License-Identifier: Apache-2.0
"""What a job writes comes back byte for byte."""

import hashlib
import random

import pytest

from harness.testing import assert_succeeded

# Made in the job and here by the same seed.
PYTHON = """
import random, sys
data = random.Random({seed}).randbytes({size})
sys.{stream}.buffer.write(data)
"""


def digest(data):
    return len(data), hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_random_bytes(cluster, stream):
    size = 3_000_000
    outcome = cluster.api.run(PYTHON.format(seed=7, size=size, stream=stream), image="cronium/python",
                              interpreter=["python3"])

    assert_succeeded(outcome)
    assert digest(getattr(outcome, stream)) == digest(random.Random(7).randbytes(size))
    assert (outcome.stderr if stream == "stdout" else outcome.stdout) == b""


def test_lines_of_one_mebibyte(cluster):
    outcome = cluster.api.run("for c in a b c; do head -c 1048576 /dev/zero | tr '\\0' $c; echo; done")

    assert_succeeded(outcome)
    assert digest(outcome.stdout) == digest(b"".join(c * 1048576 + b"\n" for c in (b"a", b"b", b"c")))


@pytest.mark.parametrize("written, expected", [
    (r"\n\n\n a \n\n", b"\n\n\n a \n\n"),
    (r"a\000b\r\n\033[31mred\033[0m\n", b"a\x00b\r\n\x1b[31mred\x1b[0m\n"),
    (r"\377\376 \300\257 \355\240\200 \360\237\n", b"\xff\xfe \xc0\xaf \xed\xa0\x80 \xf0\x9f\n"),
    (r"no newline at the end", b"no newline at the end"),
    (r"\n", b"\n"),
    (r"", b""),
], ids=["blank lines", "control characters", "invalid UTF-8", "no last newline", "only a newline", "nothing"])
def test_odd_text(cluster, written, expected):
    outcome = cluster.api.run(f"printf '{written}'; printf '{written}' >&2")

    assert_succeeded(outcome)
    assert (outcome.stdout, outcome.stderr) == (expected, expected)


def test_a_prompt_without_newline_is_seen_while_the_job_waits(cluster):
    job_id = cluster.api.submit("""#!/bin/bash
    printf "ready? "
    until [ -n "$(cronium_get_variable prompt/go)" ]; do sleep 0.05; done
    """)

    cluster.api.wait_for_output(job_id, b"ready? ")
    cluster.api.set_variable("prompt/go", "1")

    assert assert_succeeded(cluster.api.outcome(job_id)).stdout == b"ready? "


def test_the_order_of_the_two_streams_is_that_of_capture(cluster):
    """Each line waits until the one before was read back from the controller, so that their order is certain."""
    script = """#!/bin/bash
    seen() { until [ "$(cronium_get_variable "order/$1")" = seen ]; do sleep 0.05; done; }
    for i in 1 2 3; do
      echo "out $i"; seen "out/$i"
      echo "err $i" >&2; seen "err/$i"
    done
    """
    job_id = cluster.api.submit(script)
    for number in (1, 2, 3):
        for stream in ("out", "err"):
            cluster.api.wait_for_output(job_id, f"{stream} {number}\n".encode())
            cluster.api.set_variable(f"order/{stream}/{number}", '"seen"')

    outcome = assert_succeeded(cluster.api.outcome(job_id))

    assert [c.data for c in outcome.log.chunks] == [f"{s} {n}\n".encode() for n in (1, 2, 3) for s in ("out", "err")]
    times = [c.time.ToNanoseconds() for c in outcome.log.chunks]
    assert times == sorted(times)


def test_tail_since_and_stream_select_of_a_stored_log(cluster):
    outcome = cluster.api.run("seq 1 500; seq 501 600 >&2")
    job_id = outcome.job.id
    lines = lambda *args: cluster.cli.run("logs", job_id, *args)  # noqa: E731

    assert lines("--tail", "3", "--stream", "stderr").stderr == b"598\n599\n600\n"
    assert lines("--stream", "stdout").stderr == b""
    assert lines("--since", "1h").stdout == outcome.stdout
    assert lines("--since", "2999-01-01T00:00:00Z").stdout == b""
