"""Ports of this machine for the tunnels: the wanted one, or any free one where nobody minds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from allup.errors import InputError
from allup.remote.record import Forward, Purpose
from allup.sandbox.ports import LOOPBACK, choose

Owner = Callable[[int], str]
"""Who listens on a port of this machine, ``""`` when it cannot be known; see allup.daily.portowners."""


@dataclass(frozen=True)
class PortWish:
    """A tunnel that is wanted: *local* is the port here, None for any."""

    purpose: Purpose
    target: str
    local: int | None = None
    flag: str = ""


def node_port(text: str) -> tuple[int, int]:
    """``LOCAL:PORT`` or ``PORT`` (the same here) as two numbers. Raises InputError."""
    local, colon, remote = text.partition(":")
    words = (local, remote) if colon else (local, local)
    if not all(word.isascii() and word.isdigit() and 0 < int(word) < 65536 for word in words):
        raise InputError("--node-port", f"{text!r} is not understood", next_step="Write PORT or LOCAL:PORT")
    return int(words[0]), int(words[1])


def settle(
    wishes: Sequence[PortWish], kept: Sequence[Forward], is_free: Callable[[int], bool], owner: Owner
) -> tuple[Forward, ...]:
    """A forward for each wish; one of *kept* that leads to the same place keeps its port, if that is the
    wanted one. Raises InputError for a wanted port that is taken, naming who has it."""
    found: list[Forward] = []
    for number, wish in enumerate(wishes):
        before = next((f for f in kept if (f.purpose, f.target) == (wish.purpose, wish.target)), None)
        wanted = wish.local if wish.local is not None else before.port if before else 0
        ours = before is not None and before.port == wanted
        if wish.local is not None and not ours and not is_free(wanted):
            raise taken(wanted, wish, owner)
        port = wanted if wanted and (ours or is_free(wanted)) else choose([str(number)], {})[str(number)]
        if any(port == one.port for one in found):
            raise InputError(
                f"local port {port}", "is wanted twice", next_step=f"Choose another with {wish.flag}"
            )
        found.append(Forward(wish.purpose, f"{LOOPBACK}:{port}", wish.target))
    return tuple(found)


def taken(port: int, wish: PortWish, owner: Owner) -> InputError:
    """The sentence about a port that somebody else has."""
    return InputError(
        f"local port {port}",
        f"is taken by {owner(port) or 'another program'}",
        next_step=f"End it, or choose another port with {wish.flag}" if wish.flag else "End it",
    )
