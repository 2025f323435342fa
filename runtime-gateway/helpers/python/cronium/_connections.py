# SPDX-License-Identifier: Apache-2.0
"""Connections that wait for their next call."""

import os
import socket
from typing import List, Optional

MAX_IDLE = 8


class IdleConnections:
    """Thread-safe without a lock, since a list's append and pop each are one step; so a fork never
    inherits a held one."""

    def __init__(self) -> None:
        self._sockets: List[socket.socket] = []
        self._pid = os.getpid()

    def take(self) -> Optional[socket.socket]:
        if self._pid != os.getpid():
            # A fork's parent goes on using these, and its answers must not end up here.
            self.close()
            self._pid = os.getpid()
        while True:
            try:
                sock = self._sockets.pop()
            except IndexError:
                return None
            if _is_quiet(sock):
                return sock
            sock.close()

    def give(self, sock: socket.socket) -> None:
        if len(self._sockets) < MAX_IDLE:
            self._sockets.append(sock)
        else:
            sock.close()

    def close(self) -> None:
        sockets, self._sockets = self._sockets, []
        for sock in sockets:
            sock.close()

    def __del__(self) -> None:
        self.close()


def _is_quiet(sock: socket.socket) -> bool:
    """Whether the server has neither ended the connection nor said something unasked."""
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
