# SPDX-License-Identifier: Apache-2.0
"""Threads, processes and tasks that call at the same time."""

import asyncio
import os
import threading
import unittest
from unittest import mock

import cronium
from cases import ApiCase
from fake_api import data


def echo(request, sock):
    """An answer that only its own call expects."""
    return data({"key": "k", "value": request.json["by"]})


class Threads(ApiCase):
    def test_share_a_client_and_each_gets_its_own_answers(self):
        client = cronium.Cronium()
        self.addCleanup(client.close)
        self.api.answers.extend([echo] * 400)
        wrong = []

        def call(thread):
            for number in range(thread * 100, thread * 100 + 50):
                if client.increment_variable("k", number) != number:
                    wrong.append(number)

        threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(len(self.api.requests), 400)
        self.assertLessEqual(len(self.api.open), 8)

    def test_do_not_wait_for_each_other(self):
        client = cronium.Cronium()
        self.addCleanup(client.close)
        both = threading.Barrier(2)

        def meet(request, sock):
            both.wait(30)
            return data(1)

        self.api.answers.extend([meet, meet])
        threads = [threading.Thread(target=client.input) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertFalse(both.broken)


class Processes(ApiCase):
    def test_a_fork_does_not_use_its_parents_connection(self):
        client = cronium.Cronium()
        self.addCleanup(client.close)
        client.output(0)
        child = os.fork()
        if child == 0:
            try:
                client.output(1)
                os._exit(0)
            finally:
                os._exit(1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        client.output(2)
        made = [(request.json["data"], request.connection) for request in self.api.requests]
        self.assertEqual(made, [(0, 1), (1, 2), (2, 1)])


class Tasks(ApiCase):
    def run_async(self, main):
        async def with_client():
            async with cronium.AsyncCronium() as client:
                await main(client)

        asyncio.run(with_client())

    def test_overlap_and_each_gets_its_own_answer(self):
        self.api.answers.extend([echo] * 200)

        async def main(client):
            calls = [client.increment_variable("k", number) for number in range(200)]
            self.assertEqual(await asyncio.gather(*calls), list(range(200)))

        self.run_async(main)
        self.assertEqual(len(self.api.requests), 200)

    def test_have_32_connections_at_most(self):
        busy = []
        most = []
        full = threading.Event()
        lock = threading.Lock()

        def count(request, sock):
            with lock:
                busy.append(request)
                most.append(len(busy))
                if len(busy) == 32:
                    full.set()
            full.wait(30)
            with lock:
                busy.remove(request)
            return data(1)

        self.api.answers.extend([count] * 100)

        async def main(client):
            await asyncio.gather(*[client.input() for _ in range(100)])

        self.run_async(main)
        self.assertEqual(max(most), 32)

    def test_that_are_cancelled_leave_nothing_behind(self):
        begun = threading.Event()
        done = threading.Event()
        self.addCleanup(done.set)

        def wait(request, sock):
            begun.set()
            done.wait(30)

        self.api.answers.append(wait)

        async def main(client):
            call = asyncio.ensure_future(client.output(1))
            await asyncio.get_running_loop().run_in_executor(None, begun.wait, 30)
            call.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await call
            self.api.answers.append(data("next"))
            self.assertEqual(await client.input(), "next")

        self.run_async(main)
        self.assertEqual([request.connection for request in self.api.requests], [1, 2])

    def test_go_on_while_another_waits_for_its_next_try(self):
        self.api.answers.extend([lambda request, sock: None, data("other")])

        async def main(client):
            waiting = asyncio.Event()

            async def wait_forever(delay):
                waiting.set()
                await asyncio.Event().wait()

            with mock.patch("cronium._aio.asyncio.sleep", wait_forever):
                retrying = asyncio.ensure_future(client.output(1))
                await waiting.wait()
                self.assertEqual(await client.input(), "other")
                retrying.cancel()
                await asyncio.gather(retrying, return_exceptions=True)

        self.run_async(main)

    def test_of_one_run_after_another_can_share_a_client(self):
        client = cronium.AsyncCronium()
        for number in range(3):
            asyncio.run(client.output(number))
        asyncio.run(client.close())
        asyncio.run(client.output(3))
        asyncio.run(client.close())
        made = [(request.json["data"], request.connection) for request in self.api.requests]
        self.assertEqual(made, [(0, 1), (1, 1), (2, 1), (3, 2)])

    def test_can_stream_as_scripts_of_the_first_cronium_do(self):
        self.api.answers.append(data({"a": 1}))

        async def items():
            yield 1
            yield 2

        async def main(client):
            self.assertEqual([item async for item in client.stream_input()], [{"a": 1}])
            await client.stream_output(items())

        self.run_async(main)
        self.assertEqual(self.api.requests[1].json, {"data": [1, 2]})


class BothClients(unittest.TestCase):
    def test_have_the_same_functions_with_the_same_parameters(self):
        import inspect

        def signatures(kind):
            return {
                name: [
                    str(parameter) for parameter in inspect.signature(member).parameters.values()
                ]
                for name, member in vars(kind).items()
                if not name.startswith("_") and not name.startswith("stream_")
            }

        self.assertEqual(signatures(cronium.Cronium), signatures(cronium.AsyncCronium))
        for name in signatures(cronium.Cronium):
            if name != "close":
                self.assertTrue(callable(getattr(cronium, name)))
                self.assertIn(name, cronium.__all__)


if __name__ == "__main__":
    unittest.main()
