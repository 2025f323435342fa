# SPDX-License-Identifier: Apache-2.0
"""A controller is killed again and again while jobs are submitted: what it answered for is there, once, and all of it runs, once.

With real containers, and so at the rate at which they start. tools/bench/restart does the same with simulated agents and 1,000 submissions
a second.
"""

import threading
import time

import grpc
import pytest

from harness.api import spec
from harness.protos import job_service_pb2
from harness.testing import assert_succeeded
from harness.waiting import seconds, wait_for

JOBS = 60
PER_SECOND = 15
KILLS = 3

SCRIPT = """#!/bin/bash
cronium_increment_variable kill-controller/runs >/dev/null
echo "job $1"
"""


class Submitter:
    """Submits at a fixed rate, however long the answers take: each job by a thread of its own, that asks until it is answered."""

    def __init__(self, api):
        self._api = api
        self.answers = {}
        self._threads = [threading.Thread(target=self._submit, args=(number,)) for number in range(JOBS)]
        self._pace = threading.Thread(target=self._run)
        self._pace.start()

    def _run(self):
        begin = time.monotonic()
        for number, thread in enumerate(self._threads):
            time.sleep(max(0.0, begin + number / PER_SECOND - time.monotonic()))
            thread.start()

    def _submit(self, number):
        end = time.monotonic() + seconds(120)
        job_spec = spec(SCRIPT, args=[str(number)], labels={"test": "kill-controller"}, cpu_millis=100,
                        memory_bytes=64 << 20)
        while True:
            try:
                self.answers[number] = self._api.create(job_spec, request_id=f"kill-controller-{number}").id
                return
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE or time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def join(self):
        self._pace.join()
        for thread in self._threads:
            thread.join()


@pytest.fixture(scope="module")
def cluster(make_cluster):
    return make_cluster(agent_flags=["--slots", "8"])


def listed(api):
    token, jobs = "", []
    while True:
        page = api.jobs.ListJobs(job_service_pb2.ListJobsRequest(
            page_size=25, page_token=token, filter="label.test=kill-controller"), timeout=seconds(30))
        jobs += page.jobs
        token = page.next_page_token
        if not token:
            return jobs


def test_what_was_answered_is_there_once_and_runs_once(cluster):
    api = cluster.api
    submitter = Submitter(api)
    for kill in range(1, KILLS + 1):
        wait_for("more answers", lambda wanted=kill * JOBS // (KILLS + 1): len(submitter.answers) >= wanted, 120)
        cluster.controller.kill()
        cluster.start_controller()
    submitter.join()

    assert len(submitter.answers) == JOBS
    assert len(set(submitter.answers.values())) == JOBS
    jobs = listed(api)
    assert sorted(job.id for job in jobs) == sorted(submitter.answers.values())
    assert len({job.request_id for job in jobs}) == JOBS
    for number, job_id in submitter.answers.items():
        outcome = assert_succeeded(api.outcome(job_id, deadline=180))
        assert outcome.stdout == f"job {number}\n".encode()
        assert outcome.job.attempt == 1, outcome.describe()
    assert api.get_variable("kill-controller/runs").value_json == str(JOBS)
