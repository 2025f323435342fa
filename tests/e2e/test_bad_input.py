# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a request is said at once, by the name of the field."""

import subprocess

import grpc
import pytest

from harness import settings
from harness.api import refused, spec
from harness.protos import job_pb2, job_service_pb2
from harness.testing import assert_ended


def changed(**fields):
    """A good spec but for some fields, by their dotted path with __ for the dot."""
    made = spec("true")
    for path, value in fields.items():
        *parents, name = path.split("__")
        target = made
        for parent in parents:
            target = getattr(target, parent)
        setattr(target, name, value)
    return made


@pytest.mark.parametrize("job_spec, field, word", [
    (None, "spec.container", "required"),
    (job_pb2.JobSpec(), "spec.container", "required"),
    (changed(container__image=""), "spec.container.image", "required"),
    (changed(container__image="two words"), "spec.container.image", "spaces"),
    (changed(container__script__content=""), "spec.container.script.content", "required"),
    (changed(container__script__content="#" * (1 << 20) + "\n"), "spec.container.script.content", "1048576"),
    (changed(container__network=99), "spec.container.network", "99"),
    (changed(on_lost=7), "spec.on_lost", "7"),
    (changed(container__user="root"), "spec.container.user", "numeric"),
    (changed(container__working_dir="here"), "spec.container.working_dir", "absolute"),
    (changed(container__resources__memory_bytes=1), "spec.container.resources.memory_bytes", "8388608"),
    (changed(container__resources__log_bytes=1 << 40), "spec.container.resources.log_bytes", "1073741824"),
    (changed(priority=1001), "spec.priority", "1000"),
    (changed(max_attempts=-1), "spec.max_attempts", "10"),
    (changed(input_json="{"), "spec.input_json", ""),
    (changed(placement__node="no-such-node"), "spec.placement.node", "no-such-node"),
    (spec("true", env={"CRONIUM_TOKEN": "x"}), "spec.container.env[CRONIUM_TOKEN]", "CRONIUM_"),
    (spec("true", timeouts={"run": 3e6}), "spec.timeouts.run", "30 days"),
    (spec("true", env={f"E{n}": "x" * 100_000 for n in range(30)}), "spec.container", "2097152"),
], ids=lambda value: value if isinstance(value, str) and value.startswith("spec") else "")
def test_a_wrong_field_is_named(api, job_spec, field, word):
    with refused() as failure:
        api.create(job_spec)

    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert list(failure.fields) == [field]
    assert word in failure.fields[field]
    assert field in failure.message


def test_every_wrong_field_is_named_at_once(api):
    with refused() as failure:
        api.create(changed(container__image="", container__network=42, priority=-5000))

    assert set(failure.fields) == {"spec.container.image", "spec.container.network", "spec.priority"}


def test_a_refused_job_leaves_nothing(api):
    with refused():
        api.create(changed(container__image=""))

    assert all(job.spec.container.image for job in api.jobs.ListJobs(job_service_pb2.ListJobsRequest()).jobs)


@pytest.mark.parametrize("request_fields, field", [
    ({"page_size": -1}, "page_size"), ({"page_size": 1001}, "page_size"), ({"page_token": "nonsense"}, "page_token"),
    ({"filter": "colour=red"}, "filter"), ({"filter": "state=ASLEEP"}, "filter"),
    ({"namespace": "Not a name"}, "namespace"),
])
def test_a_wrong_list_request_names_its_field(api, request_fields, field):
    with refused() as failure:
        api.jobs.ListJobs(job_service_pb2.ListJobsRequest(**request_fields))

    assert failure.code == grpc.StatusCode.INVALID_ARGUMENT
    assert list(failure.fields) == [field]


def test_a_request_id_names_one_job(api):
    first = api.create(spec("true"), request_id="bad-input-once")
    again = api.create(spec("true"), request_id="bad-input-once")
    with refused() as failure:
        api.create(spec("false"), request_id="bad-input-once")

    assert again.id == first.id
    assert (failure.code, failure.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


def test_a_result_before_the_end_is_refused(api):
    job_id = api.submit("sleep 600")
    with refused() as failure:
        api.result(job_id)
    api.cancel(job_id)

    assert (failure.code, failure.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "JOB_NOT_ENDED")


def test_an_unknown_image_fails_the_job_and_is_named(api):
    job = api.wait_ended(api.submit("true", image="cronium-e2e/no-such-image:1"))

    assert_ended(job, "FAILED", "IMAGE_UNAVAILABLE")
    assert "cronium-e2e/no-such-image:1" in job.state_message
    assert not job.HasField("exit_code")


def test_an_interpreter_that_the_image_lacks_fails_the_job_and_is_named(api):
    job = api.wait_ended(api.submit("true", image="cronium/test-busybox", interpreter=["python3"]))

    assert_ended(job, "FAILED", "START_FAILED")
    assert "python3" in job.state_message


# ---- the client's own words


def test_a_script_that_is_not_there_is_named(cluster):
    done = cluster.cli.run("run", "/no/such/script.sh")

    assert done.returncode == 125
    assert b"/no/such/script.sh: No such file or directory" in done.stderr


@pytest.mark.parametrize("args, words", [
    (["--timeout", "soon", "-"], ["--timeout", "soon"]),
    (["--memory", "much", "-"], ["--memory", "much"]),
    (["--env", "=x", "-"], ["--env"]),
    (["--input", "{", "-"], ["--input", "JSON"]),
    (["--network", "host", "-"], ["--network", "host"]),
    (["--node", "no-such-node", "-"], ["placement.node", "no-such-node"]),
    (["--no-such-flag", "-"], ["--no-such-flag"]),
    (["--priority", "5000", "-"], ["priority", "1000"]),
], ids=lambda value: value[0] if isinstance(value, list) and value[0].startswith("--") else "")
def test_a_wrong_flag_of_run_is_named(cluster, args, words):
    done = cluster.cli.run("run", *args, stdin=b"true\n")

    assert done.returncode != 0
    assert done.stdout == b""
    for word in words:
        assert word in done.stderr.decode()


@pytest.mark.parametrize("name, args", [
    ("cronium-controller", ["serve", "--no-such-flag"]),
    ("cronium-agent", ["--controller", "localhost:1", "--no-such-flag"]),
    ("cronium-runtime-gateway", ["--no-such-flag"]),
])
def test_an_unknown_flag_of_a_server_is_named(name, args):
    done = subprocess.run([settings.program(name), *args], capture_output=True, text=True, env=settings.environment())

    assert done.returncode != 0
    assert "--no-such-flag" in done.stdout + done.stderr
