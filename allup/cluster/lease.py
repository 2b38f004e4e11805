"""The lock of an instance: a Lease (coordination.k8s.io) that expires; no lock is ever cleared by hand.

Taken by whoever finds it free, expired by the finder's own clock, or held by a process of this very host
and boot that is dead. Every change of hands is guarded by the resourceVersion that was read.

Nobody may take it before DURATION has passed since its last renewal, so its holder stops writing
a little earlier (WRITE_FOR), counted from before the renewal was sent. It goes on when a renewal succeeds:
that needs the resourceVersion of the one before, so nobody else had the lock in between.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from allup.cluster.requests import Api
from allup.errors import AllupError, ApiError, ClusterError, LockHeld, NotFound
from allup.identity import Holder
from allup.model import labels

DURATION = 15.0
WRITE_FOR = 10.0
RENEW_EVERY = 5.0
TRY_AGAIN_AFTER = 1.0
LOST_AFTER = 45.0
_LOOK_EVERY = 0.5
_PATIENCE = 3.0
_over: set[str] = set()
"""Runs of this process that have ended: what they could not give back is free."""


def awake() -> float:
    """Seconds that also grow while the machine sleeps, where it can tell: others' clocks go on then."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Lease:
    """The Lease of one instance. ``acquire``, then it renews itself until ``release``.

    Meanwhile it is the connection's fence: writes wait while it is not known to be ours.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        instance: str,
        *,
        here: Holder,
        on_lost: Callable[[AllupError], None],
        monotonic: Callable[[], float] = awake,
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
        self._renewed = 0.0
        self._lost: AllupError | None = None
        self._failure: AllupError | None = None
        self._writing = threading.Lock()
        self._released = threading.Event()

    def acquire(self, timeout: float, *, on_wait: Callable[[str], None] = lambda _: None) -> int:
        """Takes the lock or raises LockHeld naming who holds it and since when, after *timeout* seconds.

        Returns the resourceVersion at which another run had it last, 0 when there was none: what was read
        before that may have changed since (resourceVersions are numbers that grow, KEP-5504).
        May raise ApiError 403 when we may not write here at all.
        """
        try:
            last_held = self._acquire(timeout, on_wait)
        except BaseException:
            _over.add(str(self._here))  # it may be ours: the answer was lost
            raise
        self._api.fence = self.await_ours
        threading.Thread(target=self._renew, name="lease", daemon=True).start()
        return last_held

    def _acquire(self, timeout: float, on_wait: Callable[[str], None]) -> int:
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
        return last_held

    @property
    def may_write(self) -> bool:
        """True while nobody else can have the lock."""
        return self._lost is None and self._monotonic() - self._renewed < WRITE_FOR

    def await_ours(self, patience: float) -> None:
        """Returns as soon as we may write: nobody else can have the lock for a while yet.

        Raises LockHeld or what kept us from renewing it, at the latest after *patience* seconds.
        """
        give_up = self._monotonic() + patience
        while self._lost is None and not self.may_write:
            if self._monotonic() >= give_up or self._api.stop.wait(0.05):
                raise self._not_renewed()
        if self._lost is not None:
            raise self._lost

    def release(self) -> None:
        """Gives the lock back, at best; never raises: it would expire anyway."""
        self._released.set()
        _over.add(str(self._here))
        self._api.fence = None
        with self._writing:
            held, self._held = self._held, None
            if held is None or isinstance(self._lost, LockHeld):
                return
            for _ in range(2):
                held["spec"]["holderIdentity"] = ""
                held["spec"]["leaseDurationSeconds"] = 1
                try:
                    self._put(held)
                except ApiError as error:
                    # Ours in a version we do not know: the answer to a renewal was lost.
                    found = self._read_at_best() if error.status == 409 else None
                    if found is None or found["spec"].get("holderIdentity") != str(self._here):
                        return
                    held = found
                except AllupError:
                    return
                else:
                    return

    def _free(self, holder: str) -> bool:
        if not holder or holder == str(self._here) or holder in _over:
            return True
        other = Holder.parse(holder)
        return other is not None and other.surely_dead(self._here)

    def _read(self, patience: float | None = None) -> dict[str, Any] | None:
        path = f"{self._collection}/{self._name}"
        try:
            found: dict[str, Any] = self._api.request("GET", path, timeout=patience, patience=patience)[1]
        except NotFound:
            return None
        return found

    def _read_at_best(self) -> dict[str, Any] | None:
        try:
            return self._read(_PATIENCE)
        except AllupError:
            return None

    def _create(self, patience: float | None = None) -> bool:
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
        began = self._monotonic()
        try:
            self._held = self._api.request(
                "POST",
                self._collection,
                (),
                body,
                timeout=patience,
                patience=patience,
                checked=True,
                fenced=False,
            )[1]
            self._renewed = began
        except ApiError as error:
            if error.status == 409:
                return False
            raise
        return True

    def _take(self, found: dict[str, Any]) -> bool:
        found["spec"] = self._spec(int(found["spec"].get("leaseTransitions") or 0) + 1)
        began = self._monotonic()
        try:
            self._held = self._put(found)
            self._renewed = began
        except ApiError as error:
            if error.status in (404, 409):
                return False
            raise
        return True

    def _put(self, body: dict[str, Any]) -> dict[str, Any]:
        # The resourceVersion in it makes it safe to repeat: a second one finds that the first was executed.
        path = f"{self._collection}/{self._name}"
        timeout = min(_PATIENCE, self._api.timeouts.answer)
        answer: dict[str, Any] = self._api.request(
            "PUT", path, (), body, timeout=timeout, patience=_PATIENCE, checked=True, fenced=False
        )[1]
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
        pause = RENEW_EVERY
        while not self._released.wait(pause):
            pause = TRY_AGAIN_AFTER
            with self._writing:
                held = self._held
                if held is None or self._released.is_set():
                    return
                began = self._monotonic()
                held["spec"]["renewTime"] = self._timestamp()
                try:
                    self._held = self._put(held)
                    self._renewed = began
                    pause = RENEW_EVERY
                    continue
                except AllupError as error:
                    self._failure = error
                    lost: AllupError | None = None
                    if isinstance(error, NotFound):
                        try:
                            lost = None if self._create(_PATIENCE) else self._taken()
                        except ApiError:  # the whole namespace is going, at our word
                            self._api.fence = None
                            return
                        except AllupError as worse:
                            self._failure = worse
                    elif isinstance(error, ApiError) and error.status == 409:
                        lost = self._taken()
                    if lost is None and self._monotonic() - self._renewed > LOST_AFTER:
                        lost = self._not_renewed()
                    self._lost = lost
            if lost is not None:
                self._on_lost(lost)
                return

    def _not_renewed(self) -> ClusterError:
        silent = self._monotonic() - self._renewed
        return ClusterError(
            f"instance {self._instance}",
            f"its lock could not be renewed for {silent:.0f} s, so nothing more was written",
            evidence=str(self._failure or ""),
            next_step="Run the same command again",
        )

    def _taken(self) -> LockHeld | None:
        """Why the Lease we hold has changed: None when it is still ours and only touched by somebody."""
        try:
            found = self._read(_PATIENCE)
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


def _who(holder: str) -> str:
    other = Holder.parse(holder)
    return f"process {other.pid} on {other.host}" if other else holder
