# SPDX-License-Identifier: Apache-2.0
"""The same script, in every shell and in images that know nothing of us."""

import pytest

from harness.testing import assert_succeeded

# Plain POSIX sh. The helpers must also be there for a child of xargs, which knows no functions of the shell.
SCRIPT = r"""
set -eu
key="shells/$1"
command -v cronium_get_variable >/dev/null
cronium_set_variable "$key" "value of $1"
test "$(cronium_get_variable "$key")" = "value of $1"
printf '%s\n' "$key" | xargs -I{} cronium_set_variable {} "value by xargs"
printf '%s\n' "$key" | xargs -n 1 cronium_get_variable
printf 'x\n' | xargs -n 1 sh -c 'cronium_get_variable "$0"' "$key"
cronium_variable_exists "$key"
cronium_delete_variable "$key"
test -z "$(cronium_get_variable "$key")"
test "$(cronium_input)" = '{"n":1}'
test "$(cronium_event_field attempt)" = 1
cronium_output '{"shell":"'"$1"'"}'
cronium_set_condition true
! cronium_set_variable "" x 2>/dev/null
echo "passed in $1"
"""

CASES = [
    ("cronium/bash", ["bash"]), ("cronium/bash", ["sh"]), ("cronium/bash", ["bash", "--posix"]), ("cronium/bash", []),
    ("cronium/test-debian", ["bash"]), ("cronium/test-debian", ["sh"]), ("cronium/test-debian", []),
    ("cronium/test-busybox", ["sh"]), ("cronium/test-busybox", ["busybox", "sh"]), ("cronium/test-busybox", []),
]


@pytest.mark.parametrize("image, interpreter", CASES,
                         ids=[f"{image[8:]}, {' '.join(words) or 'none named'}" for image, words in CASES])
def test_the_helpers_work(cluster, image, interpreter):
    name = "-".join([image.split("/")[1], *interpreter])

    outcome = assert_succeeded(cluster.api.run(SCRIPT, image=image, interpreter=interpreter, args=[name],
                                               input_json='{"n":1}'))

    assert outcome.stdout.decode() == f"value by xargs\nvalue by xargs\npassed in {name}\n"
    result = cluster.api.result(outcome.job.id)
    assert result.output_json == f'{{"shell":"{name}"}}'
    assert result.condition is True


@pytest.mark.parametrize("first_line, image", [
    ("#!/bin/bash", "cronium/bash"), ("#!/bin/sh", "cronium/test-busybox"),
    ("#!/usr/bin/env bash", "cronium/test-debian"),
])
def test_the_first_line_decides_where_no_interpreter_is_named(cluster, first_line, image):
    outcome = assert_succeeded(cluster.api.run(f'{first_line}\necho "$0 $# $1"', image=image, args=["one word"]))

    assert outcome.stdout == b"/run/cronium/job/script 1 one word\n"


def test_a_script_that_sources_the_helper_file_passes_in_bash_and_in_sh(cluster):
    for interpreter in ("bash", "sh"):
        script = ". /usr/local/bin/cronium.sh && cronium_set_variable shells/{0} yes && cronium_get_variable shells/{0}"
        outcome = assert_succeeded(cluster.api.run(script.format(interpreter), image="cronium/test-debian",
                                                   interpreter=[interpreter]))
        assert outcome.stdout == b"yes\n"


@pytest.mark.parametrize("value", ["false", "0", '""', "null", "01234", "9007199254740993", '{"z": 1, "a": [1.10, -0]}',
                                   "two  words", "ünïcode ✓", "-n"])
def test_a_value_comes_back_as_it_was_set(cluster, value):
    script = 'cronium_set_variable shells/value "$1" && cronium_get_variable shells/value'

    outcome = assert_succeeded(cluster.api.run(script, args=[value]))

    shown = {'""': "", "null": "null"}.get(value, value)
    assert outcome.stdout.decode() == f"{shown}\n"
