# SPDX-License-Identifier: Apache-2.0
"""A small image with a shell and flock, made from what the machine has: quick to give to an engine."""

import io
import os
import re
import shutil
import subprocess
import tarfile

NAME = "cronium/chaos"


def archive():
    """The image's files, as `docker import` takes them."""
    busybox, flock = _program("busybox"), _program("flock")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    # NAME => PATH (ADDRESS), or PATH (ADDRESS) for the loader.
    loaded = re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", flock], capture_output=True, text=True, check=True).stdout)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        _add(tar, busybox, "bin/busybox")
        _add(tar, flock, "bin/flock")
        for path in loaded:
            _add(tar, path, path.lstrip("/"))
        for applet in set(applets) - {"busybox", "flock"}:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return made.getvalue()


def _program(name):
    found = shutil.which(name)
    assert found, f"needs {name}: run tools/setup"
    return found


def _add(tar, path, name):
    info = tar.gettarinfo(os.path.realpath(path), name)
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    with open(path, "rb") as file:
        tar.addfile(info, file)
