# SPDX-License-Identifier: Apache-2.0
"""Runs the examples of docs/scripting.md, of the language named by CRONIUM_TEST_LANGUAGE or of all."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "python")]

from contract_api import ContractApi
from extract_examples import SUFFIXES, BadPage, extract

INJECT = pathlib.Path(os.environ["CRONIUM_INJECT_DIR"])
INTERPRETERS = {
    "bash": ["bash", "-eu"],
    "python": [sys.executable, "-B"],
    "js": ["node"],
    "mjs": ["node"],
}


def environment(api):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CRONIUM_", "PYTHON", "NODE"))}
    return dict(
        kept,
        PATH="{}:{}".format(INJECT / "bin", os.environ["PATH"]),
        PYTHONPATH=str(INJECT / "lib/python"),
        NODE_PATH=str(INJECT / "lib/node/node_modules"),
        CRONIUM_RETRY_FOR="0",
        **api.environ,
    )


class Examples(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.api = ContractApi()
        self.addCleanup(self.api.close)

    def run_example(self, example):
        missing = [name for name in example.needs if shutil.which(name) is None]
        if missing:
            self.skipTest("there is no " + ", ".join(missing))
        self.api.input = example.input
        self.api.variables = dict(example.variables)
        script = self.folder / ("script" + SUFFIXES[example.language])
        script.write_text(example.code, encoding="utf-8")
        # An ES module does not look into NODE_PATH: in a job this lies beside the script.
        (self.folder / "node_modules").symlink_to(INJECT / "lib/node/node_modules")
        environ = environment(self.api)
        done = subprocess.run(
            INTERPRETERS[example.language] + [str(script)],
            env=environ,
            cwd=self.folder,
            timeout=60,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )
        expected = re.sub(r"\$(\w+)", lambda found: environ[found[1]], example.prints)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.rstrip("\n"), expected)
        self.check_state(example.then)

    def check_state(self, then):
        for name in ("output", "condition", "actions"):
            if name in then:
                self.assertEqual(getattr(self.api, name), then[name], name)
        for key, value in then.get("variables", {}).items():
            self.assertEqual(self.api.variables.get(key, "not set"), value, key)
        for key in then.get("absent", []):
            self.assertNotIn(key, self.api.variables)


def add_tests():
    languages = os.environ.get("CRONIUM_TEST_LANGUAGE", " ".join(INTERPRETERS)).split()
    for example in extract():
        if example.language not in languages:
            continue
        name = "test_{}_in_{}_line_{}".format(example.name, example.language, example.line)
        setattr(Examples, name, lambda self, example=example: self.run_example(example))


class Page(unittest.TestCase):
    def test_has_an_example_in_each_language_for_every_function(self):
        import cronium

        code = {}
        for example in extract():
            code[example.language] = code.get(example.language, "") + example.code
        names = [name for name in cronium.__all__ if name[0].islower() and name != "cronium"]
        commands = [path.name for path in (INJECT / "bin").glob("cronium_*")]
        self.assertGreater(min(len(names), len(commands)), 12)
        for command in commands:
            self.assertRegex(code["bash"], r"\b{}\b".format(command))
        for name in names:
            camel = re.sub(r"_(\w)", lambda found: found[1].upper(), name)
            self.assertRegex(code["python"], r"\bcronium\.{}\(".format(name))
            self.assertRegex(code["js"], r"\bcronium\.{}\(".format(camel))

    def page(self, text):
        handle, path = tempfile.mkstemp()
        self.addCleanup(os.unlink, path)
        with os.fdopen(handle, "w") as page:
            page.write(text)
        return path

    def test_that_is_wrong_is_refused_with_its_line(self):
        block = "```bash test\ntrue\n```\n"
        for text, complaint in (
            (block, ":1: no <!-- example --> is before"),
            ("<!-- example a {} -->\n```ruby test\n```\n", ":2: the language is none of"),
            ("\n<!-- example a {,} -->\n" + block, ":2: .* no JSON"),
            ('<!-- example a {"print": 1} -->\n' + block, ":1: there is no field print"),
            ('<!-- example a {"then": {"x": 1}} -->\n' + block, ":1: there is no field x"),
            ("<!-- example a {} -->\n" + block + block, "two examples 'a' in bash"),
            (
                "<!-- example a {} -->\n" + block + "```bash test\nnot closed\n",
                "2 blocks are marked",
            ),
            ("nothing\n", "0 blocks are marked"),
        ):
            with self.assertRaisesRegex(BadPage, complaint):
                extract(self.page(text))

    def test_may_have_blocks_that_are_no_tests(self):
        page = self.page("<!-- example a {} -->\n```bash\nno\n```\n```bash test\nyes\n```\n")
        self.assertEqual([example.code for example in extract(page)], ["yes\n"])


add_tests()

if __name__ == "__main__":
    unittest.main()
