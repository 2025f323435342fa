# SPDX-License-Identifier: Apache-2.0
"""The machine's container engine, as an outsider sees it.

It is shared: only containers of our own clusters are touched.
"""

import json
import subprocess

_CLUSTER = "cronium.cluster"
_EXECUTION = "cronium.execution"


def docker(*args):
    done = subprocess.run(["docker", *args], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"docker {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


def answers():
    return subprocess.run(["docker", "version"], capture_output=True).returncode == 0


def has_image(name):
    return subprocess.run(["docker", "image", "inspect", name], capture_output=True).returncode == 0


def containers_of_cluster(cluster):
    return docker("ps", "--all", "--quiet", "--no-trunc",
                  "--filter", f"label={_CLUSTER}={cluster}").split()


def containers_of_execution(execution_id):
    """Its containers in every state: by label, and by the name, which is the execution's id."""
    found = docker("ps", "--all", "--quiet", "--filter", f"label={_EXECUTION}={execution_id}").split()
    return found + docker("ps", "--all", "--quiet", "--filter", f"name=^/?{execution_id}$").split()


def inspect(name):
    return json.loads(docker("inspect", name))[0]


def bridge_address():
    """The host's own address on the engine's default bridge."""
    name = docker("network", "inspect", "bridge", "--format", '{{index .Options "com.docker.network.bridge.name"}}')
    shown = subprocess.run(["ip", "-json", "-4", "address", "show", "dev", name.strip()], capture_output=True, check=True)
    return json.loads(shown.stdout)[0]["addr_info"][0]["local"]


def clusters():
    """Names of the clusters that containers on this engine belong to."""
    return set(docker("ps", "--all", "--filter", f"label={_CLUSTER}",
                      "--format", f'{{{{.Label "{_CLUSTER}"}}}}').split())


def remove_containers_of_cluster(cluster):
    ids = containers_of_cluster(cluster)
    if ids:
        subprocess.run(["docker", "rm", "--force", "--volumes", *ids], capture_output=True)
