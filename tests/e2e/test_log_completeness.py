# SPDX-License-Identifier: Apache-2.0
"""A job is never seen as ended before its log is whole. The check is shown to work by taking away what it checks."""

import concurrent.futures

from harness.api import ENDED
from harness.joblog import LogViolation
from harness.testing import assert_numbered

LINES = 20000
JOBS = 200
# Both streams at once, in one burst, and then nothing more: the process ends while its output still is on the way.
BURST = f"""#!/bin/sh
seq -f 'out %.0f' {LINES} &
seq -f 'err %.0f' {LINES} >&2 &
wait
"""


def check_log(api, job_id):
    """Reads the log now; the message of what is wrong with it, or an empty text."""
    try:
        log = api.log(job_id)
        assert_numbered(log.stdout, "out", LINES)
        assert_numbered(log.stderr, "err", LINES)
    except (AssertionError, LogViolation) as violation:
        return f"{job_id}: {violation}"
    return ""


def violations_at_the_end(api, job_ids):
    """Watches jobs and reads each one's log in the moment that its end is seen."""
    with concurrent.futures.ThreadPoolExecutor(4) as readers:
        checks = {}
        for job in api.watch(job_ids, deadline=240):
            if job.state in ENDED and job.id not in checks:
                checks[job.id] = readers.submit(check_log, api, job.id)
                assert job.exit_code == 0, job
        assert sorted(checks) == sorted(job_ids)
        return [check.result() for check in checks.values() if check.result()]


def violations_of_followers(api, job_ids):
    """Follows logs live; the stream's last message says that the job has ended, so all must have come before."""
    def follow(job_id):
        out, err, last = [], [], None
        for last in api.follow(job_id, follow=True, deadline=240):
            for chunk in last.chunks:
                (out if chunk.stream == 1 else err).append(chunk.data)
        try:
            assert last.job.state in ENDED, last.job
            assert_numbered(b"".join(out), "out", LINES)
            assert_numbered(b"".join(err), "err", LINES)
        except AssertionError as violation:
            return f"{job_id}: {violation}"
        return ""

    with concurrent.futures.ThreadPoolExecutor(len(job_ids)) as followers:
        return [violation for violation in followers.map(follow, job_ids) if violation]


def test_every_log_is_whole_and_in_order_at_the_moment_its_job_ends(cluster):
    job_ids = [cluster.api.submit(BURST) for _ in range(JOBS)]
    with concurrent.futures.ThreadPoolExecutor(1) as other:
        followed = other.submit(violations_of_followers, cluster.api, job_ids[::25])
        assert violations_at_the_end(cluster.api, job_ids) == []
        assert followed.result() == []
    # And they stay whole.
    assert [v for v in (check_log(cluster.api, job_id) for job_id in job_ids[::10]) if v] == []


def test_the_check_finds_a_controller_that_does_not_wait_for_the_log(make_cluster):
    """The controller ends jobs at their report, and is slow to store logs."""
    broken = make_cluster(controller_faults="controller.skip_log_barrier=on,controller.log_append=delay:50")
    job_ids = [broken.api.submit(BURST) for _ in range(10)]
    assert violations_at_the_end(broken.api, job_ids) != []
