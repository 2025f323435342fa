# SPDX-License-Identifier: Apache-2.0
"""Fifty containers on two hosts count one variable up, and every addition counts once, whatever happens meanwhile."""

import pytest

from harness.api import spec
from harness.testing import assert_succeeded
from harness.waiting import wait_for

CONTAINERS, TIMES = 50, 1000
# Prints the values that it was answered.
COUNT = f"""
import sys, cronium
print(*(cronium.increment_variable(sys.argv[1]) for _ in range({TIMES})))
"""


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(nodes=2, controller_flags=["--runtime-calls-per-minute", "default=0"])


def start(cluster, key):
    jobs = []
    for number in range(CONTAINERS):
        job = spec(COUNT, image="cronium/python", interpreter=["python3"], args=[key],
                   node=cluster.nodes[number % 2].name, cpu_millis=80, memory_bytes=96 << 20)
        jobs.append(cluster.api.create(job, request_id=f"{key}-{number}").id)
    return jobs


def value_of(cluster, key):
    found = [v for v in cluster.api.list_variables(key) if v.key == key]
    return int(found[0].value_json) if found else 0


def assert_each_counted_once(cluster, key, jobs):
    answered = []
    for job in jobs:
        outcome = assert_succeeded(cluster.api.outcome(job, deadline=240))
        values = [int(value) for value in outcome.stdout.split()]
        assert len(values) == TIMES and values == sorted(values)
        answered += values
    # Every value was answered to exactly one caller: nothing was lost, nothing counted twice, no answer was another's.
    assert sorted(answered) == list(range(1, CONTAINERS * TIMES + 1))
    assert value_of(cluster, key) == CONTAINERS * TIMES


def test_fifty_containers_on_two_hosts_count_to_fifty_thousand(cluster):
    jobs = start(cluster, "count/steady")

    assert_each_counted_once(cluster, "count/steady", jobs)


def test_the_sum_is_exact_though_the_controller_is_killed_meanwhile(cluster):
    key = "count/killed"
    jobs = start(cluster, key)

    for reached in (2_000, 12_000, 25_000):
        wait_for(f"{key} to be {reached}", lambda: value_of(cluster, key) >= reached, 120)
        cluster.controller.kill()
        cluster.start_controller()

    assert_each_counted_once(cluster, key, jobs)
