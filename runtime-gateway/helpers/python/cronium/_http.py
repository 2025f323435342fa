# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 without the wire (RFC 9112): what to send, and what was received.

The standard library's client blocks, so asyncio cannot use it, and takes longer to import than all
of this package. The runtime API needs little of HTTP, and both clients share this little.
"""

from typing import Dict, Generator, Optional

# Status lines, header fields, chunk sizes and trailers, each kind for itself.
MAX_HEAD_BYTES = 64 * 1024
# The largest input is 8 MiB; the rest is for what is put around it.
MAX_BODY_BYTES = 8 * 1024 * 1024 + 64 * 1024


_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def encode_segment(text: str) -> str:
    """`text` as one segment of a URL's path, its slashes encoded as well."""
    return "".join(
        chr(byte) if byte in _UNRESERVED else "%{:02X}".format(byte)
        for byte in text.encode("utf-8")
    )


def encode_request(method: str, path: str, fields: Dict[str, str], body: Optional[bytes]) -> bytes:
    lines = ["{} {} HTTP/1.1".format(method, path)]
    if body is not None:
        fields = dict(fields, **{"Content-Type": "application/json"})
        fields["Content-Length"] = str(len(body))
    lines.extend("{}: {}".format(name, value) for name, value in fields.items())
    head = "\r\n".join(lines) + "\r\n\r\n"
    return head.encode("ascii") + (body or b"")


class Response:
    """Takes apart one response as its bytes come in, however they are cut.

    Knows bodies of a stated length, in chunks, and up to the end of the connection; skips interim
    responses. Raises ConnectionError where the response is broken.
    """

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.complete = False
        self._fields: Dict[str, str] = {}
        self._persistent = True  # as HTTP/1.1 has it, unless the response says otherwise
        self._unread = bytearray()
        self._ended = False
        self._parser = self._parse()
        next(self._parser)

    @property
    def keep_alive(self) -> bool:
        """Whether the connection can be used again."""
        return self.complete and self._persistent and not self._unread

    @property
    def retry_after_s(self) -> Optional[int]:
        """Retry-After, where the server gave it in seconds: a date is taken as none."""
        text = self._fields.get("retry-after", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

    def feed(self, data: bytes) -> None:
        """`data` is what was received; nothing when the connection has ended."""
        self._unread += data
        self._ended = not data
        self.complete = next(self._parser, True)

    def _parse(self) -> Generator[bool, None, None]:
        # Yields False for want of more bytes, and returns when the response is complete.
        while True:
            line = yield from self._line()
            version, _, rest = line.partition(" ")
            if version not in ("HTTP/1.0", "HTTP/1.1") or not rest[:3].isdigit():
                raise ConnectionError("what was received is not HTTP")
            self.status = int(rest[:3])
            self._fields = yield from self._header()
            if self.status >= 200:
                break
        connection = self._fields.get("connection", "").lower()
        self._persistent = version == "HTTP/1.1" and "close" not in connection
        if "chunked" in self._fields.get("transfer-encoding", "").lower():
            yield from self._chunks()
        elif self.status in (204, 304):
            return
        elif "content-length" in self._fields:
            length = _parse_size(self._fields["content-length"], 10)
            self.body = yield from self._take(length)
        else:
            self._persistent = False
            while not self._ended:
                yield False
                _check_size(len(self._unread))
            self.body = bytes(self._unread)
            self._unread.clear()

    def _header(self) -> Generator[bool, None, Dict[str, str]]:
        fields: Dict[str, str] = {}
        size = 0
        while True:
            line = yield from self._line()
            if not line:
                return fields
            size += len(line)
            if size > MAX_HEAD_BYTES:
                raise ConnectionError("the header received is too large")
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()

    def _chunks(self) -> Generator[bool, None, None]:
        body = bytearray()
        while True:
            line = yield from self._line()
            size = _parse_size(line.partition(";")[0].strip(), 16)
            if size == 0:
                yield from self._header()
                self.body = bytes(body)
                return
            _check_size(len(body) + size)
            body += yield from self._take(size)
            yield from self._line()

    def _line(self) -> Generator[bool, None, str]:
        while True:
            end = self._unread.find(b"\n")
            if end >= 0:
                line = bytes(self._unread[:end])
                del self._unread[: end + 1]
                return line.rstrip(b"\r").decode("latin-1")
            if len(self._unread) > MAX_HEAD_BYTES:
                raise ConnectionError("the header received is too large")
            yield from self._more()

    def _take(self, size: int) -> Generator[bool, None, bytes]:
        while len(self._unread) < size:
            yield from self._more()
        taken = bytes(self._unread[:size])
        del self._unread[:size]
        return taken

    def _more(self) -> Generator[bool, None, None]:
        if self._ended:
            raise ConnectionError("the connection was closed before the response was complete")
        yield False


def _parse_size(text: str, base: int) -> int:
    digits = "0123456789abcdef"[:base]
    if not 0 < len(text) <= 16 or any(c not in digits for c in text.lower()):
        raise ConnectionError("the size received is not a number")
    size = int(text, base)
    _check_size(size)
    return size


def _check_size(size: int) -> None:
    if size > MAX_BODY_BYTES:
        raise ConnectionError("the body received is larger than 8 MiB")
