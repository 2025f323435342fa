# SPDX-License-Identifier: Apache-2.0
"""The harness's network with cables that can be cut and slowed."""

from chaos.cable import Cable
from harness.network import LINK, Network, ip


class FaultyNetwork(Network):
    """`cables[n]` is that of the host that was added as the n-th."""

    def __init__(self, seed):
        self.cables = []
        self._seed = seed
        super().__init__()

    def plug(self, namespace, link):
        number = len(self.cables)
        # A name of its own until it is in the host's namespace, where every host has an eth0.
        inner = f"{LINK}t{self.number}.{number}"
        self.cables.append(Cable(link, inner, self._seed + number))
        ip("link", "set", inner, "netns", namespace, "name", "eth0")

    def close(self):
        for cable in self.cables:
            cable.close()
        super().close()
