#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every rule of docs/protocol.md is carried out, and counted, somewhere, and every rule that is counted is in docs/protocol.md.
#
#   tests/sim/check_rules.sh SOURCE_FOLDER
set -euo pipefail
cd "$1"

documented=$(grep -oE '^\| P[0-9]+ |\| P[0-9]+ ' docs/protocol.md | grep -oE '[0-9]+' | sort -nu)
counted=$(grep -rhoE --include='*.cc' --include='*.h' 'RuleApplied\([0-9]+\)' agent common controller tests/sim | grep -oE '[0-9]+' | sort -nu)
if ! diff <(echo "$documented") <(echo "$counted"); then
  echo 'check_rules: < rules of docs/protocol.md, > rules that code counts (RuleApplied)' >&2
  exit 1
fi
echo "$(wc -l <<< "$documented") rules"
