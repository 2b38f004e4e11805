"""The addresses of a sandbox with a real node: each such sandbox has ranges of its own."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from allup.errors import ClusterError

# Sixteen of each: Services in 10.96/16 to 10.111/16 as kubeadm has them, pods in 10.224/16 to 10.239/16.
PLACES = range(16)


@dataclass(frozen=True)
class Addresses:
    """All addresses of the sandbox at *place*."""

    place: int

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
        return f"10.{224 + self.place}.0.0/24"

    @property
    def host(self) -> str:
        """The machine's end of the link, where the API server listens."""
        return f"10.{224 + self.place}.255.1"

    @property
    def node(self) -> str:
        """The node's end of the link."""
        return f"10.{224 + self.place}.255.2"

    @property
    def ranges(self) -> tuple[str, ...]:
        """Everything that a route of the machine leads into."""
        return (self.services, f"10.{224 + self.place}.0.0/16")

    def are_free(self, routes: Iterable[str]) -> bool:
        """Whether none of *routes* (CIDR notation) leads into them; a default route does not count."""
        used = [ipaddress.ip_network(route, strict=False) for route in routes]
        ranges = [ipaddress.ip_network(given) for given in self.ranges]
        return not any(
            route.version == 4 and route.prefixlen and route.overlaps(ours)
            for route in used
            for ours in ranges
        )


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
