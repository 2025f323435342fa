# SPDX-License-Identifier: Apache-2.0
"""What the suite needs of the machine, beyond what end-to-end tests need."""

import os
import shutil
import subprocess


def missing():
    """The first thing that is missing; empty where nothing is."""
    if os.geteuid() != 0:
        return "needs root: for network namespaces and an engine of its own"
    for tool in ("ip", "nsenter", "setpriv", "docker", "dockerd", "containerd", "protoc", "busybox", "flock", "ldd"):
        if shutil.which(tool) is None:
            return f"needs {tool}: run tools/setup"
    if subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode != 0:
        return "needs network namespaces, and this machine allows none"
    if not os.path.exists("/dev/net/tun"):
        return "needs /dev/net/tun, and this machine has none"
    return ""
