"""The addresses of a sandbox with real nodes: each such sandbox has ranges of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from allup.errors import ClusterError

# Sixteen of each: Services in 10.96/16 to 10.111/16 as kubeadm has them, pods in 10.224/16 to 10.239/16.
PLACES = range(16)


@dataclass(frozen=True)
class Addresses:
    """All addresses of node *number* (from 1) of the *workers* that the sandbox at *place* has.

    The machine is linked with the first node, and the first node with each other one, so that nothing has to
    be forwarded by the machine.
    """

    place: int
    workers: int = 1
    number: int = 1

    def of(self, number: int) -> Addresses:
        """Those of another node of the same sandbox."""
        return replace(self, number=number)

    @property
    def every_number(self) -> range:
        """The numbers of the sandbox's nodes."""
        return range(1, self.workers + 1)

    @property
    def services(self) -> str:
        """The range of ClusterIPs, in CIDR notation."""
        return f"10.{96 + self.place}.0.0/16"

    @property
    def kubernetes(self) -> str:
        """The ClusterIP of the API server."""
        return f"10.{96 + self.place}.0.1"

    @property
    def dns(self) -> str:
        """The ClusterIP of the cluster's name server."""
        return f"10.{96 + self.place}.0.10"

    @property
    def pods(self) -> str:
        """The range of the node's pods, in CIDR notation."""
        return f"10.{224 + self.place}.{self.number - 1}.0/24"

    @property
    def all_pods(self) -> str:
        """The range of every node's pods."""
        return self.pods if self.workers == 1 else f"10.{224 + self.place}.0.0/22"

    @property
    def host(self) -> str:
        """The machine's end of its link to the first node, where the API server listens."""
        return self.of(1).gateway

    @property
    def gateway(self) -> str:
        """The other end of the node's link: the machine for the first node, the first node for others."""
        return self._of_link(1)

    @property
    def node(self) -> str:
        """The node's end of its link."""
        return self._of_link(2)

    @property
    def link(self) -> str:
        """The range of the node's link, which holds both ends."""
        return f"{self._of_link(0)}/30"

    @property
    def ranges(self) -> tuple[str, ...]:
        """Everything that a route of the machine leads into."""
        return (self.services, f"10.{224 + self.place}.0.0/16")

    def are_free(self, routes: Iterable[str]) -> bool:
        """Whether none of *routes* (CIDR notation) leads into them; a default route does not count."""
        import ipaddress

        used = [ipaddress.ip_network(route, strict=False) for route in routes]
        ranges = [ipaddress.ip_network(given) for given in self.ranges]
        return not any(
            route.version == 4 and route.prefixlen and route.overlaps(ours)
            for route in used
            for ours in ranges
        )

    def _of_link(self, offset: int) -> str:
        return f"10.{224 + self.place}.255.{4 * (self.number - 1) + offset}"


def free_place(routes: Iterable[str], taken: Iterable[int]) -> Addresses:
    """The first place that no other sandbox has and no route of this machine (CIDR notation) leads into.

    ClusterError if there is none.
    """
    used, away = list(routes), set(taken)
    for place in PLACES:
        if place not in away and Addresses(place).are_free(used):
            return Addresses(place)
    raise ClusterError(
        "the real node",
        "this machine has a route into every range of addresses that a sandbox could use (10.96.0.0/16 to "
        "10.111.0.0/16 with 10.224.0.0/16 to 10.239.0.0/16)",
        next_step="Delete a sandbox that has a real node (inv cluster.list), or a route (ip route)",
    )
