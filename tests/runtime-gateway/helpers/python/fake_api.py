# SPDX-License-Identifier: Apache-2.0
"""A runtime API that answers as a test tells it, on a unix socket or on TCP."""

import json
import os
import shutil
import socket
import tempfile
import threading
from collections import deque

TRANSPORTS = ("unix", "tcp")


class Request:
    """One request as it was received."""

    def __init__(self, connection, method, target, headers, body):
        self.connection = connection  # a number: 1 for the first that was accepted
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body.decode("utf-8"))


def reply(status=200, body=None, **headers):
    """An answer. `body`: bytes as they are, anything else as JSON; None is a success without
    data. Header names have underscores for dashes."""
    if body is None:
        body = {"success": True}
    if not isinstance(body, bytes):
        body = json.dumps(body).encode("utf-8")
    lines = ["HTTP/1.1 {} Whatever".format(status), "Content-Length: {}".format(len(body))]
    lines += ["{}: {}".format(name.replace("_", "-"), value) for name, value in headers.items()]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body


def data(value):
    return reply(200, {"success": True, "data": value})


def failure(status, message="no", code="NO", **headers):
    body = {"success": False, "error": "Whatever", "message": message, "code": code}
    return reply(status, body, **headers)


class FakeApi:
    """Sends, for each request, the next of `answers`, and a plain success when there are none
    left. An answer is bytes, or a function that is given the Request and the socket and returns
    bytes; None ends the connection instead."""

    def __init__(self, transport):
        self.requests = []
        self.answers = deque()
        self.open = []  # sockets that were accepted
        # Called as soon as a request's head is there. What it returns is sent instead of reading
        # on, and the connection ended.
        self.on_head = lambda headers: None
        self._folder = tempfile.mkdtemp()
        if transport == "unix":
            path = os.path.join(self._folder, "runtime.sock")
            self.environ = {"CRONIUM_RUNTIME_SOCKET": path}
            self._address = path
        else:
            self._address = ("127.0.0.1", 0)
        self._family = socket.AF_UNIX if transport == "unix" else socket.AF_INET
        self.start()
        self.environ.update(CRONIUM_EXECUTION_TOKEN="secret.to.ken", CRONIUM_EXECUTION_ID="exec_1")

    def start(self):
        """Listens, at the same address as before if it was stopped."""
        self._listener = socket.socket(self._family)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(self._address)
        self._listener.listen(128)
        if self._family == socket.AF_INET:
            self._address = self._listener.getsockname()
            self.environ = {"CRONIUM_RUNTIME_API": "http://127.0.0.1:{}".format(self._address[1])}
        self._threads = [threading.Thread(target=self._accept, args=(self._listener,))]
        self._threads[0].start()

    def stop(self):
        """Ends all connections, and refuses new ones."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        if self._family == socket.AF_UNIX:
            os.unlink(self._address)
        for sock in self.open:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads[1:]:
            thread.join()

    def close(self):
        self.stop()
        shutil.rmtree(self._folder)

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self.open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock, len(self.open)))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock, number):
        try:
            with sock, sock.makefile("rb") as stream:
                while self._answer(sock, stream, number):
                    pass
        except OSError:
            pass  # the client has gone

    def _answer(self, sock, stream, number):
        line = stream.readline().decode("ascii")
        if not line:
            return False
        method, target, _ = line.split(" ")
        headers = {}
        for line in iter(stream.readline, b"\r\n"):
            name, _, value = line.decode("ascii").partition(":")
            headers[name.lower()] = value.strip()
        early = self.on_head(headers)
        if early is not None:
            sock.sendall(early)
            return False
        body = stream.read(int(headers.get("content-length", 0)))
        request = Request(number, method, target, headers, body)
        self.requests.append(request)
        answer = self.answers.popleft() if self.answers else reply()
        if callable(answer):
            answer = answer(request, sock)
        if answer is None:
            return False
        sock.sendall(answer)
        return True
