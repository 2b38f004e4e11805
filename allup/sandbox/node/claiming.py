"""Choosing addresses for a new sandbox, while others on this machine choose theirs."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from allup.sandbox.node.addresses import Addresses, free_place

_CLAIM = "allup-place"


@contextmanager
def claimed(
    routes: Callable[[], Iterable[str]], taken: Callable[[], Iterable[int]], claim: str = _CLAIM
) -> Iterator[Addresses]:
    """A free place (see free_place) that nobody else on this machine is given for the time of the block.

    After the block its route or its record, which *routes* and *taken* find, keeps others away. The claim is
    an abstract socket called *claim* and the place: it reaches every user and every state folder, and the
    kernel takes it back from whoever dies. ClusterError if there is no place.
    """
    away: set[int] = set()
    while True:
        addresses = free_place(routes(), {*taken(), *away})
        away.add(addresses.place)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
            try:
                ours.bind(f"\0{claim}-{addresses.place}")
            except OSError:
                continue
            # Whoever had the claim a moment ago may have made a sandbox since we looked.
            if addresses.place in set(taken()) or not addresses.are_free(routes()):
                continue
            yield addresses
            return
