"""The links between the machine and its nodes: veth pairs, and routes that lead to pods and Services."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from allup.errors import ClusterError
from allup.sandbox.node.addresses import Addresses

PREFIX = "allup-"
WITHIN = "eth0"


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
    """Link the machine with the first node, whose process 1 is *init*; *enter* runs a command in the node.

    The routes belong to the link: they go when it goes, and it goes when the namespaces go.
    """
    _batch(
        [],
        f"link add {name} type veth peer name {WITHIN} netns {init}",
        f"address add {addresses.host}/30 dev {name}",
        f"link set {name} up",
    )
    _batch(enter, *_inside(addresses), *([_no_loop(addresses.all_pods)] if addresses.workers > 1 else []))
    others = [addresses.of(number).link for number in addresses.every_number if number > 1]
    _batch(
        [],
        *(
            f"route add {leads} via {addresses.node} dev {name} src {addresses.host}"
            for leads in (addresses.all_pods, *others, addresses.services)
        ),
    )


def join(
    first: int, init: int, addresses: Addresses, enter_first: Sequence[str], enter: Sequence[str]
) -> None:
    """Link the first node (process 1: *first*) with another (*init*), which has *addresses*.

    Both ends are made where they stay; the machine itself never has either.
    """
    name = f"node-{addresses.number}"
    if has_link(first, name):  # the kernel has not yet taken away what an earlier one left
        _batch(enter_first, f"link delete {name}")
    _batch([], f"link add {name} netns {first} type veth peer name {WITHIN} netns {init}")
    _batch(enter, *_inside(addresses), _no_loop(addresses.pods))
    _batch(
        enter_first,
        f"address add {addresses.gateway}/30 dev {name}",
        f"link set {name} up",
        f"route add {addresses.pods} via {addresses.node} dev {name}",
    )


def has_link(init: int, name: str) -> bool:
    """Whether the node whose process 1 is *init* has a link called *name*."""
    try:
        lines = Path(f"/proc/{init}/net/dev").read_text().splitlines()
    except OSError:
        return False
    return any(line.strip().startswith(f"{name}:") for line in lines)


def _inside(addresses: Addresses) -> list[str]:
    return [
        "link set lo up",
        f"address add {addresses.node}/30 dev {WITHIN}",
        f"link set {WITHIN} up",
        f"route add default via {addresses.gateway}",
    ]


def _no_loop(pods: str) -> str:
    """Each pod has a route of its own; what is for none of them must not go round between the nodes."""
    return f"route add unreachable {pods}"


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
