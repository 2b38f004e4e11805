"""Writes the objects of one component: unchanged ones are left alone, foreign ones refused, conflicts and
immutable fields explained."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from allup.cluster.objects import Written
from allup.cluster.watch import Watches
from allup.diagnosis import Cause
from allup.errors import AdoptionRefused, AllupError, ApiError, FieldConflict, ImmutableField
from allup.manifests import Desired
from allup.model import labels
from allup.model.live import later_texts
from allup.model.platform import Component
from allup.ordering import rank
from allup.readiness import jobs, judge
from allup.refs import GroupKind, ObjectRef, ShortRef
from allup.run import conflicts
from allup.run.assembly import Assembler
from allup.run.beside import Beside
from allup.run.keeping import is_borrowed
from allup.run.ledger import Ledger
from allup.run.options import RunOptions
from allup.run.progress import Action, Phase
from allup.run.replacing import replace_objects
from allup.run.session import Session
from allup.run.waiting import NotReady, Patience, Stopped, Switchboard
from allup.run.workers import Pool

_ACTIONS = {
    Written.CREATED: Action.CREATED,
    Written.CHANGED: Action.CHANGED,
    Written.UNCHANGED: Action.UNCHANGED,
}
_CRD = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
_JOB = GroupKind("batch", "Job")
_WORTH_A_LIST = 8
"""From so many objects of a kind on, one list of their names is less work than a look at each."""
_NEWS = 2.0
"""Seconds for which such a list counts: somebody may make an object of that name any time."""


class Applier:
    """Applies components. *fresh_namespace*: this run made the namespace, so nothing foreign can be in it.
    *planned* are the objects of all components.

    *established* waits for CustomResourceDefinitions, before objects of their kinds are written.
    """

    def __init__(
        self,
        session: Session,
        assembler: Assembler,
        watches: Watches,
        switchboard: Switchboard,
        pool: Pool,
        ledger: Ledger,
        options: RunOptions,
        *,
        planned: Sequence[ObjectRef],
        fresh_namespace: bool,
        deadline: float,
        established: Callable[[Component, Sequence[ObjectRef]], None],
        beside: Callable[[str], Beside],
    ) -> None:
        self._session = session
        self._objects = session.objects
        self._assembler = assembler
        self._watches = watches
        self._switchboard = switchboard
        self._pool = pool
        self._ledger = ledger
        self._options = options
        self._fresh_namespace = fresh_namespace
        self._deadline = deadline
        self._established = established
        self._beside = beside
        self._planned = planned
        self._absent: dict[ObjectRef, float] = {}
        self._looked: dict[tuple[GroupKind, str], float] = {}
        self._looking = threading.Lock()

    def apply(self, component: Component, kinds: Sequence[tuple[GroupKind, str]]) -> Sequence[ObjectRef]:
        """Writes the component's objects in their order and returns them. *kinds* are those it has, with
        their namespaces. Raises AllupError, or Stopped."""
        for kind, namespace in kinds:
            resource = self._session.discovery.find(kind.group, kind.kind)
            if resource is not None:
                self._watches.list(resource, namespace)
        assembled = self._assembler.component(component)
        for desired in assembled:
            if desired.known_later:
                raise AllupError(
                    str(desired.ref),
                    f"needs a value that is not known yet ({', '.join(sorted(later_texts(desired.body)))})",
                    next_step="Bring up what it needs first, without --no-deps",
                )
        groups: dict[int, list[Desired]] = {}
        for desired in assembled:
            groups.setdefault(rank(desired.ref), []).append(desired)
        for _, group in sorted(groups.items()):
            if self._session.stop.is_set():
                raise Stopped
            self._look_for_foreign(group)
            self._pool.map(lambda each: self._apply_one(component, each), group)
            definitions = [d.ref for d in group if d.ref.group_kind == _CRD]
            if definitions:
                self._established(component, definitions)
                self._session.discovery.refresh()
        return [desired.ref for desired in assembled]

    def _look_for_foreign(self, group: Sequence[Desired]) -> None:
        """Finds out by one list a kind, for all components, which objects do not exist at all, so that not
        each must be read."""
        unknown = {(d.ref.group_kind, d.ref.namespace) for d in group if not self._surely_known(d.ref)}
        with self._looking:
            for kind, namespace in unknown:
                if self._is_news(self._looked.get((kind, namespace))):
                    continue
                now = self._looked[kind, namespace] = self._session.clock.monotonic()
                resource = self._session.discovery.find(kind.group, kind.kind)
                refs = [
                    ref
                    for ref in self._planned
                    if (ref.group_kind, ref.namespace) == (kind, namespace) and not self._surely_known(ref)
                ]
                if resource is None or len(refs) < _WORTH_A_LIST:
                    continue
                try:
                    there = self._objects.names(resource, namespace)
                except ApiError:
                    continue  # they are read one by one
                self._absent |= {ref: now for ref in refs if ref.name not in there}

    def _surely_known(self, ref: ObjectRef) -> bool:
        fresh = self._fresh_namespace and bool(ref.namespace)
        absent = self._is_news(self._absent.get(ref))
        return fresh or absent or self._watches.store.get(ref) is not None

    def _is_news(self, seen: float | None) -> bool:
        return seen is not None and self._session.clock.monotonic() - seen < _NEWS

    def _apply_one(self, component: Component, desired: Desired) -> None:
        if self._session.stop.is_set():
            raise Stopped
        known = self._known(desired)
        if known is not None and known["metadata"].get("deletionTimestamp"):
            self._await_gone(component, desired.ref)
            known = None
        action: Action
        try:
            if known is not None and jobs.has_failed(known):
                action = self._run_again(component, desired)
            else:
                action = self._write(component, desired, known)
        except ImmutableField as error:
            action = self._replace(component, desired, error)
        except ApiError as error:
            if error.status != 422 or known is not None or not component.pins:
                raise
            # The address the pin asks for is taken: let the server choose another.
            action = self._write(component, self._assembler.without_pins(component, desired), None)
        self._ledger.did(component.name, desired.ref, action)

    def _write(self, component: Component, desired: Desired, known: Mapping[str, Any] | None) -> Action:
        force = self._options.force_conflicts or self._adopts(desired.ref)
        try:
            applied = self._objects.apply(desired.body, known=known, force=force)
        except FieldConflict as error:
            if not conflicts.scaled_by_us(error):
                raise conflicts.explain(error, desired, self._objects.get(desired.ref)) from error
            before, after = (((obj or {}).get("spec") or {}).get("replicas") for obj in (known, desired.body))
            self._ledger.note(f"{desired.ref} was scaled to {before}; it goes back to {after}", warning=True)
            applied = self._objects.apply(desired.body, known=known, force=True)
        later = self._assembler.pinned_later(component, desired, applied.obj)
        if later is not None:
            applied_again = self._objects.apply(later.body, force=force)
            self._watches.store.put(applied_again.obj)
        else:
            self._watches.store.put(applied.obj)
        return _ACTIONS[applied.written]

    def _known(self, desired: Desired) -> Mapping[str, Any] | None:
        """The object as listed, refusing one that exists without being ours."""
        if self._surely_known(desired.ref):
            return self._watches.store.get(desired.ref)
        found = self._objects.get(desired.ref)
        if found is None:
            return None
        instance = (found["metadata"].get("labels") or {}).get(labels.INSTANCE)
        if instance == self._assembler.instance or (instance is None and is_borrowed(desired.body)):
            return found
        if not self._adopts(desired.ref):
            managers = sorted({m.get("manager", "?") for m in found["metadata"].get("managedFields") or ()})
            raise AdoptionRefused(
                str(desired.ref),
                "exists and is not ours"
                + (f" (it belongs to instance {instance})" if instance else "")
                + f"; its fields are managed by {', '.join(managers) or 'nobody'}",
                next_step=f"Take it over with --adopt {desired.ref}, or remove it",
            )
        conflicts.take_over(self._objects, desired.ref, found)
        return None

    def _adopts(self, ref: ObjectRef) -> bool:
        return any(ShortRef.parse(text).matches(ref) for text in self._options.adopt)

    def _replace(self, component: Component, desired: Desired, error: ImmutableField) -> Action:
        fresh = self._assembler.component(component)
        together = [
            each for each in fresh if any(ShortRef.parse(t).matches(each.ref) for t in component.replace)
        ]
        if desired.ref.group_kind == _JOB:
            together = [desired]
        elif desired.ref not in [d.ref for d in together]:
            down = f"inv {self._assembler.loaded.platform.collection}.{component.down_task}"
            raise conflicts.immutable(error, desired, down) from error
        return self._put_in_place(component, together)

    def _run_again(self, component: Component, desired: Desired) -> Action:
        """A Job that failed stays so; whoever asks for an up asks for its work."""
        self._ledger.note(f"{desired.ref} has failed before", component.name)
        return self._put_in_place(component, [desired])

    def _put_in_place(self, component: Component, together: Sequence[Desired]) -> Action:
        self._ledger.note(f"replacing {', '.join(str(each.ref) for each in together)}", component.name)
        replace_objects(self._session, self._watches, together, self._deadline)
        return Action.REPLACED

    def _await_gone(self, component: Component, ref: ObjectRef) -> None:
        waiting = self._switchboard.subscribe(component.name)
        try:
            self._watches.open(self._objects.resource(ref), ref.namespace)
            patience = Patience(component.grace if self._options.grace is None else self._options.grace)
            while (obj := self._watches.store.get(ref)) and obj["metadata"].get("deletionTimestamp"):
                at = self._session.clock.monotonic()
                readiness = judge(obj, self._beside(component.name), self._session.clock.now())
                left = patience.left(ref, "" if readiness.cause == Cause.TERMINATING else readiness.cause, at)
                more = "" if left is None else f" (given {max(0.0, left):.0f} s more)"
                self._ledger.moved(component.name, Phase.APPLYING, f"{ref} {readiness.message}{more}")
                if readiness.hopeless:
                    raise NotReady(ref, readiness, patience.HOPELESS)
                if left is not None and left <= 0:
                    raise NotReady(ref, readiness, patience.over(ref))
                if at > self._deadline:
                    raise NotReady(ref, readiness, "still being deleted at the deadline")
                self._switchboard.next_news(waiting, self._session.stop)
        finally:
            self._switchboard.unsubscribe(component.name, waiting)
