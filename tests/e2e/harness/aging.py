# SPDX-License-Identifier: Apache-2.0
"""Makes what a controller has stored older than it is, so that a test need not wait for hours."""

import contextlib
import datetime
import sqlite3

from harness.protos import job_pb2

_HOUR_FORMAT = "%Y%m%dT%H"
_JOB_TIMES = ("create_time", "start_time", "end_time")
_EXECUTION_TIMES = ("assign_time", "start_time", "end_time")


def set_back(cluster, namespace, hours):
    """All jobs and logs of a namespace, by whole hours, as if they had been created so much earlier. The controller must not run."""
    assert not cluster.controller.alive
    by_ns = hours * 3600 * 10**9
    with contextlib.closing(sqlite3.connect(cluster.database)) as database, database:
        for pk, blob in database.execute("SELECT pk, job FROM jobs WHERE namespace = ?", (namespace,)).fetchall():
            job = job_pb2.Job.FromString(blob)
            _shift(job, _JOB_TIMES, hours)
            database.execute("UPDATE jobs SET job = ?, create_time_ns = create_time_ns - ?, end_time_ns = end_time_ns - ? "
                             "WHERE pk = ?", (job.SerializeToString(), by_ns, by_ns, pk))
            database.execute("UPDATE job_labels SET create_time_ns = create_time_ns - ? WHERE job = ?", (by_ns, pk))
            for row, text in database.execute("SELECT pk, execution FROM executions WHERE job = ?", (pk,)).fetchall():
                execution = job_pb2.Execution.FromString(text)
                _shift(execution, _EXECUTION_TIMES, hours)
                database.execute("UPDATE executions SET execution = ? WHERE pk = ?", (execution.SerializeToString(), row))
    # The oldest first, whose new name is nobody's.
    for partition in sorted(partitions(cluster, namespace)):
        hour = datetime.datetime.strptime(partition.name, _HOUR_FORMAT) - datetime.timedelta(hours=hours)
        partition.rename(partition.with_name(hour.strftime(_HOUR_FORMAT)))


def partitions(cluster, namespace):
    """The folders of its logs, one for each hour."""
    folder = cluster.data / "logs" / namespace
    return [p for p in folder.iterdir() if not p.name.startswith(".")] if folder.exists() else []


def _shift(message, fields, hours):
    for field in fields:
        if message.HasField(field):
            getattr(message, field).seconds -= hours * 3600
