# SPDX-License-Identifier: Apache-2.0
"""Jobs and logs go by age, number and bytes, each namespace by its own limits; what lives stays, and space comes back."""

import pytest

from harness import aging
from harness.api import refused, spec
from harness.protos import job_pb2, job_service_pb2, variable_service_pb2
from harness.testing import assert_ended, assert_numbered
from harness.waiting import seconds, wait_for

HELD = """#!/bin/bash
for ((n = 1; n <= 50; n++)); do echo "out $n"; done
until [ "$(cronium_get_variable go)" = yes ]; do sleep 0.1; done
echo "out $n"; exit 4
"""
# Some 2 MiB that hardly compress.
LARGE = "head -c 2000000 /dev/urandom | base64"


@pytest.fixture(scope="module")
def cluster(make_cluster):
    limits = ["counted:jobs=3", "bytes:job-bytes=300KiB", "aged:job-age=1h", "logs:log-age=1h", "logbytes:log-bytes=3MiB",
              "kept:jobs=none"]
    return make_cluster(crashes=True, controller_flags=[
        "--retention-sweep-ms", "100", *[word for limit in limits for word in ("--retention", limit)]])


class Namespace:
    def __init__(self, cluster, name):
        self._cluster, self.name, self._jobs = cluster, name, cluster.api.jobs

    def create(self, script, input_json=""):
        request = job_service_pb2.CreateJobRequest(namespace=self.name, spec=spec(script, input_json=input_json))
        return self._jobs.CreateJob(request, timeout=seconds(30)).job.id

    def run(self, script="echo ran", **fields):
        job_id = self.create(script, **fields)
        assert self._cluster.api.wait_ended(job_id).state == job_pb2.JOB_STATE_SUCCEEDED
        return job_id

    def page(self, size=100, token=""):
        return self._jobs.ListJobs(job_service_pb2.ListJobsRequest(
            namespace=self.name, page_size=size, page_token=token), timeout=seconds(30))

    def ids(self):
        return [job.id for job in self.page().jobs]

    def wait_for_ids(self, ids):
        wait_for(f"only {ids} to be left", lambda: self.ids() == ids)

    def release(self):
        """Lets a job that is held come to its end."""
        request = variable_service_pb2.SetVariableRequest(namespace=self.name, key="go", value_json='"yes"')
        self._cluster.api.variables.SetVariable(request, timeout=seconds(30))

    def disk_bytes(self):
        folder = self._cluster.data / "logs" / self.name
        return sum(f.stat().st_blocks * 512 for f in folder.rglob("*")) if folder.exists() else 0


def make_older(cluster, namespace, hours):
    cluster.controller.stop()
    aging.set_back(cluster, namespace.name, hours)
    cluster.start_controller()
    cluster.wait_ready()


def test_the_oldest_ended_jobs_go_by_number_and_a_list_goes_on_without_them(cluster):
    counted, kept = Namespace(cluster, "counted"), Namespace(cluster, "kept")
    live = counted.create(HELD)
    others = [kept.run() for _ in range(4)]
    first, second, third = [counted.run() for _ in range(3)]
    page = counted.page(size=3)
    assert [job.id for job in page.jobs] == [third, second, first]

    fourth = counted.run()
    counted.wait_for_ids([fourth, third, second, live])
    # The page ended with a job that is no more.
    assert [job.id for job in counted.page(3, page.next_page_token).jobs] == [live]
    with refused() as failure:
        cluster.api.get(first)
    assert failure.reason == "JOB_NOT_FOUND"

    counted.release()
    outcome = cluster.api.outcome(live)
    assert_ended(outcome.job, "FAILED", "EXITED")
    assert assert_numbered(outcome.stdout, "out") == 51
    counted.wait_for_ids([fourth, third, live])
    assert sorted(kept.ids()) == sorted(others)


def test_the_oldest_ended_jobs_go_by_bytes(cluster):
    namespace = Namespace(cluster, "bytes")
    text = '"' + "x" * 100_000 + '"'
    jobs = [namespace.run(input_json=text) for _ in range(5)]
    namespace.wait_for_ids(jobs[:1:-1])


def test_ended_jobs_go_by_age_and_a_live_one_stays(cluster):
    namespace = Namespace(cluster, "aged")
    live = namespace.create(HELD)
    cluster.api.wait_for_output(live, b"out 50\n")
    old = namespace.run()
    make_older(cluster, namespace, 2)
    namespace.wait_for_ids([live])
    with refused() as failure:
        cluster.api.get(old)
    assert failure.reason == "JOB_NOT_FOUND"
    young = namespace.run()

    namespace.release()
    outcome = cluster.api.outcome(live)
    assert outcome.job.exit_code == 4
    assert assert_numbered(outcome.stdout, "out") == 51
    # It ended just now, however long ago it was created.
    assert namespace.ids() == [young, live]


def test_logs_go_by_age_but_not_that_of_a_job_that_lives(cluster):
    namespace = Namespace(cluster, "logs")
    ended = namespace.run(LARGE)
    live = namespace.create(HELD)
    cluster.api.wait_for_output(live, b"out 50\n")
    before = namespace.disk_bytes()
    assert before > 1_500_000
    make_older(cluster, namespace, 4)
    # As long as it lives, what lies in the same files stays too.
    for _ in range(5):
        namespace.run()
    assert namespace.disk_bytes() >= before
    assert not cluster.api.result(ended).log.collected
    assert assert_numbered(cluster.api.log(live).stdout, "out") == 50

    # Once it has ended, they go together. A controller that dies in the middle of that leaves nothing behind.
    cluster.crash_points.arm("controller.logs.removed")
    namespace.release()
    cluster.crash_points.wait_crashed(cluster.controller)
    cluster.start_controller()
    assert cluster.api.wait_ended(live).exit_code == 4
    wait_for("space to come back", lambda: namespace.disk_bytes() < before / 4)
    wait_for("the files of the first try to be gone",
             lambda: not list((cluster.data / "logs" / namespace.name).glob(".removed-*")))

    # The jobs are still there, and say where their logs went.
    for job_id in (ended, live):
        log = cluster.api.log(job_id)
        assert log.stdout == b""
        assert [cut.collected for cut in log.cuts] == [True]
        assert cluster.api.result(job_id).log.collected
    assert live in namespace.ids()


def test_the_oldest_logs_go_by_bytes(cluster):
    namespace = Namespace(cluster, "logbytes")
    oldest = namespace.run(LARGE)
    make_older(cluster, namespace, 2)
    older = namespace.run(LARGE)
    make_older(cluster, namespace, 3)
    wait_for("the oldest log to go", lambda: cluster.api.result(oldest).log.collected)
    assert len(cluster.api.log(older).stdout) > 2_000_000
    assert namespace.disk_bytes() < 3 << 20
    assert len(aging.partitions(cluster, namespace.name)) == 1
