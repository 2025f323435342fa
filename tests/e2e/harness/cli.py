# SPDX-License-Identifier: Apache-2.0
"""The command-line client, as a person would use it."""

import json
import subprocess

from harness import settings
from harness.waiting import seconds


class Cli:
    def __init__(self, address, ca, token_file):
        self.env = settings.environment(CRONIUM_CONTROLLER=address, CRONIUM_CA=str(ca),
                                        CRONIUM_TOKEN_FILE=str(token_file), HOME="/nonexistent")

    def argv(self, *args):
        return [settings.program("cronium"), *args]

    def run(self, *args, stdin=b"", deadline=60):
        """The ended process, with stdout and stderr as bytes. A status other than 0 is for the caller to judge."""
        return subprocess.run(self.argv(*args), input=stdin, capture_output=True, env=self.env,
                              timeout=seconds(deadline))

    def start(self, *args, **popen):
        return subprocess.Popen(self.argv(*args), env=self.env, **popen)

    def output(self, *args, **options):
        """stdout of a command that must succeed, as text."""
        done = self.run(*args, **options)
        assert done.returncode == 0, f"cronium {' '.join(args)}: {done.returncode}: {done.stderr.decode()}"
        return done.stdout.decode()

    def json(self, *args, **options):
        """What a command that must succeed prints with --output json."""
        return json.loads(self.output("--output", "json", *args, **options))
