#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A first job: reads its input, prints for a few seconds, counts its runs in a variable, and sets its output.
#
#   cronium run --input '{"name": "you"}' docs/examples/hello.sh
set -euo pipefail

name=$(cronium_input | sed -n 's/.*"name": *"\([^"]*\)".*/\1/p')
echo "Hello ${name:-world}, from job $CRONIUM_JOB_ID on node $CRONIUM_NODE, as $(id -un)"

for i in 1 2 3 4; do
  echo "line $i of 4, written at $(date +%T)"
  sleep 1
done
echo 'this one goes to stderr' >&2

# Variables are shared by all jobs of a namespace, and outlive them. One that was never set is empty.
runs=$(cronium_get_variable hello/runs)
cronium_set_variable hello/runs $((${runs:-0} + 1))
echo "the variable hello/runs is now $(cronium_get_variable hello/runs)"

cronium_output "{\"greeted\": \"${name:-world}\", \"runs\": $(cronium_get_variable hello/runs)}"
