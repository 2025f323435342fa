# SPDX-License-Identifier: Apache-2.0
"""Two hosts with addresses of their own."""

import pytest

from harness.testing import assert_ended, assert_succeeded


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(nodes=2)


# Each waits for the other by a variable: they end only if they run at the same time.
MEET = """#!/bin/bash
cronium_set_variable "meet/$1" "$CRONIUM_NODE" || exit 1
until [ -n "$(cronium_get_variable "meet/$2")" ]; do sleep 0.05; done
echo "$CRONIUM_NODE met $(cronium_get_variable "meet/$2")"
"""


def test_jobs_run_side_by_side_on_both_nodes(cluster):
    first = cluster.api.submit(MEET, args=["a", "b"], node="node-1")
    second = cluster.api.submit(MEET, args=["b", "a"], node="node-2")

    assert assert_succeeded(cluster.api.outcome(first)).stdout == b"node-1 met node-2\n"
    assert assert_succeeded(cluster.api.outcome(second)).stdout == b"node-2 met node-1\n"


@pytest.mark.parametrize("node", ["node-1", "node-2"])
def test_a_pinned_job_runs_on_its_node(cluster, node):
    outcomes = [cluster.api.run("echo $CRONIUM_NODE", node=node) for _ in range(3)]

    assert {(o.job.node, o.stdout.decode()) for o in outcomes} == {(node, f"{node}\n")}


def test_the_list_of_nodes_shows_the_address_of_each(cluster):
    table = cluster.cli.output("nodes", "list")

    for node in cluster.nodes:
        assert any(node.name in line and node.host.address in line for line in table.splitlines()), table
    assert {n.name: n.facts.address for n in cluster.api.list_nodes()} == \
        {node.name: node.host.address for node in cluster.nodes}


def test_a_job_whose_node_is_away_says_so_and_runs_when_it_is_back(cluster):
    away = cluster.nodes[1]
    away.agent.stop()
    job_id = cluster.api.submit("echo ran", node=away.name)

    waiting = cluster.api.wait_for_job(job_id, "say why it waits", lambda job: job.state_reason)
    assert waiting.state_reason == "NODE_UNREACHABLE", waiting
    away.agent.start()

    assert_ended(cluster.api.wait_ended(job_id), "SUCCEEDED", "EXITED")
