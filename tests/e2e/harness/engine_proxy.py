# SPDX-License-Identifier: Apache-2.0
"""A socket before the engine's, so that a test can take the engine away from one agent and give it back."""

import contextlib
import os
import socket
import threading

from harness import settings


class EngineProxy:
    """Listens on `path` and joins each connection to the machine's engine, a thread for each direction."""

    def __init__(self, path):
        self.path = str(path)
        self._lock = threading.Lock()
        self._sockets = set()
        self._listener = None

    def start(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen(128)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return self

    def stop(self):
        """As when the engine dies: nobody listens, and every connection is gone."""
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        if self._listener:
            # Wakes the accept.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
            os.unlink(self.path)
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(settings.ENGINE_SOCKET)
            with self._lock:
                self._sockets |= {client, engine}
            forth = threading.Thread(target=_copy, args=(client, engine), daemon=True)
            forth.start()
            threading.Thread(target=self._join, args=(client, engine, forth), daemon=True).start()

    def _join(self, client, engine, forth):
        _copy(engine, client)
        # The engine has answered all it will: what the client still says is of no use.
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        forth.join()
        with self._lock:
            self._sockets -= {client, engine}
        client.close()
        engine.close()


def _copy(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
