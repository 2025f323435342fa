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


def written(first, last):
    """Bytes first to last of what the script writes."""
    lines = range(first // LINE + 1, last // LINE + 2)
    text = b"".join(b"%010d %s\n" % (number, b"x" * (LINE - 12)) for number in lines)
    return text[first % LINE:][:last - first]


def test_head_and_tail_are_kept_and_one_marker_says_what_is_missing(flood):
    outcome, _ = flood
    [cut] = outcome.log.cuts
    head = b"".join(c.data for c in outcome.log.chunks if c.first_seq < cut.first_seq)
    tail = outcome.stdout[len(head):]

    assert len(head) + cut.bytes + len(tail) == LINES * LINE
    assert head == written(0, len(head))
    assert tail == written(LINES * LINE - len(tail), LINES * LINE)
    # At most half of the limit each, and not much less.
    assert LIMIT // 4 < len(head) <= LIMIT // 2
    assert LIMIT // 4 < len(tail) <= LIMIT // 2


def test_the_result_says_that_it_is_truncated(cluster, flood):
    outcome, _ = flood
    result = cluster.api.result(outcome.job.id)

    assert result.truncated
    assert result.log.truncated
    assert result.log.bytes == LINES * LINE
    assert result.log.last_seq == outcome.log.last_seq
    assert result.output.streams.stdout.endswith(f"{LINES:010d} ".encode() + b"x" * (LINE - 12) + b"\n")


def test_the_client_shows_the_marker_among_the_lines(cluster, flood):
    outcome, _ = flood
    shown = cluster.cli.run("logs", outcome.job.id)

    assert shown.returncode == 0
    assert shown.stdout == outcome.stdout
    [cut] = outcome.log.cuts
    assert f"entries {cut.first_seq} to {cut.last_seq}" in shown.stderr.decode()


@pytest.mark.skipif(settings.SANITIZED, reason="a sanitizer keeps freed memory back")
def test_the_memory_of_controller_and_agent_stays_flat(flood):
    _, growth = flood
    print({name: f"{grown / (1 << 20):.0f} MiB" for name, grown in growth.items()})

    assert all(grown < MEMORY_BOUND for grown in growth.values()), growth


def test_a_log_within_its_limit_is_not_cut(cluster):
    outcome = cluster.api.run(f"seq -f '%010.0f {'x' * (LINE - 12)}' 400", log_bytes=LIMIT)

    assert outcome.log.cuts == []
    assert outcome.stdout == written(0, 400 * LINE)
    assert not cluster.api.result(outcome.job.id).truncated
