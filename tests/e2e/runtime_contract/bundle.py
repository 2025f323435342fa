# SPDX-License-Identifier: Apache-2.0
"""This package as one script, so that it can be a job's."""

import pathlib

_LOADER = '''import os, pathlib, runpy, sys
folder = pathlib.Path("/tmp/contract/runtime_contract")
folder.mkdir(parents=True)
for name, text in {sources}.items():
    (folder / name).write_text(text, encoding="utf-8")
sys.path.insert(0, str(folder.parent))
sys.dont_write_bytecode = True
sys.argv = ["runtime_contract", *map(os.path.expandvars, sys.argv[1:])]
runpy.run_module("runtime_contract", run_name="__main__", alter_sys=True)
'''


def script():
    """The text of a Python script that takes the arguments of `python3 -m runtime_contract`; $NAME in one is the job's variable."""
    sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(pathlib.Path(__file__).parent.glob("*.py"))}
    return _LOADER.format(sources=repr(sources))
