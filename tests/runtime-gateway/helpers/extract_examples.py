#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes the examples out of docs/scripting.md, so that they can be run.

  extract_examples.py [PAGE]            lists them
  extract_examples.py [PAGE] --json     prints them, as a JSON list of objects
  extract_examples.py [PAGE] --to DIR   writes each to DIR/NAME.sh, .py, .js or .mjs, and the list to DIR/examples.json

An example is a code block whose info string is `LANGUAGE test`, where js is a script of Node.js and mjs an ES module. What it
needs, and what comes of it, is in the comment before, for all blocks that follow until the next such comment:

  <!-- example NAME { ...JSON... } -->

  input      the job's input; null if left out
  variables  what is set before
  needs      programs that the example takes for granted
  prints     all that it prints to stdout, but for the newline at the end. $NAME stands for that variable of the job's
             environment
  then       what is to be seen afterwards: `output` and `condition`; `variables`, which have these values; `absent`, keys
             that are not set; `actions`, all tool actions that were asked for, in order

What is left out of `then` is not looked at. Every example exits with 0.
"""

import argparse
import collections
import json
import pathlib
import re
import sys

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs/scripting.md"
SUFFIXES = {"bash": ".sh", "python": ".py", "js": ".js", "mjs": ".mjs"}
FIELDS = {"input", "variables", "needs", "prints", "then"}
THEN = {"output", "condition", "variables", "absent", "actions"}

Example = collections.namedtuple("Example", "name language line code input variables needs prints then")


class BadPage(Exception):
    """The page is not as described above."""


def extract(page=PAGE):
    """The examples of a page, in its order."""
    page = pathlib.Path(page)
    text = page.read_text(encoding="utf-8")
    pattern = re.compile(
        r"^<!-- example (?P<name>\S+) (?P<about>\{.*?\})\s*-->$"
        r"|^```(?P<language>\S+) test *\n(?P<code>.*?)^```$"
        r"|^```.*?^```$",
        re.M | re.S,
    )
    examples, about, name = [], None, None
    for found in pattern.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        if found["name"]:
            name, about = found["name"], parse_about(found["about"], f"{page}:{line}")
        elif found["language"]:
            if about is None:
                raise BadPage(f"{page}:{line}: no <!-- example --> is before this block")
            if found["language"] not in SUFFIXES:
                raise BadPage(f"{page}:{line}: the language is none of {', '.join(SUFFIXES)}")
            examples.append(Example(name, found["language"], line, found["code"], **about))
    names = [(example.name, example.language) for example in examples]
    for twice in {pair for pair in names if names.count(pair) > 1}:
        raise BadPage(f"{page}: there are two examples '{twice[0]}' in {twice[1]}")
    marked = len(re.findall(r"^```\S+ test", text, re.M))
    if marked != len(examples) or not examples:
        raise BadPage(f"{page}: {marked} blocks are marked as tests, and {len(examples)} were understood")
    return examples


def parse_about(text, where):
    try:
        about = json.loads(text)
    except ValueError as error:
        raise BadPage(f"{where}: what follows the example's name is no JSON: {error}") from None
    unknown = (set(about) - FIELDS) | (set(about.get("then", {})) - THEN)
    if unknown:
        raise BadPage(f"{where}: there is no field {', '.join(sorted(unknown))}")
    empty = {"input": None, "variables": {}, "needs": [], "prints": "", "then": {}}
    return {**empty, **about}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("page", nargs="?", default=PAGE)
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--to", type=pathlib.Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    try:
        examples = extract(args.page)
    except (BadPage, OSError) as error:
        sys.exit(f"extract_examples: {error}")
    listed = json.dumps([example._asdict() for example in examples], indent=2, ensure_ascii=False)
    if args.to:
        args.to.mkdir(parents=True, exist_ok=True)
        for example in examples:
            (args.to / (example.name + SUFFIXES[example.language])).write_text(example.code, encoding="utf-8")
        (args.to / "examples.json").write_text(listed + "\n", encoding="utf-8")
    elif args.json:
        print(listed)
    else:
        for example in examples:
            print(f"{example.line:5}  {example.language:7} {example.name}")


if __name__ == "__main__":
    main()
