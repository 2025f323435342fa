# SPDX-License-Identifier: Apache-2.0
"""Asks the controller for all that it has of a run's jobs."""

from chaos.jobs import LABEL
from chaos.records import Attempt, JobRecord
from harness.joblog import JobLog, LogViolation
from harness.protos import job_pb2, job_service_pb2, variable_service_pb2
from harness.waiting import seconds

_PAGE = 1000


def _seconds(time):
    return time.seconds + time.nanos / 1e9


def list_jobs(api, **fields):
    """Every job, without what it was asked for."""
    jobs, token = [], ""
    while True:
        request = job_service_pb2.ListJobsRequest(page_size=_PAGE, page_token=token, **fields)
        answer = api.jobs.ListJobs(request, timeout=seconds(60))
        jobs += answer.jobs
        token = answer.next_page_token
        if not token:
            return jobs


def variables(api):
    """What each job's variable holds, by the job's number."""
    found, token = {}, ""
    while True:
        request = variable_service_pb2.ListVariablesRequest(prefix="chaos/", page_size=_PAGE, page_token=token)
        answer = api.variables.ListVariables(request, timeout=seconds(60))
        for variable in answer.variables:
            found[int(variable.key.removeprefix("chaos/"))] = int(variable.value_json)
        token = answer.next_page_token
        if not token:
            return found


def record(api, job):
    made = JobRecord(job.id, int(job.spec.labels[LABEL]), job_pb2.JobState.Name(job.state).removeprefix("JOB_STATE_"),
                     _reason(job), _exit_code(job))
    made.attempts = [_attempt(api, execution) for execution in api.executions(job.id)]
    return made


def _reason(of):
    return job_pb2.EndReason.Name(of.end_reason).removeprefix("END_REASON_")


def _exit_code(of):
    return of.exit_code if of.HasField("exit_code") else None


def _attempt(api, execution):
    made = Attempt(execution.id, execution.node, execution.attempt,
                   job_pb2.ExecutionState.Name(execution.state).removeprefix("EXECUTION_STATE_"), _reason(execution),
                   _exit_code(execution), execution.message, execution.log.uncertain, _seconds(execution.assign_time),
                   _seconds(execution.end_time))
    log = JobLog()
    try:
        for message in api.follow(execution.job_id, execution_id=execution.id):
            for chunk in message.chunks:
                log.add(chunk)
        if log.cuts:
            made.log_error = f"has holes: {log.cuts}"
    except LogViolation as violation:
        made.log_error = str(violation)
    made.stdout, made.stderr = log.stdout, log.stderr
    return made
