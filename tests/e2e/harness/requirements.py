# SPDX-License-Identifier: Apache-2.0
"""What the tests need of the machine. What is missing is a reason to skip, in words that say what to do."""

import os
import shutil
import subprocess

from harness import engine, settings


def missing():
    """The first thing that is missing for any of these tests; empty where nothing is."""
    if os.geteuid() != 0:
        return "needs root: for network namespaces and the engine's socket"
    for tool in ("ip", "nsenter", "setpriv", "docker", "openssl", "sqlite3", "protoc"):
        if shutil.which(tool) is None:
            return f"needs {tool}: run tools/setup"
    if subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode != 0:
        return "needs network namespaces, and this machine allows none"
    if not engine.answers():
        return f"needs a container engine that answers on {settings.ENGINE_SOCKET}: run tools/setup"
    for image in ("cronium/bash", "cronium/python", "cronium/node", "cronium/test-busybox", "cronium/test-debian",
                  "cronium/test-python", "cronium/test-node"):
        if not engine.has_image(image):
            return f"needs the image {image}: run tools/build-images --test"
    return ""
