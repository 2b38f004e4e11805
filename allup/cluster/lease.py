"""The lock of an instance: a Lease (coordination.k8s.io) that expires; no lock is ever cleared by hand.

Taken by whoever finds it free, expired by the finder's own clock, or held by a process of this very host
and boot that is dead. Every change of hands is guarded by the resourceVersion that was read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from allup.cluster.requests import Api
from allup.errors import AllupError, ApiError, LockHeld, NotFound
from allup.identity import Holder
from allup.model import labels

DURATION = 15.0
RENEW_EVERY = 5.0
_LOOK_EVERY = 0.5


class Lease:
    """The Lease of one instance. ``acquire``, then it renews itself until ``release``."""

    def __init__(
        self,
        api: Api,
        namespace: str,
        instance: str,
        *,
        here: Holder,
        on_lost: Callable[[AllupError], None],
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api = api
        self._name = labels.inventory_name(instance)
        self._namespace = namespace
        self._instance = instance
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._here = here
        self._on_lost = on_lost
        self._monotonic = monotonic
        self._now = now
        self._held: dict[str, Any] | None = None
        self._released = threading.Event()

    def acquire(self, timeout: float, *, on_wait: Callable[[str], None] = lambda _: None) -> int:
        """Takes the lock or raises LockHeld naming who holds it and since when, after *timeout* seconds.

        Returns the resourceVersion at which another run had it last, 0 when there was none: what was read
        before that may have changed since (resourceVersions are numbers that grow, KEP-5504).
        May raise ApiError 403 when we may not write here at all.
        """
        give_up = self._monotonic() + timeout
        seen, last_held = "", 0
        seen_at = self._monotonic()
        while True:
            found = self._read()
            if found is None:
                if self._create():
                    break
                continue
            holder = found["spec"].get("holderIdentity") or ""
            version = found["metadata"]["resourceVersion"]
            if version != seen:
                seen, seen_at = version, self._monotonic()
                last_held = int(version) if version.isdigit() else 0
            if self._free(holder) or self._monotonic() - seen_at > DURATION:
                if self._take(found):
                    break
                continue
            if self._monotonic() >= give_up:
                raise self._held_by(holder, found)
            on_wait(_who(holder))
            if self._api.stop.wait(min(_LOOK_EVERY, max(give_up - self._monotonic(), 0.01))):
                raise self._held_by(holder, found)
        threading.Thread(target=self._renew, name="lease", daemon=True).start()
        return last_held

    def release(self) -> None:
        """Gives the lock back, at best; never raises: it would expire anyway."""
        self._released.set()
        held, self._held = self._held, None
        if held is None:
            return
        try:
            try:
                self._put(_free_again(held))
            except ApiError as error:
                # Somebody touched it, or a renewal was under way: it is given back as it is now.
                found = self._read() if error.status == 409 else None
                if found is not None and found["spec"].get("holderIdentity") == str(self._here):
                    self._put(_free_again(found))
        except AllupError:
            pass

    def _free(self, holder: str) -> bool:
        if not holder or holder == str(self._here):
            return True
        other = Holder.parse(holder)
        return other is not None and other.surely_dead(self._here)

    def _read(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._api.get(f"{self._collection}/{self._name}")
        except NotFound:
            return None
        return found

    def _create(self) -> bool:
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self._name,
                "namespace": self._namespace,
                "labels": {labels.MANAGED_BY: labels.TOOL, labels.INSTANCE: self._instance},
            },
            "spec": self._spec(0),
        }
        try:
            self._held = self._api.request("POST", self._collection, (), body)[1]
        except ApiError as error:
            if error.status == 409:
                return False
            raise
        return True

    def _take(self, found: dict[str, Any]) -> bool:
        found["spec"] = self._spec(int(found["spec"].get("leaseTransitions") or 0) + 1)
        try:
            self._held = self._put(found)
        except ApiError as error:
            if error.status in (404, 409):
                return False
            raise
        return True

    def _put(self, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._api.request("PUT", f"{self._collection}/{self._name}", (), body)[1]
        return answer

    def _spec(self, transitions: int) -> dict[str, Any]:
        now = self._timestamp()
        return {
            "holderIdentity": str(self._here),
            "leaseDurationSeconds": int(DURATION),
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }

    def _timestamp(self) -> str:
        return self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _renew(self) -> None:
        renewed = self._monotonic()
        while not self._released.wait(RENEW_EVERY):
            held = self._held
            if held is None:
                return
            held["spec"]["renewTime"] = self._timestamp()
            try:
                self._held = self._put(held)
                renewed = self._monotonic()
            except AllupError as error:
                if self._released.is_set():
                    return
                if isinstance(error, NotFound):  # its namespace is being purged, by us
                    return
                if isinstance(error, ApiError) and error.status == 409:
                    error = self._taken() or error
                if isinstance(error, LockHeld) or self._monotonic() - renewed > DURATION:
                    self._on_lost(error)
                    return

    def _taken(self) -> LockHeld | None:
        """Why the Lease we hold has changed: None when it is still ours and only touched by somebody."""
        try:
            found = self._read()
        except AllupError:
            return None
        holder = str(found["spec"].get("holderIdentity") or "") if found else ""
        if found and holder == str(self._here):
            self._held = found
            return None
        return LockHeld(
            f"instance {self._instance}",
            f"its lock was taken from this run by {_who(holder) if holder else 'somebody'}",
            next_step="See what that run does, then run the same command again",
        )

    def _held_by(self, holder: str, found: dict[str, Any]) -> LockHeld:
        since = str(found["spec"].get("acquireTime", "")).split(".")[0].replace("T", " ")
        return LockHeld(
            f"instance {self._instance}",
            f"another run is at work on it: {_who(holder)}, since {since} UTC",
            next_step="Wait for it, or allow more patience with --lock-timeout",
        )


def _free_again(lease: dict[str, Any]) -> dict[str, Any]:
    return {**lease, "spec": {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}}


def _who(holder: str) -> str:
    other = Holder.parse(holder)
    return f"process {other.pid} on {other.host}" if other else holder
