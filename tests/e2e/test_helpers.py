# SPDX-License-Identifier: Apache-2.0
"""The helpers where not all is well: no job around them, a controller and a gateway that go away. What each function does in a job:
runtime_helpers_detailed."""

import re

import pytest

from harness.testing import assert_succeeded

LANGUAGES = {"shell": ("cronium/test-busybox", ["sh"]), "Python": ("cronium/test-python", ["python3"]),
             "asyncio": ("cronium/test-python", ["python3"]), "Node.js": ("cronium/test-node", ["node"])}

# With the job's environment taken away: the first line says that loading went well, the second what the first call said.
OUTSIDE = {
    "shell": r"""
for name in $(env | sed -n 's/^\(CRONIUM_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
. /usr/local/bin/cronium.sh && echo loaded
if cronium_get_variable a 2>&1; then echo "no failure"; else echo "status $?"; fi
""",
    "Python": r"""
import os
for name in [name for name in os.environ if name.startswith("CRONIUM_")]:
    del os.environ[name]
import cronium
print("loaded")
try:
    cronium.get_variable("a")
except cronium.CroniumError as error:
    print(error, type(error).__name__, sep="\n")
""",
    "asyncio": r"""
import asyncio, os
for name in [name for name in os.environ if name.startswith("CRONIUM_")]:
    del os.environ[name]
from cronium import AsyncCronium, CroniumError
async def main():
    async with AsyncCronium() as cronium:
        print("loaded")
        try:
            await cronium.get_variable("a")
        except CroniumError as error:
            print(error, type(error).__name__, sep="\n")
asyncio.run(main())
""",
    "Node.js": r"""
for (const name of Object.keys(process.env)) if (name.startsWith("CRONIUM_")) delete process.env[name];
const cronium = require("cronium");
console.log("loaded");
cronium.getVariable("a").catch((error) => console.log(`${error.message}\n${error.constructor.name}`));
""",
}

# Counts, and sets what it counted, until another variable says that it is enough; what it did must be there the next moment.
COUNTS = {
    "shell": r"""
set -e
echo ready
n=0
while [ -z "$(cronium_get_variable helpers/enough)" ]; do
  n=$((n + 1))
  test "$(cronium_increment_variable "$1/count")" -eq "$n"
  cronium_set_variable "$1/copy" "$n"
  test "$(cronium_get_variable "$1/copy")" -eq "$n"
done
cronium_output "$n"
""",
    "Python": r"""
import sys, cronium
print("ready", flush=True)
n = 0
while cronium.get_variable("helpers/enough") is None:
    n += 1
    assert cronium.increment_variable(sys.argv[1] + "/count") == n
    cronium.set_variable(sys.argv[1] + "/copy", n)
    assert cronium.get_variable(sys.argv[1] + "/copy") == n
cronium.output(n)
""",
    "asyncio": r"""
import asyncio, sys
from cronium import AsyncCronium
async def main():
    async with AsyncCronium() as cronium:
        print("ready", flush=True)
        n = 0
        while await cronium.get_variable("helpers/enough") is None:
            n += 1
            assert await cronium.increment_variable(sys.argv[1] + "/count") == n
            await cronium.set_variable(sys.argv[1] + "/copy", n)
            assert await cronium.get_variable(sys.argv[1] + "/copy") == n
        await cronium.output(n)
asyncio.run(main())
""",
    "Node.js": r"""
const assert = require("assert");
const cronium = require("cronium");
async function main() {
  console.log("ready");
  let n = 0;
  while ((await cronium.getVariable("helpers/enough")) === null) {
    n += 1;
    assert.strictEqual(await cronium.incrementVariable(process.argv[2] + "/count"), n);
    await cronium.setVariable(process.argv[2] + "/copy", n);
    assert.strictEqual(await cronium.getVariable(process.argv[2] + "/copy"), n);
  }
  await cronium.output(n);
}
main();
""",
}


def submit(cluster, language, script, *args):
    image, interpreter = LANGUAGES[language]
    return cluster.api.submit(script, image=image, interpreter=interpreter, args=[*args], cpu_millis=100)


@pytest.mark.parametrize("language", LANGUAGES)
def test_outside_a_job_they_load_and_the_first_call_says_what_is_wrong(cluster, language):
    outcome = assert_succeeded(cluster.api.outcome(submit(cluster, language, OUTSIDE[language])))

    lines = outcome.stdout.decode().splitlines()
    assert lines[0] == "loaded"
    assert re.search("not inside a Cronium job", lines[1]), lines
    assert lines[2] == ("status 1" if language == "shell" else "CroniumError")


def test_they_ride_out_a_restart_of_the_controller_and_of_the_gateway_and_count_everything_once(cluster):
    jobs = {language: submit(cluster, language, COUNTS[language], f"helpers/{language}") for language in LANGUAGES}
    for language, job_id in jobs.items():
        cluster.api.wait_for_output(job_id, b"ready\n")
        cluster.wait_variable(f"helpers/{language}/copy")

    for _ in range(2):
        # Alone, the one holds a call until the other is back; without both, the helper itself has to try again.
        cluster.controller.kill()
        cluster.nodes[0].gateway.kill()
        cluster.nodes[0].gateway.start()
        cluster.start_controller()
        before = {language: cluster.api.get_variable(f"helpers/{language}/count").value_json for language in LANGUAGES}
        for language in LANGUAGES:
            cluster.wait_variable(f"helpers/{language}/count", lambda now, then=before[language]: int(now) > int(then) + 1)
    cluster.api.set_variable("helpers/enough", "true")

    for language, job_id in jobs.items():
        outcome = assert_succeeded(cluster.api.outcome(job_id, deadline=120))
        assert outcome.stderr == b"", language
        counted = cluster.api.result(job_id).output_json
        assert cluster.api.get_variable(f"helpers/{language}/count").value_json == counted, language
