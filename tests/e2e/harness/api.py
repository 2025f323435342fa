# SPDX-License-Identifier: Apache-2.0
"""The controller's API over gRPC, as a program would use it."""

import contextlib
import dataclasses

import grpc
from google.protobuf import duration_pb2

from harness.joblog import JobLog
from harness.protos import error_details_pb2, job_pb2, job_service_pb2, job_service_pb2_grpc, \
    node_service_pb2, node_service_pb2_grpc, status_pb2, variable_service_pb2, variable_service_pb2_grpc
from harness.waiting import Timeout, seconds, wait_for

ENDED = {job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_TIMED_OUT,
         job_pb2.JOB_STATE_CANCELLED}


def channel(address, ca, token=None, certificate=None, key=None):
    """A TLS channel: with an API token, or with a client certificate, or with neither."""
    read = lambda path: path.read_bytes() if path else None  # noqa: E731
    credentials = grpc.ssl_channel_credentials(read(ca), read(key), read(certificate))
    if token is not None:
        credentials = grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials(token))
    return grpc.secure_channel(address, credentials, options=[
        ("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 64 << 20),
        ("grpc.max_reconnect_backoff_ms", 500), ("grpc.initial_reconnect_backoff_ms", 100)])


@dataclasses.dataclass
class RpcFailure:
    """A refused call, with its google.rpc details taken apart."""
    code: grpc.StatusCode
    message: str
    reason: str = ""
    domain: str = ""
    metadata: dict = dataclasses.field(default_factory=dict)
    # Field and what is wrong with it.
    fields: dict = dataclasses.field(default_factory=dict)
    # Seconds to wait before trying again; None where nothing is said.
    retry_after: float = None


def failure_of(error):
    failure = RpcFailure(error.code(), error.details())
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
                retry = error_details_pb2.RetryInfo()
                if detail.Unpack(info):
                    failure.reason, failure.domain, failure.metadata = info.reason, info.domain, dict(info.metadata)
                elif detail.Unpack(bad):
                    failure.fields = {v.field: v.description for v in bad.field_violations}
                elif detail.Unpack(retry):
                    failure.retry_after = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    return failure


@contextlib.contextmanager
def refused():
    """Expects a call to fail: `with refused() as failure: ...`; the failure's parts are filled in after the block."""
    failure = RpcFailure(None, "")
    try:
        yield failure
    except grpc.RpcError as error:
        failure.__dict__.update(failure_of(error).__dict__)
        return
    raise AssertionError("the call was not refused")


def duration(value):
    return duration_pb2.Duration(seconds=int(value), nanos=int(value % 1 * 1e9))


def spec(script, image="cronium/bash", interpreter=(), args=(), env=None, node="", timeouts=None, input_json="",
         labels=None, **resources):
    """A job's spec. timeouts: seconds by name, as in Timeouts. resources: as in Resources."""
    made = job_pb2.JobSpec(input_json=input_json, labels=labels or {})
    container = made.container
    container.image = image
    container.script.content = script
    container.script.interpreter.extend(interpreter)
    container.script.args.extend(args)
    container.env.update(env or {})
    for name, value in resources.items():
        setattr(container.resources, name, value)
    for name, value in (timeouts or {}).items():
        getattr(made.timeouts, name).CopyFrom(duration(value))
    if node:
        made.placement.node = node
    return made


@dataclasses.dataclass
class Outcome:
    """An ended job with its log."""
    job: job_pb2.Job
    log: JobLog

    @property
    def stdout(self):
        return self.log.stdout

    @property
    def stderr(self):
        return self.log.stderr

    def describe(self):
        return f"{self.job}\n--- stdout\n{self.stdout.decode(errors='replace')}" \
               f"\n--- stderr\n{self.stderr.decode(errors='replace')}"


class Api:
    def __init__(self, address, ca, token):
        self._channel = channel(address, ca, token)
        self.jobs = job_service_pb2_grpc.JobServiceStub(self._channel)
        self.nodes = node_service_pb2_grpc.NodeServiceStub(self._channel)
        self.variables = variable_service_pb2_grpc.VariableServiceStub(self._channel)

    def close(self):
        self._channel.close()

    def answers(self):
        # In Python a channel only gets on while a call waits for it.
        try:
            self.nodes.ListNodes(node_service_pb2.ListNodesRequest(), timeout=1, wait_for_ready=True)
            return True
        except grpc.RpcError:
            return False

    def serving(self, service=""):
        """What grpc.health.v1 answers for a service."""
        # Two messages of one field each: by hand, since their Python package is one more to install.
        check = self._channel.unary_unary("/grpc.health.v1.Health/Check")
        answer = check(b"\x0a" + bytes([len(service)]) + service.encode(), timeout=seconds(10))
        return answer == b"\x08\x01"

    # ---- jobs

    def create(self, job_spec, request_id=""):
        request = job_service_pb2.CreateJobRequest(spec=job_spec, request_id=request_id)
        return self.jobs.CreateJob(request, timeout=seconds(30)).job

    def submit(self, script, **fields):
        return self.create(spec(script, **fields)).id

    def get(self, job_id):
        return self.jobs.GetJob(job_service_pb2.GetJobRequest(job_id=job_id), timeout=seconds(30)).job

    def executions(self, job_id):
        request = job_service_pb2.GetJobRequest(job_id=job_id, include_executions=True)
        return self.jobs.GetJob(request, timeout=seconds(30)).executions

    def cancel(self, job_id, reason=""):
        request = job_service_pb2.CancelJobRequest(job_id=job_id, reason=reason)
        return self.jobs.CancelJob(request, timeout=seconds(30)).job

    def result(self, job_id):
        request = job_service_pb2.GetJobResultRequest(job_id=job_id)
        return self.jobs.GetJobResult(request, timeout=seconds(30)).result

    def watch(self, job_ids, deadline=120):
        """Changes of jobs, until all have ended."""
        request = job_service_pb2.WatchJobsRequest(job_ids=job_ids)
        for response in self.jobs.WatchJobs(request, timeout=seconds(deadline)):
            yield response.job

    def wait_ended(self, job_id, deadline=60):
        last = None
        try:
            for last in self.watch([job_id], deadline):
                pass
        except grpc.RpcError as error:
            raise Timeout(f"waited for the end of {job_id}: {error.code()} {error.details()}; last seen: {last}") \
                from error
        assert last.state in ENDED, f"WatchJobs ended before the job: {last}"
        return last

    def wait_for_job(self, job_id, what, condition, deadline=30):
        """The job once condition(job) holds."""
        seen = []

        def check():
            seen[:] = [self.get(job_id)]
            return seen[0] if condition(seen[0]) else None
        try:
            return wait_for(f"{job_id} to {what}", check, deadline)
        except Timeout as timeout:
            raise Timeout(f"{timeout}: {seen}") from None

    def follow(self, job_id, follow=False, deadline=120, **fields):
        """Messages of FollowLogs."""
        request = job_service_pb2.FollowLogsRequest(job_id=job_id, follow=follow, **fields)
        return self.jobs.FollowLogs(request, timeout=seconds(deadline))

    def log(self, job_id, follow=False, deadline=120, **fields):
        log = JobLog(fields.get("after_seq", 0))
        for message in self.follow(job_id, follow, deadline, **fields):
            for chunk in message.chunks:
                log.add(chunk)
        return log

    def wait_for_output(self, job_id, text, deadline=30):
        """Returns once the job has written this."""
        def check():
            log = self.log(job_id)
            return text in log.stdout or text in log.stderr
        wait_for(f"{text!r} in the log of {job_id}", check, deadline)

    def run(self, script, deadline=60, **fields):
        """Runs a job to its end."""
        job_id = self.submit(script, **fields)
        return self.outcome(job_id, deadline)

    def outcome(self, job_id, deadline=60):
        job = self.wait_ended(job_id, deadline)
        return Outcome(job, self.log(job_id))

    # ---- nodes and variables

    def list_nodes(self):
        return list(self.nodes.ListNodes(node_service_pb2.ListNodesRequest(), timeout=seconds(10)).nodes)

    def node(self, name):
        return self.nodes.GetNode(node_service_pb2.GetNodeRequest(name=name), timeout=seconds(10)).node

    def set_variable(self, key, value_json):
        request = variable_service_pb2.SetVariableRequest(key=key, value_json=value_json)
        self.variables.SetVariable(request, timeout=seconds(30))

    def list_variables(self, prefix=""):
        """The first page of them."""
        request = variable_service_pb2.ListVariablesRequest(prefix=prefix)
        return list(self.variables.ListVariables(request, timeout=seconds(30)).variables)

    def get_variable(self, key):
        request = variable_service_pb2.GetVariableRequest(key=key)
        return self.variables.GetVariable(request, timeout=seconds(30)).variable
