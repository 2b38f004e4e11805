"""The lock of an instance around a few writes that are no run of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from allup.cluster.lease import Lease
from allup.errors import AllupError
from allup.model.platform import Platform
from allup.run.session import Session


@contextmanager
def locked(session: Session, platform: Platform, timeout: float) -> Iterator[None]:
    """Holds the Lease meanwhile. Raises LockHeld after *timeout* seconds, and whatever ended it early."""
    lost: list[AllupError] = []
    lease = Lease(session.api, platform.namespace, platform.instance, here=session.here, on_lost=lost.append)
    lease.acquire(timeout)
    try:
        yield
        if lost:
            raise lost[0]
    finally:
        lease.release()
