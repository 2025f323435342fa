# SPDX-License-Identifier: Apache-2.0
"""What the environment tells the tests, and the names that belong to this run of them."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]


def _newest_prefix():
    """For a run by hand: the newest folder that the ctest entry e2e.install made."""
    found = sorted(ROOT.glob("build/*/e2e-install"), key=lambda p: p.stat().st_mtime)
    return found[-1] if found else ROOT / "build/release/e2e-install"


# Folder that `cmake --install` filled.
PREFIX = pathlib.Path(os.environ.get("CRONIUM_E2E_PREFIX") or _newest_prefix())
# Where the logs of all processes are kept, a folder for each test file.
LOGS = pathlib.Path(os.environ.get("CRONIUM_E2E_LOGS") or PREFIX.parent / "e2e-logs")
# All deadlines are multiplied by this: sanitizers make everything slower.
SLOWNESS = float(os.environ.get("CRONIUM_E2E_SLOWNESS") or 1)
# Memory is not judged under a sanitizer, which keeps freed memory back.
SANITIZED = bool(os.environ.get("CRONIUM_E2E_SANITIZED"))

# Everything that a run makes outside of its folder carries this name, so that a later run can tell whose it is.
RUN_NAME = "cronium-e2e"
RUN = f"{RUN_NAME}-{os.getpid()}"

ENGINE_SOCKET = "/var/run/docker.sock"


def program(name):
    return str(PREFIX / "bin" / name)


def environment(**more):
    """Ours without the settings of a cluster that the person may have."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("CRONIUM_")}
    clean.update(more)
    return clean
