# SPDX-License-Identifier: Apache-2.0
"""The runtime API is as its contract says, over every transport: runtime_contract/ is the client."""

import json
import os
import subprocess
import sys

import pytest

from harness import engine, settings
from harness.api import spec
from harness.protos import job_pb2
from harness.testing import assert_succeeded
from harness.waiting import seconds, wait_for
from runtime_contract import bundle, suites
from runtime_contract.checks import Api, expect_error, expect_ok

INPUT = r'{"z":[1.10,9007199254740993,-0,null,false,""],"a":{"\u00e9":"é"},"b":17}'
NAME = ["--tcp", "runtime-api:8081"]
ADDRESS = ["--tcp", "127.0.0.1:8081"]
NONE, BRIDGE = job_pb2.NETWORK_MODE_NONE, job_pb2.NETWORK_MODE_BRIDGE

# How the API is reached from a container: the client's arguments ($NAME is the job's), the container's network.
WAYS = {
    "by socket, no network": (["--socket", "$CRONIUM_RUNTIME_SOCKET"], NONE),
    "by name, no network": (NAME, NONE),
    "by socket, with a network": (["--socket", "$CRONIUM_RUNTIME_SOCKET"], BRIDGE),
    "by address, with a network": (ADDRESS, BRIDGE),
}
HOST = "on the host"


@pytest.fixture(scope="module")
def cluster(make_cluster):
    """One in which an execution may make as many calls as all checks take."""
    return make_cluster(controller_flags=["--runtime-calls-per-minute", "0"])


@pytest.fixture(scope="module")
def usual_cluster(make_cluster):
    return make_cluster()


def start_in_container(cluster, way, *args):
    """A job that runs the client; returns its id."""
    address, network = WAYS[way]
    job = spec(bundle.script(), image="cronium/python", interpreter=["python3"], args=[*address, *args], input_json=INPUT,
               env={"CONTRACT_INPUT": INPUT, "CONTRACT_SLOWNESS": str(settings.SLOWNESS), "CONTRACT_SEEN": "/tmp/seen"},
               cpu_millis=250)
    job.container.network = network
    return cluster.api.create(job).id


class OnTheHost:
    """The client on the host of node-1, as an execution that stays until `close`."""

    def __init__(self, cluster):
        self._cluster = cluster
        self._job = cluster.api.submit('echo "$CRONIUM_EXECUTION_ID $CRONIUM_EXECUTION_TOKEN"; exec sleep 1000',
                                       node="node-1", input_json=INPUT, cpu_millis=100)
        cluster.api.wait_for_output(self._job, b"\n")
        self.execution, self.token = cluster.api.log(self._job).stdout.decode().split()
        [self.socket] = [str(path) for path in (cluster.nodes[0].folder / "api").iterdir() if path.is_socket()]

    def start(self, *args):
        env = settings.environment(CRONIUM_EXECUTION_ID=self.execution, CRONIUM_EXECUTION_TOKEN=self.token,
                                   CRONIUM_JOB_ID=self._job, CRONIUM_ATTEMPT="1", CONTRACT_INPUT=INPUT,
                                   CONTRACT_SLOWNESS=str(settings.SLOWNESS), CONTRACT_SEEN=str(self.seen))
        return subprocess.Popen([sys.executable, "-B", "-m", "runtime_contract", "--socket", self.socket, *args],
                                env=env, cwd=os.path.dirname(__file__), stdout=subprocess.PIPE)

    @property
    def seen(self):
        return self._cluster.folder / f"seen-{self.execution}"

    def api(self):
        return Api(self.socket, self.execution, self.token)

    def close(self):
        self._cluster.api.cancel(self._job)
        self._cluster.api.wait_ended(self._job)


def verdicts(text):
    """What the client printed with --json, by the name of the check."""
    return {one["name"]: one["wrong"] for one in map(json.loads, (line for line in text.splitlines() if line[:1] == b"{"))}


@pytest.fixture(scope="module")
def results(cluster):
    """All checks over all ways, side by side: the verdicts by way."""
    jobs = {way: start_in_container(cluster, way, "--json") for way in WAYS}
    host = OnTheHost(cluster)
    client = host.start("--json")
    found = {HOST: verdicts(client.communicate(timeout=seconds(200))[0])}
    host.close()
    for way, job in jobs.items():
        outcome = cluster.api.outcome(job, deadline=200)
        found[way] = verdicts(outcome.stdout)
        assert found[way], outcome.describe()
    return found


@pytest.mark.parametrize("way", [HOST, *WAYS])
@pytest.mark.parametrize("name", [check.name for check in suites.chosen()])
def test_the_contract_holds(results, way, name):
    assert name in results[way], "the client did not come so far"
    if results[way][name]:
        pytest.fail(results[way][name], pytrace=False)


def test_an_execution_that_calls_too_often_is_told_when_to_come_back(usual_cluster):
    jobs = [start_in_container(usual_cluster, way, "--only", "rate limit") for way in list(WAYS)[:2]]

    for job in jobs:
        assert b"1 checks, 0 failed" in assert_succeeded(usual_cluster.api.outcome(job)).stdout


def test_the_token_of_an_execution_that_ended_is_403(cluster):
    host = OnTheHost(cluster)
    assert host.api().call("GET", host.api().path("input")).status == 200

    host.close()

    for method, rest, body in (("GET", "input", None), ("PUT", "variables/a", {"value": 1}), ("POST", "output", {"data": 1})):
        expect_error(host.api().call(method, host.api().path(rest), body), 403, "EXECUTION_ENDED")


def test_an_idempotency_key_is_of_one_execution(cluster):
    hosts = [OnTheHost(cluster), OnTheHost(cluster)]

    answers = [expect_ok(host.api().call("POST", host.api().variable("contract/shared", "increment"), {"by": 1},
                                         [("Idempotency-Key", "the same")]))["data"]["value"] for host in hosts * 2]

    assert answers == [1, 2, 1, 2]
    for host in hosts:
        host.close()


def test_what_is_set_through_one_gateway_is_in_the_database_and_in_the_api(cluster):
    host = OnTheHost(cluster)
    api = host.api()
    raw = r'{"z": 1.10, "a": [9007199254740993, "\u00e9", null]}'
    api.set("contract/stored", raw)
    host.close()

    assert cluster.api.get_variable("contract/stored").value_json == raw
    query = "SELECT CAST(value_json AS TEXT) FROM variables WHERE key = 'contract/stored'"
    assert cluster.rows(query) == [raw]


def test_while_the_controller_is_away_calls_are_503_and_then_all_goes_on(cluster):
    ways = ["by socket, no network", "by name, no network"]
    jobs = [start_in_container(cluster, way, "--only", "outage") for way in ways]
    for job in jobs:
        cluster.api.wait_for_output(job, b"waiting")
    containers = [engine_container(cluster, job) for job in jobs]
    host = OnTheHost(cluster)
    client = host.start("--only", "outage")
    try:
        cluster.controller.kill()
        wait_for("the client on the host to see it", lambda: host.seen.exists() or client.poll() is not None, 60)
        for container in containers:
            wait_for("the client in a container to see it", lambda: has_seen(container), 60)
    finally:
        cluster.start_controller()

    output = client.communicate(timeout=seconds(60))[0]
    assert client.returncode == 0, output.decode()
    for job in jobs:
        assert_succeeded(cluster.api.outcome(job))
    host.close()


def engine_container(cluster, job):
    [container] = set(cluster.containers_of(job))
    return container


def has_seen(container):
    """Whether the client in the container has seen all it waits for, or is gone."""
    try:
        engine.docker("exec", container, "test", "-e", "/tmp/seen")
        return True
    except RuntimeError:
        return not engine.inspect(container)["State"]["Running"]
