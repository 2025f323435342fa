# SPDX-License-Identifier: Apache-2.0
"""The command-line client, as a script or a person uses it."""

import json
import os
import pty
import re
import subprocess

import pytest

from harness.protos import job_pb2
from harness.testing import assert_ended, assert_numbered
from harness.waiting import seconds


@pytest.fixture(scope="module")
def cli(cluster):
    return cluster.cli


@pytest.mark.parametrize("code", [0, 1, 3, 42, 255])
def test_run_exits_with_the_code_of_the_job(cli, code):
    assert cli.run("run", "--quiet", "-", stdin=f"exit {code}".encode()).returncode == code


def test_run_exits_as_the_job_ended_where_it_has_no_code_of_its_own(cli):
    assert cli.run("run", "-", stdin=b"kill -9 $$").returncode == 137
    assert cli.run("run", "--timeout", "500ms", "-", stdin=b"sleep 600").returncode == 124
    assert cli.run("run", "--image", "cronium-e2e/none:1", "-", stdin=b"true").returncode == 125


def test_the_streams_of_the_job_come_apart_and_byte_for_byte(cli):
    script = rb"printf 'out \000\377\n\nno newline'; printf 'err \376' >&2"

    done = cli.run("run", "--quiet", "-", stdin=script)

    assert done.stdout == b"out \x00\xff\n\nno newline"
    assert done.stderr == b"err \xfe"


def test_without_quiet_our_own_lines_are_on_stderr_and_marked(cli):
    done = cli.run("run", "-", stdin=b"echo out; echo err >&2; exit 3")

    assert done.stdout == b"out\n"
    own = [line for line in done.stderr.decode().splitlines() if line != "err"]
    assert b"err\n" in done.stderr
    assert own and all(line.startswith("cronium: ") for line in own)
    assert re.search(r"job_\w{12} FAILED: exit code 3", own[-1])


def test_a_script_gets_its_arguments_environment_and_input(cli, tmp_path):
    script = tmp_path / "script.sh"
    script.write_text('echo "$# [$1] [$2] $WHO $(cronium_input)"\n')

    done = cli.run("run", "--quiet", "--env", "WHO=me", "--input", '{"a":1}', str(script), "--flag", "two words")

    assert done.stdout.decode() == '2 [--flag] [two words] me {"a":1}\n'


def test_a_detached_job_is_found_waited_for_and_read_again(cli):
    job_id = cli.output("run", "--detach", "-", stdin=b"echo hello; exit 6").strip()
    assert re.fullmatch(r"job_[0-9A-Za-z]{12}", job_id)

    assert cli.run("jobs", "wait", job_id).returncode == 6
    assert cli.run("logs", job_id).stdout == b"hello\n"
    job = cli.json("jobs", "get", job_id)["job"]
    assert (job["state"], job["exitCode"]) == ("JOB_STATE_FAILED", 6)


def test_lists_are_for_people_and_for_programs(cli):
    label = f"list={os.getpid()}"
    ids = [cli.output("run", "--detach", "--label", label, "-", stdin=b"true").strip() for _ in range(3)]
    cli.output("jobs", "wait", *ids)

    assert [job["id"] for job in cli.json("jobs", "list", "--label", label)["jobs"]] == ids[::-1]
    assert len(cli.json("jobs", "list", "--label", label, "--limit", "2")["jobs"]) == 2
    assert cli.json("jobs", "list", "--label", label, "--state", "failed").get("jobs", []) == []
    table = cli.output("jobs", "list", "--label", label).splitlines()
    assert len(table) == 4
    for job_id, line in zip(ids[::-1], table[1:]):
        assert job_id in line and "SUCCEEDED" in line
    [node] = cli.json("nodes", "list")["nodes"]
    assert (node["name"], node["state"]) == ("node-1", "NODE_STATE_READY")
    assert "READY" in cli.output("nodes", "list")


def test_a_variable_is_set_listed_read_and_deleted(cli):
    cli.output("variables", "set", "cli/text", "a text")
    cli.output("variables", "set", "cli/json", '{"b":[1,2]}')

    assert cli.output("variables", "get", "cli/text") == "a text\n"
    assert cli.output("variables", "get", "cli/json") == '{"b":[1,2]}\n'
    listed = {v["key"]: v["valueJson"] for v in cli.json("variables", "list", "--prefix", "cli/")["variables"]}
    assert {key: json.loads(value) for key, value in listed.items()} == {"cli/text": "a text", "cli/json": {"b": [1, 2]}}
    cli.output("variables", "delete", "cli/text")
    gone = cli.run("variables", "get", "cli/text")
    assert gone.returncode == 125
    assert b"cli/text" in gone.stderr


def test_a_job_is_cancelled_by_its_id(cluster, cli):
    job_id = cli.output("run", "--detach", "-", stdin=b"sleep 600").strip()

    assert job_id in cli.output("jobs", "cancel", job_id)

    assert_ended(cluster.api.wait_ended(job_id), "CANCELLED", "CANCELLED")
    assert cli.run("jobs", "wait", job_id).returncode == 130


# ---- following


COUNTING = b"""#!/bin/bash
until [ "$(cronium_get_variable cli/stop-$1)" = yes ]; do echo "line $((++i))"; sleep 0.02; done
echo "line $((++i))"
"""


def read_until(stream, text):
    """Reads lines up to the one that is `text`, and returns them all."""
    seen = b""
    for line in stream:
        seen += line
        if line == text:
            return seen
    raise AssertionError(f"the stream ended before {text!r}: {seen[-500:]!r}")


@pytest.mark.parametrize("command", ["logs", "run"])
def test_following_goes_on_over_a_restart_of_the_controller_without_a_repeat_or_a_gap(cluster, cli, command):
    if command == "logs":
        job_id = cli.output("run", "--detach", "-", command, stdin=COUNTING).strip()
        follower = cli.start("logs", "--follow", job_id, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    else:
        follower = cli.start("run", "-", command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        follower.stdin.write(COUNTING)
        follower.stdin.close()
    try:
        seen = read_until(follower.stdout, b"line 20\n")
        cluster.controller.kill()
        cluster.start_controller()
        more = int(seen.split()[-1]) + 100
        seen += read_until(follower.stdout, f"line {more}\n".encode())
        cluster.api.set_variable(f"cli/stop-{command}", '"yes"')
        seen += follower.stdout.read()
        notices = follower.stderr.read()
        assert follower.wait(seconds(60)) == 0
    finally:
        follower.kill()

    assert assert_numbered(seen, "line") > more
    assert b"lost contact" in notices and b"connected again" in notices


class Terminal:
    """`cronium run` on a terminal of its own, where a test can type."""

    def __init__(self, cli, *args):
        self._master, slave = pty.openpty()
        # setsid --ctty makes the terminal its controlling one, so that ^C becomes a signal as for a person.
        self.process = subprocess.Popen(["setsid", "--ctty", *cli.argv(*args)], env=cli.env, stdin=slave, stdout=slave,
                                        stderr=slave)
        os.close(slave)
        self.text = ""

    def type(self, text):
        os.write(self._master, text.encode())

    def wait_for(self, pattern):
        """Reads until the pattern appears in what is new."""
        new = ""
        while not re.search(pattern, new):
            try:
                data = os.read(self._master, 4096)
            except OSError:  # The other side is closed.
                data = b""
            assert data, f"ended before /{pattern}/: {new}"
            new += data.decode(errors="replace")
        self.text += new
        return new

    def exit_code(self):
        try:
            while True:
                self.text += os.read(self._master, 4096).decode(errors="replace")
        except OSError:
            pass
        return self.process.wait(seconds(60))

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture
def terminal(cli, tmp_path):
    script = tmp_path / "long.sh"
    script.write_text("echo ready; while true; do sleep 0.1; done\n")
    made = Terminal(cli, "run", str(script))
    yield made
    made.close()


def follow_to_ready(terminal):
    """Its job, once it runs."""
    text = terminal.wait_for(r"ready")
    return re.search(r"job_\w{12}", text).group(0)


def test_ctrl_c_asks_and_a_second_one_cancels(cluster, terminal):
    job_id = follow_to_ready(terminal)

    terminal.type("\x03")
    terminal.wait_for("detach")
    assert cluster.api.get(job_id).state == job_pb2.JOB_STATE_RUNNING
    terminal.type("\x03")

    assert terminal.exit_code() == 130, terminal.text
    assert_ended(cluster.api.get(job_id), "CANCELLED", "CANCELLED")


def test_ctrl_c_and_d_detaches_and_the_job_goes_on(cluster, terminal):
    job_id = follow_to_ready(terminal)

    terminal.type("\x03")
    terminal.wait_for("detach")
    terminal.type("d\n")

    assert terminal.exit_code() == 125, terminal.text
    assert f"cronium logs -f {job_id}" in terminal.text
    assert cluster.api.get(job_id).state == job_pb2.JOB_STATE_RUNNING
    cluster.api.cancel(job_id)
    cluster.api.wait_ended(job_id)


def test_ctrl_c_and_enter_goes_on(cluster, terminal):
    job_id = follow_to_ready(terminal)

    terminal.type("\x03")
    terminal.wait_for("detach")
    terminal.type("\n")
    terminal.wait_for("going on")
    assert cluster.api.get(job_id).state == job_pb2.JOB_STATE_RUNNING
    terminal.type("\x03")
    terminal.wait_for("detach")
    terminal.type("c\n")

    assert terminal.exit_code() == 130, terminal.text
    assert_ended(cluster.api.get(job_id), "CANCELLED", "CANCELLED")


def test_without_a_terminal_an_interrupt_cancels(cluster, cli, tmp_path):
    script = tmp_path / "long.sh"
    script.write_text("echo ready; while true; do sleep 0.1; done\n")
    process = cli.start("run", str(script), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    read_until(process.stdout, b"ready\n")

    process.send_signal(2)
    _, stderr = process.communicate(timeout=seconds(60))

    assert process.returncode == 130
    job_id = re.search(r"job_\w{12}", stderr.decode()).group(0)
    assert_ended(cluster.api.get(job_id), "CANCELLED", "CANCELLED")
