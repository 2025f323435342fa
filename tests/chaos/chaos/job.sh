#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A job of the chaos suite: job.sh NUMBER LINES BURST PAUSE EXIT_CODE STUBBORN
# Holds its lock for its whole life, writes its lines in bursts, and ends with its own exit code.
number=$1 lines=$2 burst=$3 pause=$4 code=$5 stubborn=$6
witness=/opt/cronium/witness

# One write of less than PIPE_BUF: never mixed with another's.
say() { echo "$1 $number $CRONIUM_EXECUTION_ID $CRONIUM_NODE" >"$witness/events"; }

exec 9<"$witness/lock-$number"
if ! flock -n 9; then
  say VIOLATION
  exit 97
fi
say BEGIN
# Through gateway and controller, whichever of them is away. What was answered must be there in the end.
if cronium_set_variable "chaos/$number" "$CRONIUM_ATTEMPT" 2>/dev/null; then say WROTE; fi
# Such a job is only ended by KILL, after its stop grace.
if [ "$stubborn" = yes ]; then trap '' TERM; fi

line=0
while [ "$line" -lt "$lines" ]; do
  line=$((line + 1))
  echo "job $number line $line"
  if [ $((line % burst)) -eq 0 ]; then
    echo "job $number burst $((line / burst))" >&2
    sleep "$pause"
  fi
done
say END
exit "$code"
