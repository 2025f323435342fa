# SPDX-License-Identifier: Apache-2.0
"""From inside a job, the runtime API answers, and nothing else does."""

import json
import socket
import subprocess
import sys

import pytest

from harness import engine
from harness.testing import assert_succeeded

# Asks the runtime API by name and by socket; prints what each said.
BOTH_WAYS = r'''
import http.client, json, os, socket, urllib.request

headers = {"Authorization": "Bearer " + os.environ["CRONIUM_EXECUTION_TOKEN"]}
context = "/executions/" + os.environ["CRONIUM_EXECUTION_ID"] + "/context"

def by_name():
    request = urllib.request.Request("http://runtime-api:8081" + context, headers=headers)
    return json.load(urllib.request.urlopen(request, timeout=30))

class SocketConnection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["CRONIUM_RUNTIME_SOCKET"])

def by_socket():
    connection = SocketConnection("runtime-api", timeout=30)
    connection.request("GET", context, headers=headers)
    return json.load(connection.getresponse())

def show(when):
    for way in (by_name, by_socket):
        print(when, way.__name__, way()["data"]["executionId"], flush=True)
'''


def python_job(cluster, script, **fields):
    return cluster.api.submit(script, image="cronium/python", interpreter=["python3"], **fields)


def test_the_runtime_api_answers_by_name_and_by_socket_also_after_the_gateway_was_restarted(cluster):
    job_id = python_job(cluster, BOTH_WAYS + r'''
import subprocess
show("before")
while not subprocess.run(["cronium_get_variable", "isolation/restarted"], capture_output=True).stdout:
    pass
show("after")
''')
    cluster.api.wait_for_output(job_id, b"before by_socket")
    gateway = cluster.nodes[0].gateway
    assert gateway.stop() == 0
    gateway.start()
    cluster.api.set_variable("isolation/restarted", "true")

    outcome = assert_succeeded(cluster.api.outcome(job_id))

    execution = outcome.job.execution_id
    assert outcome.stdout.decode().splitlines() == [
        f"{when} {way} {execution}" for when in ("before", "after") for way in ("by_name", "by_socket")]


def test_a_call_made_while_the_gateway_is_away_is_answered_when_it_is_back(cluster):
    gateway = cluster.nodes[0].gateway
    job_id = cluster.api.submit("""#!/bin/bash
    echo ready
    until [ -e /tmp/never ] || value=$(cronium_get_variable isolation/late 2>&1) && [ -n "$value" ]; do :; done
    echo "value: $value"
    """)
    cluster.api.wait_for_output(job_id, b"ready\n")
    gateway.kill()
    cluster.api.set_variable("isolation/late", '"there"')
    gateway.start()

    assert assert_succeeded(cluster.api.outcome(job_id)).stdout == b"ready\nvalue: there\n"


def test_a_token_is_of_no_use_for_another_execution_or_after_the_end(cluster):
    first = assert_succeeded(cluster.api.run('echo "$CRONIUM_EXECUTION_TOKEN"'))
    job_id = python_job(cluster, r'''
import os, sys, urllib.error, urllib.request

def ask(token, execution):
    request = urllib.request.Request("http://runtime-api:8081/executions/%s/input" % execution,
                                     headers={"Authorization": "Bearer " + token} if token else {})
    try:
        return urllib.request.urlopen(request, timeout=30).status
    except urllib.error.HTTPError as error:
        return error.code

ours, our_id = os.environ["CRONIUM_EXECUTION_TOKEN"], os.environ["CRONIUM_EXECUTION_ID"]
old, old_id = sys.argv[1:]
print(ask(ours, our_id), ask(ours, old_id), ask(old, old_id), ask(old, our_id), ask("", our_id),
      ask("x" + ours, our_id))
''', args=[first.stdout.decode().strip(), first.job.execution_id])

    outcome = assert_succeeded(cluster.api.outcome(job_id))

    assert outcome.stdout == b"200 403 403 403 401 401\n"


# Tries addresses; prints for each `open`, or why not.
CONNECT = r"""
import json, socket, sys
def probe(host, port):
    try:
        socket.create_connection((host, port), timeout=5).close()
        return "open"
    except OSError as error:
        return error.__class__.__name__ + ": " + str(error)
print(json.dumps({name: probe(*address) for name, address in json.loads(sys.argv[1]).items()}))
"""

LISTEN = """
import socket, sys
listener = socket.create_server(("0.0.0.0", int(sys.argv[1])))
print(listener.getsockname()[1], flush=True)
while True:
    listener.accept()
"""


@pytest.fixture(scope="module")
def listener_on_node(cluster):
    """A process on the node's host that listens on every address of it."""
    process = subprocess.Popen(cluster.nodes[0].host.enter([sys.executable, "-c", LISTEN, "0"]), stdout=subprocess.PIPE)
    yield int(process.stdout.readline())
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def listener_here():
    """A socket on the engine's own host that listens on every address of it."""
    with socket.create_server(("0.0.0.0", 0)) as listener:
        yield listener.getsockname()[1]


def test_nothing_else_can_be_reached(cluster, listener_on_node, listener_here):
    other_job = python_job(cluster, LISTEN, args=["9000"])
    cluster.api.wait_for_output(other_job, b"9000\n")
    [other_container] = set(cluster.containers_of(other_job))
    assert engine.inspect(other_container)["NetworkSettings"]["IPAddress"] == ""
    host, node = cluster.network.address, cluster.nodes[0].host.address
    addresses = {
        "the controller": (host, 7443), "a listener on the engine's host": (host, listener_here),
        "the same by the engine's bridge": (engine.bridge_address(), listener_here), "a listener on the node": (node, listener_on_node),
        "another job": ("127.0.0.1", 9000), "the outside": ("192.0.2.1", 80), "a name service": ("127.0.0.11", 53)}
    # What the job must not reach is there for others to reach.
    for name in ("the controller", "a listener on the engine's host", "the same by the engine's bridge",
                 "a listener on the node"):
        socket.create_connection(addresses[name], timeout=10).close()

    outcome = assert_succeeded(cluster.api.outcome(python_job(cluster, CONNECT, args=[json.dumps(addresses)])))

    seen = json.loads(outcome.stdout)
    assert set(seen) == set(addresses)
    assert [name for name, result in seen.items() if result == "open"] == []
    cluster.api.cancel(other_job)
    cluster.api.wait_ended(other_job)


def test_a_job_has_no_interface_but_loopback_and_no_rights(cluster):
    outcome = assert_succeeded(cluster.api.run(r"""#!/bin/bash
    echo "interfaces:" $(ls /sys/class/net)
    echo "user: $(id -u):$(id -g)"
    grep -E '^(CapEff|CapPrm|CapBnd|NoNewPrivs)' /proc/self/status
    touch /root-is-writable 2>/dev/null && echo "the root is writable"
    touch /tmp/file /workspace/file && echo "the two folders are writable"
    echo "home: $HOME in $PWD"
    [ -S /var/run/docker.sock ] && echo "the engine is there"
    for path in /run/cronium/job /run/cronium/api /opt/cronium; do
      touch $path/intruder 2>/dev/null && echo "$path is writable"
    done
    exit 0
    """))

    assert outcome.stdout.decode().splitlines() == [
        "interfaces: lo", "user: 1000:1000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "the two folders are writable", "home: /workspace in /workspace"]


def test_the_script_and_its_input_are_not_in_what_the_engine_shows(cluster):
    job_id = cluster.api.submit("secret=in-the-script; echo up; sleep 600", input_json='"in-the-input"')
    cluster.api.wait_for_output(job_id, b"up\n")
    [container] = set(cluster.containers_of(job_id))

    shown = json.dumps(engine.inspect(container))
    cluster.api.cancel(job_id)
    cluster.api.wait_ended(job_id)

    assert "in-the-script" not in shown
    assert "in-the-input" not in shown
