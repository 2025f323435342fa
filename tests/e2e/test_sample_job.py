# SPDX-License-Identifier: Apache-2.0
"""The sample job of the first Cronium: a script that sources the helper file and uses everything it was promised."""

import json
import subprocess

import pytest

from harness.testing import assert_succeeded

SAMPLE = r"""#!/bin/bash
command -v cronium_get_variable || { echo "no helpers on PATH"; exit 1; }
[ -f /usr/local/bin/cronium.sh ] || { echo "no helper script"; exit 1; }
source /usr/local/bin/cronium.sh
echo "helper script found"
for name in CRONIUM_RUNTIME_API CRONIUM_EXECUTION_ID CRONIUM_JOB_ID CRONIUM_JOB_TYPE CRONIUM_EXECUTION_MODE \
            CRONIUM_ATTEMPT CRONIUM_NAMESPACE CRONIUM_NODE CRONIUM_RUNTIME_SOCKET; do
  [ -n "${!name}" ] || { echo "$name is not set"; exit 1; }
  echo "$name=${!name}"
done
[ -n "$CRONIUM_EXECUTION_TOKEN" ] && echo "CRONIUM_EXECUTION_TOKEN is set, ${#CRONIUM_EXECUTION_TOKEN} characters"
echo "--- info"
cronium_info || exit 1
echo "--- info ends"
exec 3<>/dev/tcp/runtime-api/8081
printf 'GET /health HTTP/1.1\r\nHost: runtime-api\r\nConnection: close\r\n\r\n' >&3
answer=$(cat <&3)
[[ $answer == *'"healthy"'* ]] || { echo "runtime API: $answer"; exit 1; }
echo "runtime API reachable"
[ -z "$(cronium_get_variable sample/never-set)" ] || { echo "an unset variable has a value"; exit 1; }
cronium_set_variable sample/greeting "hello from $CRONIUM_JOB_ID" || exit 1
cronium_set_variable sample/settings '{"b": 1, "a": [9007199254740993, false]}' || exit 1
echo "greeting: $(cronium_get_variable sample/greeting)"
echo "settings: $(cronium_get_variable sample/settings)"
cronium_input
cronium_output '{"checked": true}'
cronium_set_condition yes
"""


@pytest.fixture(scope="module")
def outcome(cluster):
    return cluster.api.run(SAMPLE, input_json='{"who": "sample"}')


def test_every_step_of_the_sample_passes(outcome):
    assert_succeeded(outcome)
    assert b"helper script found\n" in outcome.stdout
    assert b"runtime API reachable\n" in outcome.stdout
    assert outcome.stderr == b""


def test_the_environment_is_that_of_this_execution(outcome):
    text = outcome.stdout.decode()
    assert f"CRONIUM_EXECUTION_ID={outcome.job.execution_id}\n" in text
    assert f"CRONIUM_JOB_ID={outcome.job.id}\n" in text
    assert "CRONIUM_RUNTIME_API=http://runtime-api:8081\n" in text
    assert "CRONIUM_EXECUTION_MODE=container\n" in text
    assert "CRONIUM_NODE=node-1\n" in text
    assert "CRONIUM_NAMESPACE=default\n" in text


def test_the_token_is_there_and_is_never_shown(outcome):
    text = outcome.stdout.decode()
    assert "CRONIUM_EXECUTION_TOKEN is set, " in text
    # Each JWT begins so: {" in base64.
    assert "eyJ" not in text
    info = text.split("--- info\n")[1].split("--- info ends")[0]
    assert outcome.job.execution_id in info


def test_variables_are_set_and_read_within_the_job(outcome):
    text = outcome.stdout.decode()
    assert f"greeting: hello from {outcome.job.id}\n" in text
    assert 'settings: {"b": 1, "a": [9007199254740993, false]}\n' in text
    assert '{"who": "sample"}' in text


def test_variables_are_read_back_by_the_client(cluster, outcome):
    assert cluster.cli.output("variables", "get", "sample/greeting") == f"hello from {outcome.job.id}\n"
    variable = cluster.cli.json("variables", "get", "sample/settings")
    assert json.dumps(variable).count("9007199254740993") == 1
    assert cluster.api.get_variable("sample/settings").value_json == '{"b": 1, "a": [9007199254740993, false]}'
    assert cluster.api.get_variable("sample/settings").updater.endswith(outcome.job.execution_id)


def test_variables_and_job_are_in_the_database_file(cluster, outcome):
    def rows(query):
        return subprocess.run(["sqlite3", "-readonly", str(cluster.database), query], capture_output=True, text=True,
                              check=True).stdout.splitlines()

    assert rows("SELECT CAST(value_json AS TEXT) FROM variables WHERE key = 'sample/greeting'") == \
        [f'"hello from {outcome.job.id}"']
    assert rows(f"SELECT state FROM jobs WHERE id = '{outcome.job.id}'") == ["50"]
    assert rows(f"SELECT state FROM executions WHERE id = '{outcome.job.execution_id}'") == ["50"]


def test_output_and_condition_are_in_the_result(cluster, outcome):
    result = cluster.api.result(outcome.job.id)
    assert json.loads(result.output_json) == {"checked": True}
    assert result.condition is True
