# SPDX-License-Identifier: Apache-2.0
"""An agent dies, or is replaced, with twenty containers running: all go on, none is lost or begun twice, each ends as itself."""

import pytest

from harness import engine
from harness.api import spec
from harness.protos import job_pb2
from harness.testing import assert_ended, assert_numbered
from harness.waiting import wait_for

JOBS = 20
# Of these the script ends while no agent is there.
LEAVE = range(1, 6)

# Writes numbered lines to both streams until it is told to leave. It forks for nothing but the runtime API, since there are many of it. How
# many lines there were is its output, so that the log's end is not judged by the log.
SCRIPT = """#!/bin/bash
exec {pause}<> <(:)
cronium_increment_variable "$1/begun/$2" >/dev/null
n=0
until ((n % 40 == 0 && n > 0)) && [ "$(cronium_get_variable "$1/leave/$2")" = yes ]; do
  echo "out $((++n))"; echo "err $n" >&2
  read -rt 0.05 -u "$pause"
done
cronium_output "$n"
cronium_set_variable "$1/gone/$2" true
exit "$2"
"""


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(agent_flags=["--slots", str(JOBS), "--cpu-millis", str(JOBS * 100),
                                     "--memory-bytes", str(JOBS * (64 << 20))])


def containers(cluster):
    """Each container of the cluster as it is now: when it was started, by execution and container id."""
    ids = engine.containers_of_cluster(cluster.name)
    shown = engine.docker("inspect", "--format", "{{.Name}} {{.Id}} {{.State.StartedAt}}", *ids).splitlines()
    return sorted(shown)


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_twenty_jobs_go_on_over_an_agent(cluster, how):
    api, agent = cluster.api, cluster.nodes[0].agent
    jobs = {number: api.submit(SCRIPT, args=[how, str(number)], cpu_millis=100, memory_bytes=64 << 20)
            for number in range(1, JOBS + 1)}
    for job_id in jobs.values():
        api.wait_for_output(job_id, b"err 1\n", deadline=120)
    before = containers(cluster)
    assert len(before) == JOBS

    # SIGTERM and a new process is what an upgrade does.
    getattr(agent, how)()
    cluster.wait_node_away(cluster.nodes[0])
    for number in LEAVE:
        api.set_variable(f"{how}/leave/{number}", '"yes"')
    for number in LEAVE:
        cluster.wait_variable(f"{how}/gone/{number}")
    assert containers(cluster) == before
    agent.start()
    cluster.wait_ready()

    # Those that stay have written more since.
    for number in jobs.keys() - LEAVE:
        lines = len(api.log(jobs[number]).stdout.splitlines())
        api.wait_for_output(jobs[number], f"out {lines + 5}\n".encode(), deadline=60)
    still = containers(cluster)
    assert set(still) <= set(before)
    assert len(still) >= JOBS - len(LEAVE)

    for number in jobs.keys() - LEAVE:
        api.set_variable(f"{how}/leave/{number}", '"yes"')
    for number, job_id in jobs.items():
        outcome = api.outcome(job_id, deadline=120)
        assert_ended(outcome.job, "FAILED", "EXITED")
        assert outcome.job.exit_code == number, outcome.job
        assert outcome.job.attempt == 1
        assert len(api.executions(job_id)) == 1
        assert api.get_variable(f"{how}/begun/{number}").value_json == "1"
        count = int(api.executions(job_id)[0].output_json)
        assert_numbered(outcome.stdout, "out", count)
        assert_numbered(outcome.stderr, "err", count)
        assert not outcome.log.cuts
        assert not api.result(job_id).log.uncertain
    wait_for("all containers to be gone", lambda: not engine.containers_of_cluster(cluster.name))


def test_a_log_whose_agent_and_init_died_together_says_that_its_end_is_uncertain(cluster):
    """Nobody is left who knows what was in the pipe: what is stored is whole up to there."""
    api, agent = cluster.api, cluster.nodes[0].agent
    job_spec = spec("#!/bin/bash\nwhile true; do echo \"out $((++n))\"; sleep 0.005; done")
    job_spec.max_attempts = 1
    job_id = api.create(job_spec).id
    api.wait_for_output(job_id, b"out 100\n")
    [execution] = api.executions(job_id)

    agent.kill()
    engine.docker("kill", execution.id)
    cluster.wait_node_away(cluster.nodes[0])
    agent.start()

    outcome = api.outcome(job_id)
    assert outcome.job.state == job_pb2.JOB_STATE_FAILED
    assert outcome.job.attempt == 1
    assert api.result(job_id).log.uncertain
    # The last line may be cut off.
    assert_numbered(outcome.stdout[:outcome.stdout.rfind(b"\n") + 1], "out")
