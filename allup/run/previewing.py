"""What a down would delete and keep, without doing it."""

from __future__ import annotations

from collections.abc import Iterator

from allup.cluster import inventory as inventories
from allup.cluster import namespaces
from allup.cluster.store import component_of
from allup.cluster.watch import Watches
from allup.model import labels
from allup.model.platform import Platform, ScaleToZero
from allup.ordering import in_delete_order
from allup.refs import GroupKind, ObjectRef, of_kubernetes_itself
from allup.run.keeping import is_borrowed, that_go, why_kept
from allup.run.options import RunOptions
from allup.run.planning import Plan, PlanEntry
from allup.run.progress import THE_REST
from allup.run.remains import Remains, in_batches
from allup.run.selection import selected_down
from allup.run.session import Session
from allup.run.workers import Pool


def preview_down(
    session: Session, platform: Platform, kinds: frozenset[GroupKind], options: RunOptions
) -> Plan:
    """What a down of those *options* would do, in its order. Only reads; *kinds* are those of the platform's
    manifests. Raises AllupError as the down would: InputError when live dependants are in the way."""
    return _Preview(session, platform, kinds, options).plan()


class _Preview:
    def __init__(
        self, session: Session, platform: Platform, kinds: frozenset[GroupKind], options: RunOptions
    ) -> None:
        self._session = session
        self._platform = platform
        self._options = options
        self._warnings: list[str] = []
        watches = Watches(
            session.api,
            selector=labels.instance_selector(platform.instance),
            on_failure=lambda _: None,
            on_note=self._warnings.append,
        )
        self._there = Remains(session, platform, kinds, watches)

    def plan(self) -> Plan:
        pool, options = Pool(self._options.jobs), self._options
        try:
            self._there.look_at_namespace()
            self._there.read(pool)
        finally:
            pool.close()
        names = selected_down(self._there.graph(), options.only, self._there.live(), options.cascade)
        self._warnings += self._there.warnings(names)
        entries = [entry for name in names for entry in self._component(name)]
        if options.purge and not options.only:
            entries += self._purge()
        return Plan(self._platform.instance, tuple(entries), settings=(), warnings=tuple(self._warnings))

    def _component(self, name: str) -> Iterator[PlanEntry]:
        objects = self._there.objects(name)
        going = that_go(objects, everything=self._options.purge and bool(self._options.only))
        declared = next((c for c in self._platform.components if c.name == name), None)
        hooks = declared.before_down if declared is not None else ()
        if declared is not None and declared.children and self._there.children_are_ours:
            for child in declared.children:
                for obj in self._there.children(child):
                    yield PlanEntry(name, ObjectRef.of(obj), "delete", note=f"{name} made it")
        for batch in in_batches(list(going)):
            for ref in in_delete_order(batch, lambda ref: ref):
                scaled = [h for h in hooks if isinstance(h, ScaleToZero) and h.ref.matches(ref)]
                note = f"scaled to zero first: {scaled[0].why or 'it stops first'}" if scaled else ""
                yield PlanEntry(name, ref, "give back" if is_borrowed(going[ref]) else "delete", note=note)
        if not self._options.purge:
            for ref in objects.keys() - going.keys():
                yield PlanEntry(name, ref, "keep", note=why_kept(objects[ref]))

    def _purge(self) -> Iterator[PlanEntry]:
        kept = {ref: obj for ref, obj in self._there.objects().items() if why_kept(obj)}
        claims = [ref for ref in kept if ref.kind == "PersistentVolumeClaim"]
        for ref in (*claims, *in_delete_order(kept.keys() - set(claims), lambda ref: ref)):
            yield PlanEntry(component_of(kept[ref]), ref, "delete", note=f"lost: {why_kept(kept[ref])}")
        namespace = self._there.namespace
        if namespace is None or not namespace.ours or of_kubernetes_itself(namespace.name):
            return
        others = inventories.others(self._session.objects, namespace.name, self._platform.instance)
        note = f"it also holds {', '.join(others)}" if others else "with everything in it, whoever made it"
        ref = namespaces.namespace_ref(namespace.name)
        yield PlanEntry(THE_REST, ref, "keep" if others else "delete", note=note)
