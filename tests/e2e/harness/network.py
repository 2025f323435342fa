# SPDX-License-Identifier: Apache-2.0
"""A network private to one cluster: a bridge on this machine, and hosts that are network namespaces joined to it.

The controller listens on the bridge's address; each node has a namespace with an address of its own, as another host.
"""

import fcntl
import os
import pathlib
import subprocess

from harness import settings

_LOCKS = pathlib.Path("/run/cronium-e2e")
# Of the range for tests between networks (RFC 2544): on no real network, so it collides with none.
_SUBNETS = [f"198.19.{n}" for n in range(256)]
# Interface names have at most 15 characters, a process id at most 7.
LINK = f"ce{os.getpid()}"


def ip(*args):
    done = subprocess.run(["ip", *args], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


class Host:
    """A network namespace with one address."""

    def __init__(self, name, namespace, address):
        self.name = name
        self.namespace = namespace
        self.address = address

    def enter(self, argv):
        """The command that runs argv in here, as the same process."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", *argv]


class Network:
    _made = 0

    def __init__(self):
        self._lock, self._subnet = _claim_subnet()
        self.number = Network._made
        Network._made += 1
        self._bridge = f"{LINK}b{self.number}"
        self._namespaces = []
        self.address = f"{self._subnet}.1"
        try:
            ip("link", "add", self._bridge, "type", "bridge")
            ip("address", "add", f"{self.address}/24", "dev", self._bridge)
            ip("link", "set", self._bridge, "up")
        except RuntimeError:
            self.close()
            raise

    def add_host(self, name):
        number = len(self._namespaces) + 1
        namespace = f"{settings.RUN}-{self.number}-{number}"
        link = f"{LINK}v{self.number}.{number}"
        address = f"{self._subnet}.{10 + number}"
        ip("netns", "add", namespace)
        self._namespaces.append(namespace)
        self.plug(namespace, link)
        ip("link", "set", link, "master", self._bridge, "up")
        ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
        ip("-n", namespace, "link", "set", "eth0", "up")
        ip("-n", namespace, "link", "set", "lo", "up")
        return Host(name, namespace, address)

    def plug(self, namespace, link):
        """Makes the cable between the bridge, where it is `link`, and the namespace, where it is eth0."""
        ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace)

    def close(self):
        for namespace in self._namespaces:
            _try_ip("netns", "delete", namespace)
        _try_ip("link", "delete", self._bridge)
        self._lock.close()


def _claim_subnet():
    """A subnet that no other run has. The lock on its file ends with this process."""
    _LOCKS.mkdir(exist_ok=True)
    for subnet in _SUBNETS:
        lock = open(_LOCKS / subnet, "w", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock, subnet
        except BlockingIOError:
            lock.close()
    raise RuntimeError(f"all {len(_SUBNETS)} test networks are in use")


def _try_ip(*args):
    subprocess.run(["ip", *args], capture_output=True)
