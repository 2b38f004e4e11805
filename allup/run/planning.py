"""What an up would do, without doing it: server-side dry runs where there is a namespace, masked diffs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allup.cluster import inventory as inventories
from allup.cluster import namespaces
from allup.cluster.inventory import Inventory
from allup.cluster.watch import Watches
from allup.drift import Difference, differences
from allup.errors import ApiError, FieldConflict
from allup.graph import Graph
from allup.loading import LoadedPlatform, dependencies
from allup.manifests import Desired
from allup.model import labels
from allup.model.live import later_texts
from allup.readiness import jobs
from allup.refs import GroupKind, ObjectRef
from allup.run import conflicts, ownkeys, secretsource
from allup.run.assembly import Assembler
from allup.run.keeping import is_borrowed, why_kept
from allup.run.options import RunOptions
from allup.run.selection import selected_up
from allup.run.session import Session
from allup.run.workers import Pool


@dataclass(frozen=True)
class PlanEntry:
    """One object. *action* is create, change, unchanged, replace, prune, give back, keep or conflict; *note*
    says what else is to know (not validated, known later, why kept)."""

    component: str
    ref: ObjectRef
    action: str
    differences: tuple[Difference, ...] = ()
    note: str = ""
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class SettingChange:
    """A setting that differs from the last up."""

    name: str
    before: Any
    after: Any
    before_origin: str


@dataclass(frozen=True)
class Plan:
    """What an up would do, in its order. *off* are components that are switched off, and why."""

    instance: str
    entries: tuple[PlanEntry, ...]
    settings: tuple[SettingChange, ...]
    warnings: tuple[str, ...] = ()
    off: tuple[tuple[str, str], ...] = ()

    @property
    def changes(self) -> tuple[PlanEntry, ...]:
        """The entries that would change something in the cluster."""
        return tuple(e for e in self.entries if e.action not in ("unchanged", "keep"))


def make_plan(
    session: Session, loaded: LoadedPlatform, options: RunOptions, given: secretsource.Given
) -> Plan:
    """Reads and dry-runs only; nothing is written. Raises AllupError as an up would."""
    return _Planner(session, loaded, options, given).plan()


class _Planner:
    def __init__(
        self,
        session: Session,
        loaded: LoadedPlatform,
        options: RunOptions,
        given: secretsource.Given,
    ) -> None:
        self._session = session
        self._loaded = loaded
        self._platform = loaded.platform
        self._options = options
        self._given = given
        self._objects = session.objects
        self._pool = Pool(options.jobs)
        self._warnings: list[str] = []
        self._watches = Watches(
            session.api,
            selector=labels.instance_selector(self._platform.instance),
            on_failure=lambda _: None,
            on_note=self._warnings.append,
        )

    def plan(self) -> Plan:
        platform, session = self._platform, self._session
        enabled = {c.name for c in platform.components if c.enabled}
        needs = dependencies(self._loaded)
        graph = Graph({n: [d for d in needs[n] if d in enabled] for n in needs if n in enabled})
        names = selected_up(graph, self._options.only, self._options.skip, self._options.no_deps)
        state = namespaces.look(self._objects, platform.namespace, platform.instance)
        empty = Inventory(platform.name, platform.instance, platform.namespace)
        for kind in (GroupKind("", "ConfigMap"), GroupKind("", "Secret")):
            self._list(kind)
        inventory = inventories.of_store(self._watches.store, empty) or empty
        keys = ownkeys.of_store(self._watches.store, platform.instance, platform.namespace)
        resolved = secretsource.resolve(
            [s for name in names for s in platform.component(name).secrets],
            others=[s for c in platform.components for s in c.secrets],
            store=self._watches.store,
            namespace=platform.namespace,
            given=self._given,
            sandbox=session.sandbox,
            folder=self._loaded.folder,
            redactor=session.redactor,
            now=session.clock.now(),
        )
        self._assembler = Assembler(
            loaded=self._loaded,
            objects=self._objects,
            store=self._watches.store,
            namespace=platform.namespace,
            instance=platform.instance,
            secrets=resolved.values,
            salt_key=keys.salt if keys else ownkeys.NO_KEY,
            checksum_key=keys.checksum if keys else None,
            applyset_id=inventory.applyset_id,
            evaluation=resolved.evaluation,
        )
        for kind in inventory.group_kinds:
            self._list(kind)
        entries: list[PlanEntry] = []
        if state is None:
            ref = namespaces.namespace_ref(platform.namespace)
            entries.append(PlanEntry("", ref, "create"))
        elif before := namespaces.other_level(state, platform.pod_security):
            ref = namespaces.namespace_ref(platform.namespace)
            note = f"Pod Security {before} → {platform.pod_security}"
            entries.append(PlanEntry("", ref, "change", note=note))
        desired: list[Desired] = []
        for name in names:
            self._warnings += self._assembler.refuse_without(platform.component(name))
            desired += self._assembler.component(platform.component(name), planning=True)
        for kind in {d.ref.group_kind for d in desired}:
            self._list(kind)
        entries += self._pool.map(lambda d: self._entry(d, exists=state is not None), desired)
        if not self._options.only and not self._options.skip and self._options.prune:
            entries += self._superfluous({d.ref for d in desired}, inventory)
        self._pool.close()
        return Plan(
            platform.instance,
            tuple(entries),
            self._setting_changes(inventory),
            (
                *self._unvalidated(state is not None, names),
                *platform.warnings,
                *resolved.warnings,
                *self._warnings,
            ),
            tuple((c.name, c.off_because) for c in platform.components if not c.enabled and c.off_because),
        )

    def _unvalidated(self, exists: bool, names: Sequence[str]) -> Sequence[str]:
        if exists or not names:
            return ()
        namespace = self._platform.namespace
        return (f"not validated by the server: namespace {namespace} is not there yet",)

    def _entry(self, desired: Desired, *, exists: bool) -> PlanEntry:
        ref = desired.ref
        live = self._watches.store.get(ref)
        if live is None and exists and is_borrowed(desired.body):
            live = self._objects.get(ref)
        generated = ref.kind == "Secret" and live is None
        if live is None and self._found_foreign(ref, exists):
            return PlanEntry(desired.component, ref, "conflict", note="exists and is not ours: --adopt it")
        if live is None and (not exists or desired.known_later or generated):
            note = "; ".join(sorted(later_texts(desired.body)))
            return PlanEntry(desired.component, ref, "create", note=note, body=desired.body)
        force, note = self._options.force_conflicts, ""
        try:
            try:
                applied = self._objects.apply(desired.body, known=live, dry_run=True, force=force)
            except FieldConflict as error:
                if not conflicts.scaled_by_us(error):
                    raise
                note = "it was scaled"
                applied = self._objects.apply(desired.body, known=live, dry_run=True, force=True)
        except ApiError as error:
            if error.status == 409:
                explained = conflicts.explain(error, desired, self._objects.get(ref))  # type: ignore[arg-type]
                return PlanEntry(desired.component, ref, "conflict", note=explained.fact)
            if error.status == 422 and live is not None and "immutable" in error.fact:
                return PlanEntry(desired.component, ref, "replace", note=error.fact)
            raise
        if live is None:
            return PlanEntry(desired.component, ref, "create", body=desired.body)
        if jobs.has_failed(live):
            return PlanEntry(desired.component, ref, "replace", note="it has failed, and runs again")
        found = self._differences(ref, live, applied.obj)
        action = "change" if found else "unchanged"
        return PlanEntry(desired.component, ref, action, found, note, body=desired.body)

    def _found_foreign(self, ref: ObjectRef, exists: bool) -> bool:
        if ref.namespace and not exists:
            return False
        if self._session.discovery.find(ref.group, ref.kind) is None:
            return False
        found = self._objects.get(ref)
        return (
            found is not None
            and (found["metadata"].get("labels") or {}).get(labels.INSTANCE) != self._platform.instance
        )

    def _differences(
        self, ref: ObjectRef, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> tuple[Difference, ...]:
        redactor = self._session.redactor
        found = differences(before, after)
        if ref.kind != "Secret":
            return found
        return tuple(
            Difference(d.path, _masked(d.before), _masked(d.after))
            if d.path.startswith(("data", "stringData"))
            else Difference(d.path, redactor.mask_object(d.before), redactor.mask_object(d.after))
            for d in found
        )

    def _superfluous(self, desired: set[ObjectRef], inventory: Inventory) -> Sequence[PlanEntry]:
        entries = []
        for ref, obj in self._watches.store.all():
            found = obj["metadata"].get("labels") or {}
            if (
                ref in desired
                or (found.get(labels.APPLYSET_PART_OF) != inventory.applyset_id and not is_borrowed(obj))
                or obj["metadata"].get("ownerReferences")
            ):
                continue
            reason = why_kept(obj)
            action = "give back" if is_borrowed(obj) else "keep" if reason else "prune"
            entries.append(PlanEntry(str(found.get(labels.COMPONENT, "")), ref, action, note=reason))
        return entries

    def _setting_changes(self, inventory: Inventory) -> tuple[SettingChange, ...]:
        changes = []
        for name, (value, _) in self._given.settings.items():
            if name in inventory.settings and inventory.settings[name][0] != value:
                before, origin = inventory.settings[name]
                changes.append(SettingChange(name, before, value, origin))
        return tuple(changes)

    def _list(self, kind: GroupKind) -> None:
        resource = self._session.discovery.find(kind.group, kind.kind)
        if resource is not None:
            self._watches.list(resource, self._platform.namespace)


def _masked(value: Any) -> Any:
    return value if value is None else "•••"
