# SPDX-License-Identifier: Apache-2.0
"""The runtime API as HTTP on a host's socket, with whatever token a test gives."""

import dataclasses
import http.client
import json
import socket

from harness.waiting import seconds


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("runtime-api", timeout=seconds(60))
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclasses.dataclass
class Response:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def json(self):
        return json.loads(self.text)


@dataclasses.dataclass
class Held:
    """An execution that stays until its job is cancelled, and its token."""
    job: str
    execution: str
    token: str


def hold_execution(cluster, node):
    """Runs a job that does nothing on a node, and returns it once it has begun."""
    job = cluster.api.submit('echo "$CRONIUM_EXECUTION_ID $CRONIUM_EXECUTION_TOKEN"; exec sleep 1000', node=node.name,
                             cpu_millis=50)
    cluster.api.wait_for_output(job, b"\n")
    return Held(job, *cluster.api.log(job).stdout.decode().split())


class RuntimeApi:
    def __init__(self, node, execution, token):
        self._connection = _UnixConnection(str(node.folder / "api" / "runtime.sock"))
        self.execution = execution
        self.token = token

    def call(self, method, rest, body=None, headers=()):
        """`rest` is what follows the execution's id; a body that is not text is sent as JSON."""
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
        sent = dict(headers)
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        self._connection.request(method, f"/executions/{self.execution}/{rest}",
                                 None if body is None else body.encode(), sent)
        answer = self._connection.getresponse()
        return Response(answer.status, answer.headers, answer.read().decode())

    def close(self):
        self._connection.close()
