# SPDX-License-Identifier: Apache-2.0
"""A script that floods its log: the middle is cut, the ends are kept, and nobody's memory grows with it."""

import pytest

from harness import settings
from harness.testing import assert_succeeded

LINE = 1024
LINES = 1024 * 1024  # 1 GiB.
LIMIT = 4 << 20
# Head and tail of the log, batches under way on both sides, and what allocators keep back.
MEMORY_BOUND = 150 << 20

FLOOD = f"seq -f '%010.0f {'x' * (LINE - 12)}' {LINES}"


@pytest.fixture(scope="module")
def flood(cluster):
    """The ended job, and by how much each process had grown at its largest."""
    cluster.api.run("echo warm")
    processes = [cluster.controller, cluster.nodes[0].agent]
    before = {process.name: process.memory() for process in processes}
    for process in processes:
        process.reset_peak_memory()
    outcome = cluster.api.run(FLOOD, deadline=240, log_bytes=LIMIT, cpu_millis=2000)
    growth = {process.name: process.peak_memory() - before[process.name] for process in processes}
    return assert_succeeded(outcome), growth


def lines_of(data):
    return [int(line.split(b" ", 1)[0]) for line in data.splitlines()]


def test_head_and_tail_are_kept_and_one_marker_says_what_is_missing(flood):
    outcome, _ = flood
    [cut] = outcome.log.cuts
    kept = lines_of(outcome.stdout)

    # Each line is one entry, so its number is its place in the log.
    assert kept == list(range(1, cut.first_seq)) + list(range(cut.last_seq + 1, LINES + 1))
    assert cut.bytes == (cut.last_seq - cut.first_seq + 1) * LINE
    assert cut.bytes + len(outcome.stdout) == LINES * LINE
    head, tail = (cut.first_seq - 1) * LINE, (LINES - cut.last_seq) * LINE
    # At most half of the limit each, and not much less.
    assert LIMIT // 4 < head <= LIMIT // 2
    assert LIMIT // 4 < tail <= LIMIT // 2


def test_the_result_says_that_it_is_truncated(cluster, flood):
    outcome, _ = flood
    result = cluster.api.result(outcome.job.id)

    assert result.truncated
    assert result.log.truncated
    assert result.log.bytes == LINES * LINE
    assert result.log.last_seq == LINES
    assert result.output.streams.stdout.endswith(f"{LINES:010d} ".encode() + b"x" * (LINE - 12) + b"\n")


def test_the_client_shows_the_marker_among_the_lines(cluster, flood):
    outcome, _ = flood
    shown = cluster.cli.run("logs", outcome.job.id)

    assert shown.returncode == 0
    assert shown.stdout == outcome.stdout
    assert str(outcome.log.cuts[0].bytes).encode() in shown.stderr or b"cut" in shown.stderr


@pytest.mark.skipif(settings.SANITIZED, reason="a sanitizer keeps freed memory back")
def test_the_memory_of_controller_and_agent_stays_flat(flood):
    _, growth = flood
    print({name: f"{grown / (1 << 20):.0f} MiB" for name, grown in growth.items()})

    assert all(grown < MEMORY_BOUND for grown in growth.values()), growth


def test_a_log_within_its_limit_is_not_cut(cluster):
    outcome = cluster.api.run(f"seq -f '%010.0f {'x' * (LINE - 12)}' 1000", log_bytes=LIMIT)

    assert outcome.log.cuts == []
    assert lines_of(outcome.stdout) == list(range(1, 1001))
    assert not cluster.api.result(outcome.job.id).truncated
