# SPDX-License-Identifier: Apache-2.0
"""Tests that run with both clients over both transports."""

import asyncio
import os
import unittest
from unittest import mock

import cronium
from fake_api import TRANSPORTS, FakeApi


class Blocking(cronium.Cronium):
    def disconnect(self):
        self.close()


class Awaited:
    """AsyncCronium behind the interface of Blocking."""

    def __init__(self):
        self._client = cronium.AsyncCronium()
        self._loop = asyncio.new_event_loop()

    def __getattr__(self, name):
        function = getattr(self._client, name)
        return lambda *args, **kwargs: self._loop.run_until_complete(function(*args, **kwargs))

    def disconnect(self):
        self._loop.run_until_complete(self._client.close())

    def close(self):
        self.disconnect()
        self._loop.close()


CLIENTS = {"blocking": Blocking, "asyncio": Awaited}


class ApiCase(unittest.TestCase):
    """Starts a FakeApi for each test, and has the environment name it."""

    transport = "unix"

    def setUp(self):
        self.api = FakeApi(self.transport)
        self.addCleanup(self.api.close)
        self.set_environ(**self.api.environ)

    def set_environ(self, **environ):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CRONIUM_")}
        patch = mock.patch.dict(os.environ, dict(kept, **environ), clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def record_sleeps(self):
        """From now on, a client that waits goes on at once. Returns what it was to wait."""
        slept = []

        async def record(delay):
            slept.append(delay)

        for target, replacement in (("time.sleep", slept.append), ("asyncio.sleep", record)):
            patch = mock.patch(target, replacement)
            patch.start()
            self.addCleanup(patch.stop)
        return slept


class ClientCase(ApiCase):
    client_kind = "blocking"

    def setUp(self):
        super().setUp()
        self.client = CLIENTS[self.client_kind]()
        self.addCleanup(self.client.close)


def with_both_clients_over_both_transports(case):
    """Replaces a ClientCase by four of it."""
    module = __import__(case.__module__)
    for kind in CLIENTS:
        for transport in TRANSPORTS:
            name = "{}_{}_{}".format(case.__name__, kind, transport)
            members = {"client_kind": kind, "transport": transport, "__module__": case.__module__}
            setattr(module, name, type(name, (case,), members))
    return None
