"""What every run on an instance holds: the account, the watches, the pool, the lock; and how it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from allup.cluster.lease import Lease
from allup.cluster.watch import Watches
from allup.errors import AllupError, ApiError, ClusterError, NotFound, Terminated
from allup.model import labels
from allup.model.platform import Platform
from allup.refs import GroupKind
from allup.run.bundling import write_bundle
from allup.run.componentwait import ComponentWait
from allup.run.ledger import Ledger
from allup.run.options import RunOptions
from allup.run.progress import Reporter
from allup.run.session import Session
from allup.run.surroundings import Surroundings
from allup.run.waiting import Switchboard
from allup.run.workers import Pool


class InstanceRun:
    """The common part of up and down. One object is one run."""

    def __init__(self, session: Session, platform: Platform, options: RunOptions, report: Reporter) -> None:
        self._session = session
        self._platform = platform
        self._options = options
        self._objects = session.objects
        self._clock = session.clock
        self._deadline = session.started + options.timeout
        self._ledger = Ledger(report, session.clock)
        self._pool = Pool(options.jobs)
        self._switchboard = Switchboard()
        self._lease: Lease | None = None
        self._watches = self._new_watches()

    def _new_watches(self) -> Watches:
        watches = Watches(
            self._session.api,
            selector=labels.instance_selector(self._platform.instance),
            on_failure=self._switchboard.fail,
            on_note=lambda text: self._ledger.note(text, warning=True),
        )
        watches.store.listen(self._switchboard.changed)
        return watches

    def _component_wait(self, surroundings: Surroundings) -> ComponentWait:
        return ComponentWait(
            self._session,
            self._platform,
            self._options,
            self._watches,
            self._switchboard,
            self._ledger,
            surroundings,
        )

    def _list(self, kind: GroupKind) -> None:
        """Makes sure that the instance's objects of a kind are known."""
        resource = self._session.discovery.find(kind.group, kind.kind)
        if resource is not None:
            self._watches.list(resource, self._platform.namespace)

    def _take_lock(self) -> int:
        """Takes the instance's Lease; the resourceVersion at which another run had it last, 0 for never.

        Raises LockHeld, and ClusterError when we may not write here at all.
        """
        platform = self._platform
        lease = Lease(
            self._session.api,
            platform.namespace,
            platform.instance,
            here=self._session.here,
            on_lost=self._switchboard.fail,
        )
        waited_for: set[str] = set()

        def on_wait(holder: str) -> None:
            if holder not in waited_for:
                waited_for.add(holder)
                self._ledger.note(f"another run is at work on {platform.instance} ({holder}); waiting for it")

        try:
            last_held = lease.acquire(self._options.lock_timeout, on_wait=on_wait)
        except NotFound:
            raise
        except ApiError as error:
            if error.status == 403 and "being terminated" not in error.fact:
                raise ClusterError(
                    f"instance {platform.instance}",
                    "we may not write in its namespace",
                    evidence=error.fact,
                    next_step="Use a context with more rights, or have a Role bound to this one",
                ) from error
            raise
        self._lease = lease
        return last_held

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Around what is read before the first write: not being allowed to is a ClusterError."""
        try:
            yield
        except ApiError as error:
            if error.status != 403:
                raise
            raise ClusterError(
                f"instance {self._platform.instance}",
                "we may not read what is there",
                evidence=error.fact,
                next_step="Use a context with more rights, or have a Role bound to this one",
            ) from error

    @contextmanager
    def _ending(self, interrupted: Callable[[], object]) -> Iterator[None]:
        """Around everything after the first write: however it ends, threads, watches and lock are let go.

        On Ctrl-C and SIGTERM *interrupted* reports what is half done, before they are passed on.
        """
        try:
            yield
        except (KeyboardInterrupt, Terminated):
            self._halt()
            interrupted()
            raise
        except BaseException:
            self._halt()
            raise
        finally:
            self._let_go()

    def _write_bundle(self, outcome: str) -> None:
        """Leaves the evidence behind, when asked to and when there is something to explain."""
        folder = self._options.bundle
        if folder is None or outcome not in ("failed", "stuck"):
            return
        try:
            written = write_bundle(folder, self._session, self._watches.store, self._platform.namespace)
        except AllupError as error:
            self._ledger.note(str(error), warning=True)
            return
        self._ledger.note(f"the evidence is in {folder} ({len(written)} files)")

    def _halt(self) -> None:
        self._session.stop.set()
        self._switchboard.wake()

    def _let_go(self) -> None:
        self._ledger.close()
        self._watches.close()
        self._pool.close()
        if self._lease is not None:
            # On a frozen server the release would take its whole timeout; the lease expires by itself.
            release = threading.Thread(target=self._lease.release, daemon=True)
            release.start()
            release.join(0.5 if self._session.stop.is_set() else 5.0)
        self._session.stop.set()
