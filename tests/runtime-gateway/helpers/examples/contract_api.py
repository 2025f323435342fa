# SPDX-License-Identifier: Apache-2.0
"""A runtime API that keeps what it is told, as the gateway and the controller do together."""

import json
import re
from urllib.parse import unquote

from fake_api import FakeApi, data, failure, reply


class ContractApi(FakeApi):
    """The job's state is in input, output, condition, variables and actions."""

    def __init__(self, transport="unix"):
        self.input = None
        self.output = None
        self.condition = None
        self.variables = {}
        self.actions = []
        super().__init__(transport)
        self.answers = AlwaysTheSame(self._respond)

    def _respond(self, request, sock):
        if request.target == "/health":
            return reply(200, {"status": "healthy", "time": "2024-01-01T00:00:00Z"})
        if request.headers.get("authorization") != "Bearer secret.to.ken":
            return failure(401, "no token", "TOKEN_MISSING")
        if (request.method, request.target) == ("POST", "/tool-actions/execute"):
            self.actions.append(request.json)
            return data({"id": len(self.actions)})
        path = re.match(r"/executions/exec_1/(\w+)(?:/([^/]*)(?:/(\w+))?)?\Z", request.target)
        if not path:
            return failure(404, "no such route", "NOT_FOUND")
        what, key, verb = path.groups()
        if key is not None:
            return self._variable(request, unquote(key), verb)
        return self._execution(request, what)

    def _execution(self, request, what):
        if (request.method, what) == ("GET", "input"):
            return data(self.input)
        if (request.method, what) == ("GET", "context"):
            return data({"id": "evt_1", "executionId": "exec_1", "attempt": 1, "metadata": {}})
        if (request.method, what) == ("POST", "output"):
            self.output = request.json["data"]
        elif (request.method, what) == ("POST", "condition"):
            self.condition = request.json["condition"]
        else:
            return failure(405, "wrong method", "METHOD_NOT_ALLOWED")
        return reply()

    def _variable(self, request, key, verb):
        operation = (request.method, verb)
        if operation == ("PUT", None):
            self.variables[key] = request.json["value"]
        elif operation == ("POST", "increment"):
            value = self.variables.get(key, 0)
            if not isinstance(value, (int, float)):
                return failure(409, "value: is not a number", "NOT_A_NUMBER")
            self.variables[key] = value + request.json["by"]
        elif operation == ("POST", "append"):
            before = self.variables.get(key, "")
            separator = request.json["separator"] if before else ""
            self.variables[key] = before + separator + request.json["text"]
        elif key not in self.variables:
            return failure(404, "variable not found", "VARIABLE_NOT_FOUND")
        elif operation == ("DELETE", None):
            del self.variables[key]
            return reply()
        return data({"key": key, "value": self.variables[key]})


class AlwaysTheSame:
    """In place of a queue of answers."""

    def __init__(self, answer):
        self._answer = answer

    def __bool__(self):
        return True

    def popleft(self):
        return self._answer
