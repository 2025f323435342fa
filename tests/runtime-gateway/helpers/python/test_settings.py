# SPDX-License-Identifier: Apache-2.0
"""What the environment tells, and what it is to be outside a job."""

import os
import subprocess
import sys
import unittest

import cronium
from cases import ApiCase
from cronium._settings import Settings

JOB = {
    "CRONIUM_RUNTIME_API": "http://runtime-api:8081",
    "CRONIUM_RUNTIME_SOCKET": "/run/cronium/api/runtime.sock",
    "CRONIUM_EXECUTION_TOKEN": "secret.to.ken",
    "CRONIUM_EXECUTION_ID": "exec_1",
}


def settings(**changes):
    return Settings({k: v for k, v in dict(JOB, **changes).items() if v is not None})


def python(code, **environ):
    """What a new Python prints that runs `code` outside a job."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CRONIUM_")}
    return subprocess.run(
        [sys.executable, "-B", "-c", code],
        env=dict(kept, **environ),
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    ).stdout


class OutsideAJob(unittest.TestCase):
    def test_importing_is_silent_and_the_first_call_says_what_is_missing(self):
        code = """if True:
            import cronium
            client = cronium.Cronium()
            for function in (cronium.input, client.input):
                try:
                    function()
                except cronium.CroniumError as error:
                    print(type(error).__name__, error)
        """
        line = "CroniumError not inside a Cronium job: CRONIUM_EXECUTION_TOKEN is not set\n"
        self.assertEqual(python(code), line * 2)
        self.assertEqual(python(code, CRONIUM_EXECUTION_TOKEN="t"), line.replace("TOKEN", "ID") * 2)

    def test_the_asynchronous_client_says_the_same(self):
        code = """if True:
            import asyncio, cronium
            async def main():
                async with cronium.AsyncCronium() as client:
                    await client.input()
            try:
                asyncio.run(main())
            except cronium.CroniumError as error:
                print(error)
        """
        self.assertIn("not inside a Cronium job", python(code))

    def test_importing_does_not_import_asyncio(self):
        code = "import sys, cronium; print('asyncio' in sys.modules, 'http' in sys.modules)"
        self.assertEqual(python(code), "False False\n")

    def test_everything_that_is_public_can_be_imported(self):
        code = "from cronium import *; print(AsyncCronium.__name__, callable(input), cronium)"
        self.assertRegex(python(code), "AsyncCronium True <cronium._client.Cronium object")

    def test_what_is_not_there_is_an_attribute_error(self):
        with self.assertRaisesRegex(AttributeError, "no attribute 'get_variabel'"):
            cronium.get_variabel


class InsideAJob(ApiCase):
    def test_the_functions_of_the_module_use_the_environment_of_their_first_call(self):
        code = "import cronium; cronium.output(1); cronium.cronium.output(2)"
        python(code, **self.api.environ)
        self.assertEqual([request.json["data"] for request in self.api.requests], [1, 2])
        self.assertEqual({request.connection for request in self.api.requests}, {1})

    def test_nothing_is_complained_about_at_exit(self):
        code = "import sys; sys.argv[0] = 'x'; import cronium; cronium.output(1)"
        kept = dict(self.api.environ, PYTHONDEVMODE="1")
        self.assertEqual(python(code, **kept), "")


class TheEnvironment(unittest.TestCase):
    def test_names_a_socket_which_comes_before_the_url(self):
        self.assertEqual(settings().name, "unix:/run/cronium/api/runtime.sock")

    def test_names_a_host_and_port_where_there_is_no_socket(self):
        chosen = settings(CRONIUM_RUNTIME_SOCKET=None)
        self.assertEqual(chosen.address, ("runtime-api", 8081))
        self.assertEqual(chosen.host, "runtime-api:8081")

    def test_may_name_an_address_of_either_kind(self):
        for url, address, name in (
            ("http://127.0.0.1", ("127.0.0.1", 80), "http://127.0.0.1:80"),
            ("http://[::1]:99/", ("::1", 99), "http://[::1]:99"),
        ):
            chosen = settings(CRONIUM_RUNTIME_SOCKET="", CRONIUM_RUNTIME_API=url)
            self.assertEqual((chosen.address, chosen.name), (address, name))

    def test_may_name_nothing_and_then_the_usual_socket_is_meant(self):
        chosen = settings(CRONIUM_RUNTIME_SOCKET=None, CRONIUM_RUNTIME_API=None)
        self.assertEqual(chosen.socket_path, "/run/cronium/api/runtime.sock")

    def test_is_told_what_is_wrong_with_it(self):
        for name, value in (
            ("CRONIUM_RUNTIME_SOCKET", "relative.sock"),
            ("CRONIUM_RUNTIME_SOCKET", "/" + "x" * 107),
            ("CRONIUM_RETRY_FOR", "soon"),
            ("CRONIUM_RETRY_FOR", "-1"),
            ("CRONIUM_RETRY_FOR", "1e3"),
            ("CRONIUM_RETRY_FOR", "86401"),
            ("CRONIUM_RETRY_FOR", "nan"),
        ):
            with self.assertRaisesRegex(cronium.CroniumError, name + " must be"):
                settings(**{name: value})
        for url in (
            "runtime-api:8081",
            "https://a/",
            "http://a:0",
            "http://a:65536",
            "http://a/b",
            "http://",
            "http://a b",
            "http://u@h",
        ):
            with self.assertRaisesRegex(cronium.CroniumError, "CRONIUM_RUNTIME_API must be"):
                settings(CRONIUM_RUNTIME_SOCKET=None, CRONIUM_RUNTIME_API=url)

    def test_says_how_long_to_retry(self):
        self.assertEqual(settings().retry_for_s, 300)
        self.assertEqual(settings(CRONIUM_RETRY_FOR="").retry_for_s, 300)
        self.assertEqual(settings(CRONIUM_RETRY_FOR="0.25").retry_for_s, 0.25)
        self.assertEqual(settings(CRONIUM_RETRY_FOR="86400").retry_for_s, 86400)

    def test_is_refused_with_a_token_that_would_break_the_request(self):
        for token in ("a b", "a\r\nX: y", "tökén"):
            with self.assertRaises(cronium.CroniumError) as raised:
                settings(CRONIUM_EXECUTION_TOKEN=token)
            self.assertIn("CRONIUM_EXECUTION_TOKEN is garbled", str(raised.exception))
            self.assertNotIn(token, str(raised.exception))

    def test_does_not_show_the_token(self):
        self.assertNotIn("secret", repr(settings()) + str(settings()))


if __name__ == "__main__":
    unittest.main()
