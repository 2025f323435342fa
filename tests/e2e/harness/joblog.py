# SPDX-License-Identifier: Apache-2.0
"""The stored log of an execution, checked against its contract while it is read."""

from harness.protos import log_pb2

# An entry is a line, or a piece of one: log.proto.
_ENTRY_BYTES = 65536


class LogViolation(AssertionError):
    """The log breaks its contract."""


class JobLog:
    """Takes chunks as FollowLogs sends them; each must begin where the one before ended."""

    def __init__(self, after_seq=0):
        self.last_seq = after_seq
        self.cuts = []
        self.chunks = []
        self._streams = {log_pb2.LOG_STREAM_STDOUT: [], log_pb2.LOG_STREAM_STDERR: []}

    @property
    def stdout(self):
        return b"".join(self._streams[log_pb2.LOG_STREAM_STDOUT])

    @property
    def stderr(self):
        return b"".join(self._streams[log_pb2.LOG_STREAM_STDERR])

    def add(self, chunk):
        cut = chunk.HasField("cut")
        first = chunk.cut.first_seq if cut else chunk.first_seq
        if first != self.last_seq + 1:
            raise LogViolation(f"entry {first} follows entry {self.last_seq}")
        if cut:
            self.cuts.append(chunk.cut)
            self.last_seq = chunk.cut.last_seq
        else:
            entries = entry_count(chunk.data)
            if entries != chunk.entry_count:
                raise LogViolation(f"chunk of {chunk.entry_count} entries holds {entries}")
            self.last_seq += entries
            self._streams[chunk.stream].append(chunk.data)
        self.chunks.append(chunk)


def entry_count(data):
    """As the protocol counts: a newline ends an entry, so do 65,536 bytes without one, and so does the chunk."""
    *whole, rest = data.split(b"\n")
    if len(data) <= _ENTRY_BYTES:
        return len(whole) + (1 if rest else 0)
    return sum(_pieces(len(line) + 1) for line in whole) + _pieces(len(rest))


def _pieces(size):
    return -(-size // _ENTRY_BYTES)
