"""Free ports on the loopback address."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack

from allup.errors import ClusterError

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on *port* now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def choose(purposes: Iterable[str], wanted: Mapping[str, int]) -> dict[str, int]:
    """A port for every purpose: the *wanted* one where it is free, else another; no two alike.

    ClusterError when the machine has none left.
    """
    chosen: dict[str, int] = {}
    with ExitStack() as held:
        for purpose in purposes:
            listener = held.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # All sockets stay bound until every port is chosen, so no port is given twice.
            for port in (wanted.get(purpose, 0), 0):
                try:
                    listener.bind((LOOPBACK, port))
                    break
                except OSError as error:
                    refused = error
            else:
                raise ClusterError(
                    f"port for {purpose}",
                    f"{LOOPBACK} has none free ({refused.strerror})",
                    next_step="End programs that listen on it, then run the same command again",
                )
            chosen[purpose] = listener.getsockname()[1]
    return chosen
