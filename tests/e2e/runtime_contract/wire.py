# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 by hand: what is sent is sent as it is written, and what is answered is seen as it came."""

import json
import os
import socket

# A try of a helper has this long. Under sanitizers everything is slower.
TIMEOUT_SECONDS = 30 * float(os.environ.get("CONTRACT_SLOWNESS") or 1)


class BadAnswer(AssertionError):
    """What came back is no HTTP."""


class Response:
    """An answer, and the interim answers (1xx) before it."""

    def __init__(self, status, reason, headers, body, interim):
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body
        self.interim = interim

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        try:
            return json.loads(self.text)
        except ValueError as error:
            raise BadAnswer(f"the body of {self} is no JSON: {error}") from None

    def __str__(self):
        shown = self.body[:300].decode("utf-8", "replace") + ("..." if len(self.body) > 300 else "")
        return f"{self.status} {self.reason} {shown}"


class Connection:
    """One connection; `address` is the path of a unix socket, or (host, port)."""

    def __init__(self, address, timeout=TIMEOUT_SECONDS):
        if isinstance(address, str):
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(timeout)
            self._socket.connect(address)
        else:
            self._socket = socket.create_connection(address, timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._socket.close()

    def send(self, data):
        self._socket.sendall(data)

    def send_while_welcome(self, data):
        """Sends until the other side closes; a server that refuses a body need not take it."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def end_sending(self):
        self._socket.shutdown(socket.SHUT_WR)

    def is_closed(self):
        """Waits until the other side has closed; false where it sends something instead."""
        if self._buffer:
            return False
        try:
            return self._socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def response(self):
        """The next answer."""
        interim = []
        while True:
            status, reason, headers = self._head()
            if status < 200:
                interim.append(status)
                continue
            response = Response(status, reason, headers, b"", interim)
            response.body = self._body(response)
            return response

    def interim(self):
        """The status of the next answer's head, without its body: for 100 Continue."""
        return self._head()[0]

    # ---- parts of an answer

    def _head(self):
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, _, rest = lines[0].partition(" ")
        code, _, reason = rest.partition(" ")
        if version not in ("HTTP/1.1", "HTTP/1.0") or not (len(code) == 3 and code.isdigit()):
            raise BadAnswer(f"the answer begins with {lines[0]!r}")
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                raise BadAnswer(f"the answer has the header line {line!r}")
            headers.append((name, value.strip()))
        return int(code), reason, headers

    def _body(self, response):
        if response.status in (204, 304):
            return b""
        if (response.header("Transfer-Encoding") or "").lower() == "chunked":
            return self._chunks()
        length = response.header("Content-Length")
        if length is None:
            return self._rest()
        return self._exactly(int(length))

    def _chunks(self):
        body = b""
        while True:
            size = int(self._until(b"\r\n").split(b";")[0], 16)
            body += self._exactly(size)
            if self._exactly(2) != b"\r\n":
                raise BadAnswer("a chunk of the answer does not end where it says")
            if size == 0:
                return body

    def _until(self, end):
        while end not in self._buffer:
            self._fill()
        data, _, self._buffer = self._buffer.partition(end)
        return data

    def _exactly(self, size):
        while len(self._buffer) < size:
            self._fill()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _rest(self):
        try:
            while True:
                self._fill()
        except BadAnswer:
            data, self._buffer = self._buffer, b""
            return data

    def _fill(self):
        data = self._socket.recv(65536)
        if not data:
            raise BadAnswer(f"the connection was closed; unread are {self._buffer[:200]!r}")
        self._buffer += data


def request(method, target, body=None, headers=(), host="runtime-api:8081"):
    """The bytes of a request. A body has its Content-Length, unless the headers have another or say that it is chunked."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
    given = {name.lower() for name, _ in headers}
    if body is not None and not given & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8") + (body or b"")


def chunked(pieces):
    """The pieces of a body as chunks, with the last one."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece) + b"0\r\n\r\n"
