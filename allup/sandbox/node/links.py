"""The link between the machine and the node: a veth pair, and routes that lead to pods and Services."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence

from allup.errors import ClusterError
from allup.sandbox.node.addresses import Addresses

PREFIX = "allup-"
_WITHIN = "eth0"


def routes() -> list[str]:
    """Where this machine's routes lead, in CIDR notation, the default route left out."""
    found = json.loads(_ip("-json", "route", "show", "table", "all") or "[]")
    written = [str(route.get("dst", "")) for route in found]
    return [dst for dst in written if dst[:1].isdigit()]


def exists(name: str) -> bool:
    """Whether the machine has a link called *name*."""
    return name in _names()


def any_of_ours() -> bool:
    """Whether any real node of this machine is linked."""
    return any(name.startswith(PREFIX) for name in _names())


def _names() -> list[str]:
    return [str(link["ifname"]) for link in json.loads(_ip("-json", "link", "show") or "[]")]


def make(name: str, init: int, addresses: Addresses, enter: Sequence[str]) -> None:
    """Link the machine with the namespaces of process *init*; *enter* runs a command in them.

    The routes belong to the link: they go when it goes, and it goes when the namespaces go.
    """
    _batch(
        [],
        f"link add {name} type veth peer name {_WITHIN} netns {init}",
        f"address add {addresses.host}/30 dev {name}",
        f"link set {name} up",
    )
    _batch(
        enter,
        "link set lo up",
        f"address add {addresses.node}/30 dev {_WITHIN}",
        f"link set {_WITHIN} up",
        f"route add default via {addresses.host}",
    )
    _batch(
        [],
        f"route add {addresses.pods} via {addresses.node} dev {name} src {addresses.host}",
        f"route add {addresses.services} via {addresses.node} dev {name} src {addresses.host}",
    )


def remove(name: str) -> None:
    """Remove the link, and the routes with it; none being there is fine."""
    if exists(name):
        try:
            _ip("link", "delete", name)
        except ClusterError:
            if exists(name):  # and did not just go with its namespace
                raise


def _batch(enter: Sequence[str], *lines: str) -> None:
    _run([*enter, "ip", "-batch", "-"], "\n".join(lines) + "\n")


def _ip(*arguments: str) -> str:
    return _run(["ip", *arguments], "")


def _run(command: Sequence[str], written: str) -> str:
    done = subprocess.run(command, input=written, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(
            "the real node's network",
            "the link to it cannot be made or looked at",
            evidence=done.stderr.strip()[-400:],
            next_step="Run inv cluster.doctor",
        )
    return done.stdout
