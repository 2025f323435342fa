# SPDX-License-Identifier: Apache-2.0
"""The real grpcurl against the controller."""

import json
import shutil
import subprocess

from harness import settings
from harness.waiting import seconds


def missing():
    if shutil.which("grpcurl") is None:
        return "needs grpcurl: tools/setup builds it where there is Go 1.21 or newer"
    return ""


class Grpcurl:
    def __init__(self, address, ca, token):
        self._address = address
        self._flags = ["-cacert", str(ca)]
        self._token = ["-H", f"authorization: Bearer {token}"]

    def run(self, *args, data=None, flags=(), token=True, deadline=60):
        command = ["grpcurl", *self._flags, *(self._token if token else ()), *flags]
        if data is not None:
            command += ["-d", json.dumps(data)]
        return subprocess.run([*command, self._address, *args], capture_output=True, text=True,
                              env=settings.environment(), timeout=seconds(deadline))

    def output(self, *args, **options):
        done = self.run(*args, **options)
        assert done.returncode == 0, f"grpcurl {' '.join(args)}: {done.stderr}"
        return done.stdout

    def call(self, method, data, **options):
        """The answers of a call that must succeed."""
        return list(_objects(self.output(f"cronium.v1.{method}", data=data, **options)))

    def fail(self, method, data, **options):
        """The google.rpc.Status of a call that must fail."""
        done = self.run(f"cronium.v1.{method}", data=data, flags=["-format-error"], **options)
        assert done.returncode != 0, f"{method} did not fail: {done.stdout}"
        return json.loads(done.stderr)


def _objects(text):
    """grpcurl prints the messages of a stream one after another, over several lines each."""
    decoder, text = json.JSONDecoder(), text.lstrip()
    while text:
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:].lstrip()
