# SPDX-License-Identifier: Apache-2.0
"""More than there is room for: submissions are refused with the time to try again, and floods starve nobody."""

import grpc
import pytest

from harness.api import refused, spec
from harness.protos import job_pb2, job_service_pb2
from harness.testing import assert_succeeded

LIVE_JOBS = 6
FLOODS = 3
STEADY_LINES = 40

# Writes until it is told to stop.
FLOOD = """#!/bin/bash
yes "a line of a flood that does not end by itself" &
until [ "$(cronium_get_variable flood/over)" = yes ]; do sleep 0.1; done
kill $!
"""


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(controller_flags=["--max-live-jobs", str(LIVE_JOBS), "--heartbeat-ms", "500"])


def test_a_full_queue_refuses_with_the_time_to_try_again_and_takes_more_when_jobs_have_ended(cluster):
    api = cluster.api
    jobs = [api.submit("""#!/bin/bash
    until [ "$(cronium_get_variable queue/over)" = yes ]; do sleep 0.1; done
    """) for _ in range(LIVE_JOBS)]

    with refused() as failure:
        api.create(spec("echo one too many"), request_id="one-too-many")
    assert failure.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failure.reason == "QUEUE_FULL"
    assert failure.retry_after == 1
    assert f"holds {LIVE_JOBS} live jobs" in failure.message
    assert {job.id for job in api.jobs.ListJobs(job_service_pb2.ListJobsRequest()).jobs} == set(jobs)

    api.set_variable("queue/over", '"yes"')
    for job in jobs:
        assert_succeeded(api.outcome(job))
    late = api.create(spec("echo now"), request_id="one-too-many")
    assert assert_succeeded(api.outcome(late.id)).stdout == b"now\n"


def test_floods_starve_neither_another_jobs_log_nor_the_heartbeats(cluster):
    api, node = cluster.api, cluster.nodes[0]
    floods = [api.submit(FLOOD, log_bytes=1 << 30, cpu_millis=500) for _ in range(FLOODS)]
    for flood in floods:
        following = api.follow(flood, follow=True)
        next(message for message in following if message.chunks)
        following.cancel()

    # Each line is written only when the one before was seen at the controller: were the steady job's
    # log to wait for a flood's, which has no end, it would never get on.
    steady = api.submit(f"""#!/bin/bash
    for i in $(seq {STEADY_LINES}); do
      echo "line $i"
      until [ "$(cronium_get_variable steady/seen)" = "$i" ]; do sleep 0.02; done
    done
    """)
    seen = 0
    for message in api.follow(steady, follow=True, deadline=240):
        for chunk in message.chunks:
            for line in chunk.data.splitlines():
                seen += 1
                assert line == b"line %d" % seen
                api.set_variable("steady/seen", str(seen))
    assert seen == STEADY_LINES
    assert api.get(steady).state == job_pb2.JOB_STATE_SUCCEEDED
    # Nor was a heartbeat missed by which the session would have ended, or a flood.
    assert all(api.get(flood).state == job_pb2.JOB_STATE_RUNNING for flood in floods)
    assert cluster.controller.log_text().count("session opened") == 1
    assert node.agent.log_text().count("session opened") == 1

    api.set_variable("flood/over", '"yes"')
    for flood in floods:
        ended = api.wait_ended(flood, 240)
        assert ended.state == job_pb2.JOB_STATE_SUCCEEDED, ended
