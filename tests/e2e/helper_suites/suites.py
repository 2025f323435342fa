# SPDX-License-Identifier: Apache-2.0
"""The suites, where they are run, and what is in the store afterwards."""

import json
import pathlib

_FOLDER = pathlib.Path(__file__).parent

INPUT = '{"who":"Ada","n":[1,null]}'
OUTPUT = {"suite": "done", "n": [0, False, ""]}

# Suite, image, interpreter. The test images hold that program and nothing else.
PLACES = [
    ("suite.sh", "cronium/bash", ["bash"]),
    ("suite.sh", "cronium/bash", ["sh"]),
    ("suite.sh", "cronium/test-debian", ["sh"]),
    ("suite.sh", "cronium/test-busybox", ["sh"]),
    ("suite.py", "cronium/python", ["python3"]),
    ("suite.py", "cronium/test-python", ["python3"]),
    ("suite.js", "cronium/node", ["node"]),
    ("suite.js", "cronium/test-node", ["node"]),
]

# How often each suite goes through all functions: each time below the prefix, and this.
_ROUNDS = {"suite.sh": [""], "suite.py": ["", "/object", "/async"], "suite.js": ["", "/object"]}

_LEFT = {
    "text": "two  words ✓", "object": [("z", 1), ("a", [True, None, "x"])], "big": 9007199254740993, "false": False, "zero": 0,
    "empty": "", "null": None, "zip": "01234", "a b?c%2F/ü": "odd", "count": 42, "ratio": 0.75, "list": "a,bc"}
# What was deleted, was never there, or was refused.
_ABSENT = ["deleted", "unset", "nan"]


def script(suite):
    return (_FOLDER / suite).read_text(encoding="utf-8")


def variables(suite, prefix):
    """Key and value of each variable that the suite leaves behind, with None for those that must not be there."""
    for below in _ROUNDS[suite]:
        yield from ((f"{prefix}{below}/{name}", (value,)) for name, value in _LEFT.items())
        yield from ((f"{prefix}{below}/{name}", None) for name in _ABSENT)


def parse(text):
    """A variable's JSON text as `variables` has it: objects as pairs, so that their order counts."""
    return None if text is None else (json.loads(text, object_pairs_hook=list),)
