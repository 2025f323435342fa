# SPDX-License-Identifier: Apache-2.0
"""What the processes' logs may say at level error while things are broken around them. Anything else is a defect."""

import collections
import re

# Of a full disk. All of them say what waits, and end by themselves.
_EXPECTED = (
    "cannot spool a job's output; the job waits",
    "cannot start",
    "cannot sweep idempotency records",
    "disk full: no jobs are taken or placed, and no logs stored",
    "journal cannot be written",
    "lease cannot be ended",
    "lease cannot be renewed",
    "log cannot be written",
    "logs cannot be stored; nothing is acknowledged until they can",
    "no jobs are taken",
    "store cannot commit; nothing is acknowledged until it can",
)
# TIME LEVEL MESSAGE KEY=VALUE...
_ERROR = re.compile(r"^\S+Z error (.*?)(?: \w+=.*)?$", re.M)
# What a process says that does not end by a rule of ours.
_DEATH = re.compile(r"terminate called|Assertion|Check failed|Sanitizer|stack smashing|double free|corrupt|pure virtual")


def unexpected(log_texts):
    """log_texts: by process. What is found, a sentence each."""
    counts = collections.Counter()
    for name, text in log_texts.items():
        for message in _ERROR.findall(text):
            if message not in _EXPECTED:
                counts[name, message] += 1
        for line in text.splitlines():
            if _DEATH.search(line):
                counts[name, line] += 1
    return [f"{count} times in the log of the {name}: {line}" for (name, line), count in counts.items()]
