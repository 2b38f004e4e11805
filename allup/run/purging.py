"""The last part of a purge: data, then the namespace or our own records in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from allup.cluster import inventory as inventories
from allup.cluster import namespaces
from allup.cluster.inventory import Inventory
from allup.cluster.store import component_of
from allup.model import labels
from allup.model.platform import Platform
from allup.ordering import in_delete_order
from allup.refs import ObjectRef, of_kubernetes_itself
from allup.run import ownkeys
from allup.run.holding import Evidence
from allup.run.keeping import is_borrowed
from allup.run.ledger import Ledger
from allup.run.progress import THE_REST, Action, Phase
from allup.run.remains import Remains
from allup.run.session import Session
from allup.run.waiting import Stopped

_PATIENCE = 90.0
_NAMESPACE_PATIENCE = 120.0
_LOOK_EVERY = 0.1


class Purge:
    """What ``--purge`` takes beyond a down. Nothing here waits beyond *deadline*."""

    def __init__(
        self,
        session: Session,
        platform: Platform,
        there: Remains,
        ledger: Ledger,
        evidence: Evidence,
        *,
        delete: Callable[[str, ObjectRef, Mapping[str, Any]], None],
        deadline: float,
    ) -> None:
        self._session = session
        self._platform = platform
        self._there = there
        self._ledger = ledger
        self._evidence = evidence
        self._delete = delete
        self._deadline = deadline
        self._stop: threading.Event = session.stop

    def data(self) -> bool:
        """Claims first, then volumes and the rest: a volume waits for its claim. False: some do not go."""
        left = self._there.objects()
        claims = [ref for ref in left if ref.kind == "PersistentVolumeClaim"]
        gone = True
        for batch in (claims, [ref for ref in left if ref not in claims]):
            for ref in in_delete_order(batch, lambda ref: ref):
                self._delete(component_of(left[ref]), ref, left[ref])
            going = {ref: component_of(left[ref]) for ref in batch if not is_borrowed(left[ref])}
            gone = self._await_gone(going) and gone
        return gone

    def place(self) -> bool:
        """The namespace if we made it and nobody else is in it, else our own records. False: it stays."""
        state, platform = self._there.namespace, self._platform
        assert state is not None
        ref = namespaces.namespace_ref(platform.namespace)
        others = inventories.others(self._session.objects, platform.namespace, platform.instance)
        if others and state.ours:
            self._ledger.kept.append((ref, f"it also holds {', '.join(others)}"))
        elif state.ours and not of_kubernetes_itself(platform.namespace):
            self._session.objects.delete(ref, uid=state.obj["metadata"]["uid"])
            self._ledger.did(THE_REST, ref, Action.DELETED)
            return self.await_namespace_gone()
        for record in _records(platform):
            self._session.objects.delete(record)
        return True

    def await_namespace_gone(self) -> bool:
        """False when the namespace, which is being deleted, is still there at the end of its time."""
        ref = namespaces.namespace_ref(self._platform.namespace)
        self._ledger.moved(THE_REST, Phase.DELETING, f"{ref} is being deleted")
        limit = min(self._deadline, self._session.clock.monotonic() + _NAMESPACE_PATIENCE)
        if self._gone_before(ref, limit):
            self._ledger.moved(THE_REST, Phase.GONE)
            return True
        self._say_stuck(THE_REST, ref)
        return False

    def _await_gone(self, refs: Mapping[ObjectRef, str]) -> bool:
        limit = min(self._deadline, self._session.clock.monotonic() + _PATIENCE)
        gone = True
        for ref, component in refs.items():
            if self._gone_before(ref, limit):
                self._there.forget(ref)
            else:
                self._say_stuck(component, ref)
                gone = False
        return gone

    def _gone_before(self, ref: ObjectRef, limit: float) -> bool:
        while self._session.objects.get(ref) is not None:
            if self._session.clock.monotonic() > limit:
                return False
            if self._stop.wait(_LOOK_EVERY):
                raise Stopped
        return True

    def _say_stuck(self, component: str, ref: ObjectRef) -> None:
        for finding in self._evidence.why(ref):
            self._ledger.found(component, finding)
        self._ledger.moved(component, Phase.STUCK, f"{ref} does not go")


def _records(platform: Platform) -> Sequence[ObjectRef]:
    """The lock, our keys and the inventory, which goes last: it is what a next down begins with."""
    name = labels.inventory_name(platform.instance)
    return (
        ObjectRef("coordination.k8s.io", "Lease", platform.namespace, name),
        ownkeys.ref(platform.instance, platform.namespace),
        Inventory(platform.name, platform.instance, platform.namespace).ref,
    )
