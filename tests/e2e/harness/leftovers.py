# SPDX-License-Identifier: Apache-2.0
"""Removes what test runs left behind that ended without their own cleaning up: killed, or the machine stopped."""

import os
import pathlib
import re
import shutil
import tempfile

from harness import engine, network, settings, small_disk

_OURS = re.compile(rf"{settings.RUN_NAME}-(\d+)-")
_LINKS = re.compile(r"^\d+: (ce(\d+)[bv][0-9.]+)", re.M)


def _is_dead(pid):
    return not os.path.exists(f"/proc/{pid}")


def _of_dead_runs(names):
    for name in names:
        match = _OURS.match(name)
        if match and _is_dead(match.group(1)):
            yield name


def sweep():
    for cluster in _of_dead_runs(engine.clusters()):
        engine.remove_containers_of_cluster(cluster)
    namespaces = pathlib.Path("/run/netns")
    if namespaces.exists():
        for name in _of_dead_runs(p.name for p in namespaces.iterdir()):
            _quietly(network.ip, "netns", "delete", name)
    for link, pid in _LINKS.findall(network.ip("-o", "link", "show")):
        if _is_dead(pid):
            _quietly(network.ip, "link", "delete", link)
    folder = pathlib.Path(tempfile.gettempdir())
    for name in _of_dead_runs(p.name for p in folder.iterdir()):
        small_disk.unmount_below(folder / name)
        shutil.rmtree(folder / name, ignore_errors=True)


def _quietly(function, *args):
    # Another run that starts now may sweep the same.
    try:
        function(*args)
    except RuntimeError:
        pass
