"""Brings components up: secrets, namespace, lock; then each component along the graph: apply, wait, check;
then prune, and the inventory."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from allup.cluster import inventory as inventories
from allup.cluster import namespaces
from allup.cluster.inventory import Inventory, Run
from allup.cluster.lease import Lease
from allup.cluster.objects import Written, explain_immutable
from allup.cluster.watch import Watches
from allup.errors import (
    AdoptionRefused,
    AllupError,
    ApiError,
    ClusterError,
    FieldConflict,
    ImmutableField,
    Terminated,
)
from allup.graph import Graph
from allup.loading import LoadedPlatform, dependencies
from allup.manifests import Desired
from allup.model import labels
from allup.model.live import later_texts
from allup.model.platform import Component
from allup.ordering import rank
from allup.refs import GroupKind, ObjectRef, ShortRef
from allup.run import conflicts, explaining, ownkeys, pruning, secretsource, surroundings
from allup.run.assembly import Assembler
from allup.run.checks import EVERY, Checker
from allup.run.ledger import Ledger
from allup.run.options import RunOptions
from allup.run.progress import (
    Action,
    CheckOutcome,
    Phase,
    Reporter,
    RunFinished,
    RunStarted,
)
from allup.run.replacing import replace_objects
from allup.run.schedule import Schedule, Skipped
from allup.run.selection import selected_up
from allup.run.session import Session
from allup.run.waiting import Beside, NotReady, Stopped, Switchboard, Wait
from allup.run.workers import Pool

_ACTIONS = {
    Written.CREATED: Action.CREATED,
    Written.CHANGED: Action.CHANGED,
    Written.UNCHANGED: Action.UNCHANGED,
}
_ALWAYS_LISTED = (GroupKind("", "ConfigMap"), GroupKind("", "Secret"))
_CRD = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
_JOB = GroupKind("batch", "Job")


class Up:
    """One run. ``run`` may be called once; ``interrupt`` from anywhere."""

    def __init__(
        self,
        session: Session,
        loaded: LoadedPlatform,
        options: RunOptions,
        report: Reporter,
        given: secretsource.Given,
    ) -> None:
        self._session = session
        self._loaded = loaded
        self._platform = loaded.platform
        self._options = options
        self._given = given
        self._objects = session.objects
        self._clock = session.clock
        self._ledger = Ledger(report, session.clock)
        self._pool = Pool(options.jobs)
        self._switchboard = Switchboard()
        self._watches = Watches(
            session.api,
            selector=labels.instance_selector(self._platform.instance),
            on_failure=self._switchboard.fail,
            on_note=lambda text: self._ledger.note(text, warning=True),
        )
        self._watches.store.listen(self._switchboard.changed)
        enabled = {c.name for c in self._platform.components if c.enabled}
        needs = dependencies(loaded)
        self._graph = Graph({n: [d for d in needs[n] if d in enabled] for n in needs if n in enabled})
        self._names = selected_up(self._graph, options.only, options.skip, options.no_deps)
        self._deadline = session.started + options.timeout
        self._lease: Lease | None = None
        self._namespace_fresh = False
        self._desired: dict[ObjectRef, Desired] = {}
        self._assembler: Assembler
        self._inventory: Inventory
        self._binding_modes: dict[str | None, str | None] | None = None
        self._lock = threading.Lock()

    def run(self) -> RunFinished:
        """Does all of it. Raises AllupError for what is wrong before the first component starts;
        what fails later is in the result. Ctrl-C is re-raised after the half-done state was reported."""
        started = self._clock.monotonic()
        self._prepare()
        outcome = "failed"
        try:
            self._begin()
            succeeded = Schedule(
                {n: self._graph.direct_needs(n) for n in self._names},
                self._component,
                self._skipped,
                self._ledger.tick,
            ).run()
            if self._switchboard.failure is not None:
                raise self._switchboard.failure
            if succeeded and not self._options.only and not self._options.skip and self._options.prune:
                self._prune()
            outcome = "done" if succeeded else "failed"
            return self._finish(outcome, started)
        except (KeyboardInterrupt, Terminated):
            outcome = "interrupted"
            self._session.stop.set()
            self._switchboard.wake()
            self._finish(outcome, started)
            raise
        except BaseException:
            self._session.stop.set()
            self._switchboard.wake()
            raise
        finally:
            self._close()

    # Before anything is touched

    def _prepare(self) -> None:
        platform, session = self._platform, self._session
        namespace = platform.namespace
        if platform.instance.startswith("kube-") or namespace.startswith("kube-"):
            raise ClusterError(f"namespace {namespace}", "belongs to Kubernetes itself")
        for kind in _ALWAYS_LISTED:
            self._list(kind, namespace)
        store = self._watches.store
        empty = Inventory(platform.name, platform.instance, namespace)
        self._inventory = inventories.of_store(store, empty) or empty
        self._keys = ownkeys.of_store(store, platform.instance, namespace)
        keys = self._keys
        resolved = secretsource.resolve(
            [s for name in self._names for s in platform.component(name).secrets],
            others=[s for c in platform.components for s in c.secrets],
            store=store,
            namespace=namespace,
            given=self._given,
            sandbox=session.sandbox,
            folder=self._loaded.folder,
            redactor=session.redactor,
            now=self._clock.now(),
        )
        for warning in resolved.warnings:
            self._ledger.note(warning, warning=True)
        self._assembler = Assembler(
            loaded=self._loaded,
            objects=self._objects,
            store=store,
            namespace=namespace,
            instance=platform.instance,
            secrets=resolved.values,
            salt_key=keys.salt if keys else ownkeys.NO_KEY,
            checksum_key=keys.checksum if keys else None,
            applyset_id=self._inventory.applyset_id,
            evaluation=resolved.evaluation,
        )
        if any(platform.component(name).initialised_by for name in self._names):
            self._list(GroupKind("", "PersistentVolumeClaim"), namespace)  # a mismatch is refused here
        for name in self._names:
            self._assembler.refuse_without(platform.component(name))
        planned = [
            d
            for name in self._names
            for d in self._assembler.component(self._component_named(name), planning=True)
        ]
        for desired in planned:
            other = self._desired.setdefault(desired.ref, desired)
            if other is not desired:
                raise AllupError(
                    str(desired.ref), f"is defined twice: in {other.source} and in {desired.source}"
                )
        own_kinds = {d.body["spec"]["names"]["kind"] for d in planned if d.ref.group_kind == _CRD}
        for desired in planned:
            if desired.ref.kind not in own_kinds:
                self._objects.resource(desired.ref, desired.body["apiVersion"])
        self._kinds = frozenset(d.ref.group_kind for d in planned)

    # The first writes

    def _begin(self) -> None:
        platform = self._platform
        state = namespaces.look(self._objects, platform.namespace, platform.instance)
        if state is not None and state.terminating:
            self._ledger.note(f"namespace {platform.namespace} is on its way out; waiting for it to be gone")
            self._await_namespace_gone()
            state = None
        self._ledger.say(self._started_progress())
        if state is None:
            state = namespaces.make(
                self._objects,
                platform.namespace,
                platform=platform.name,
                instance=platform.instance,
                pod_security=platform.pod_security,
            )
        self._namespace_fresh = state.fresh
        self._take_lock()
        if self._keys is None:
            self._keys = ownkeys.make(self._objects, platform.name, platform.instance, platform.namespace)
            self._assembler.salt_key = self._keys.salt
            self._assembler.checksum_key = self._keys.checksum
        begun = self._inventory.with_kinds(self._kinds)
        graph = {name: tuple(self._graph.direct_needs(name)) for name in self._graph.order()}
        if begun.group_kinds != self._inventory.group_kinds or not self._inventory.graph:
            inventories.write(self._objects, replace(begun, graph={**begun.graph, **graph}))
        self._inventory = replace(begun, graph={**begun.graph, **graph})

    def _started_progress(self) -> RunStarted:
        platform = self._platform
        return RunStarted(
            at=self._clock.monotonic(),
            verb="up",
            platform=platform.name,
            instance=platform.instance,
            namespace=platform.namespace,
            context=self._session.context,
            components=self._names,
            needs={name: tuple(self._graph.direct_needs(name)) for name in self._names},
            expected={n: s for n, s in self._inventory.seconds.items() if n in self._names},
        )

    def _take_lock(self) -> None:
        platform = self._platform
        lease = Lease(
            self._session.api,
            platform.namespace,
            platform.instance,
            here=self._session.here,
            on_lost=self._switchboard.fail,
        )
        said: set[str] = set()

        def on_wait(holder: str) -> None:
            if holder not in said:
                said.add(holder)
                self._ledger.note(f"another run is at work on {platform.instance} ({holder}); waiting for it")

        try:
            lease.acquire(self._options.lock_timeout, on_wait=on_wait)
        except ApiError as error:
            if error.status == 403:
                raise ClusterError(
                    f"instance {platform.instance}",
                    "we may not write in its namespace",
                    evidence=error.fact,
                    next_step="Use a context with more rights, or have a Role bound to this one",
                ) from error
            raise
        self._lease = lease

    # One component

    def _component_named(self, name: str) -> Component:
        return self._platform.component(name)

    def _component(self, name: str) -> bool:
        component = self._component_named(name)
        deadline = min(self._clock.monotonic() + component.deadline, self._deadline)
        try:
            self._ledger.moved(name, Phase.APPLYING)
            desired = self._apply(component)
            if self._options.wait:
                self._wait(component, [d.ref for d in desired], deadline)
                if component.checks:
                    self._ledger.moved(name, Phase.CHECKING, f"{len(component.checks)} health checks")
                    self._check(component, deadline)
        except Stopped:
            return False
        except NotReady as not_ready:
            finding = explaining.explain(
                self._session, self._watches.store, name, not_ready, self._platform.collection
            )
            self._ledger.found(name, finding)
            self._ledger.moved(name, Phase.FAILED, finding.message)
            return False
        except AllupError as error:
            if not self._session.stop.is_set():
                self._ledger.found(name, explaining.of_error(error, self._platform.namespace))
                self._ledger.moved(name, Phase.FAILED, str(error))
            return False
        self._ledger.moved(name, Phase.READY)
        return True

    def _skipped(self, skipped: Skipped) -> None:
        self._ledger.moved(skipped.name, Phase.SKIPPED, f"needs {skipped.needed}")

    def _apply(self, component: Component) -> Sequence[Desired]:
        mine = [desired.ref for desired in self._desired.values() if desired.component == component.name]
        for kind, namespace in sorted({(ref.group_kind, ref.namespace) for ref in mine}):
            self._list(kind, namespace)
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
            self._pool.map(lambda each: self._apply_one(component, each), group)
            definitions = [d.ref for d in group if d.ref.group_kind == _CRD]
            if definitions:
                self._wait(component, definitions, self._clock.monotonic() + 60)
                self._session.discovery.refresh()
        return assembled

    def _apply_one(self, component: Component, desired: Desired) -> None:
        if self._session.stop.is_set():
            raise Stopped
        known = self._known(desired)
        if known is not None and known["metadata"].get("deletionTimestamp"):
            self._await_gone(component, desired.ref)
            known = None
        action: Action
        try:
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
            raise conflicts.explain(error, desired, self._objects.get(desired.ref)) from error
        later = self._assembler.pinned_later(component, desired, applied.obj)
        if later is not None:
            applied_again = self._objects.apply(later.body, force=force)
            self._watches.store.put(applied_again.obj)
        else:
            self._watches.store.put(applied.obj)
        return _ACTIONS[applied.written]

    def _known(self, desired: Desired) -> Mapping[str, Any] | None:
        """The object as listed, refusing one that exists without being ours."""
        known = self._watches.store.get(desired.ref)
        if known is not None or (self._namespace_fresh and desired.ref.namespace):
            return known
        found = self._objects.get(desired.ref)
        if found is None:
            return None
        instance = (found["metadata"].get("labels") or {}).get(labels.INSTANCE)
        if instance == self._platform.instance:
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
        together = [
            d
            for d in self._desired.values()
            if d.component == component.name
            and any(ShortRef.parse(text).matches(d.ref) for text in component.replace)
        ]
        if desired.ref.group_kind == _JOB:
            together = [desired]
        elif desired.ref not in [d.ref for d in together]:
            what = explain_immutable(error)
            raise AllupError(
                str(desired.ref),
                f"{what or 'a field'} cannot be changed in place",
                evidence=error.fact,
                next_step=f"Take the component down (inv …{component.down_task}) and up again",
            ) from error
        fresh = {d.ref: d for d in self._assembler.component(component)}
        self._ledger.note(f"replacing {', '.join(str(d.ref) for d in together)}", component.name)
        replace_objects(self._session, self._watches, [fresh[d.ref] for d in together], self._deadline)
        return Action.REPLACED

    def _wait(self, component: Component, refs: Sequence[ObjectRef], deadline: float) -> None:
        self._ledger.moved(component.name, Phase.WAITING)
        Wait(
            component.name,
            refs,
            watches=self._watches,
            discovery=self._session.discovery,
            switchboard=self._switchboard,
            beside=Beside(self._watches.store, component.name, self._binding_mode),
            clock=self._clock,
            stopped=self._session.stop.is_set,
            on_message=lambda text: self._ledger.moved(component.name, Phase.WAITING, text),
            deadline=deadline,
        ).run()

    def _check(self, component: Component, deadline: float) -> None:
        self._list(GroupKind("", "Pod"), self._platform.namespace)
        checker = Checker(
            self._session.api,
            self._watches.store,
            self._platform.namespace,
            surroundings.simulated_nodes(self._objects),
        )
        for check in component.checks:
            while True:
                answer = checker.try_once(check)
                if answer.outcome is not CheckOutcome.FAILED:
                    break
                self._ledger.moved(component.name, Phase.CHECKING, f"{check.name}: {answer.detail}")
                if self._clock.monotonic() + EVERY >= deadline:
                    self._ledger.checked(component.name, check.name, answer.outcome, answer.detail)
                    raise AllupError(f"check {check.name!r}", f"has not passed: {answer.detail}")
                if self._session.stop.wait(EVERY):
                    raise Stopped
            self._ledger.checked(component.name, check.name, answer.outcome, answer.detail)

    def _binding_mode(self, storage_class: str | None) -> str | None:
        with self._lock:
            if self._binding_modes is None:
                self._binding_modes = surroundings.binding_modes(self._objects)
            return self._binding_modes.get(storage_class)

    def _list(self, kind: GroupKind, namespace: str) -> None:
        resource = self._session.discovery.find(kind.group, kind.kind)
        if resource is not None:
            self._watches.list(resource, namespace)

    def _await_gone(self, component: Component, ref: ObjectRef) -> None:
        waiting = self._switchboard.subscribe(component.name)
        try:
            self._watches.open(self._objects.resource(ref), ref.namespace)
            while self._watches.store.get(ref) is not None:
                self._ledger.moved(component.name, Phase.APPLYING, f"{ref} is still being deleted")
                if self._clock.monotonic() > self._deadline:
                    raise AllupError(str(ref), "is still being deleted")
                self._switchboard.next_news(waiting, self._session.stop)
        finally:
            self._switchboard.unsubscribe(component.name, waiting)

    def _await_namespace_gone(self) -> None:
        name = self._platform.namespace
        while (state := namespaces.look(self._objects, name, self._platform.instance)) is not None:
            if not state.terminating:
                return
            if self._clock.monotonic() > self._deadline or self._session.stop.wait(0.5):
                raise AllupError(
                    f"namespace {name}",
                    "is still being deleted",
                    evidence=namespaces.conditions(state.obj),
                )

    # The end

    def _prune(self) -> None:
        gone = pruning.prune(
            self._session,
            self._watches,
            self._inventory,
            desired=frozenset(self._desired),
            ledger=self._ledger,
        )
        kinds = self._kinds | gone.kinds_kept
        graph = {name: tuple(self._graph.direct_needs(name)) for name in self._graph.order()}
        self._inventory = replace(self._inventory, group_kinds=kinds, graph=graph)

    def _finish(self, outcome: str, started: float) -> RunFinished:
        results = self._ledger.results(self._names)
        seconds = self._clock.monotonic() - self._session.started
        finished = RunFinished(
            at=self._clock.monotonic(),
            verb="up",
            outcome=outcome,
            seconds=seconds,
            components=results,
            kept=tuple(self._ledger.kept),
            warnings=tuple(self._ledger.warnings),
            requests=self._session.api.requests,
        )
        if outcome != "interrupted":
            moved = {
                r.name: r.seconds for r in results if r.phase is Phase.READY and _did_something(r.actions)
            }
            run = Run("up", self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"), seconds, outcome)
            remembered = replace(
                self._inventory,
                seconds={**self._inventory.seconds, **moved},
                settings=dict(self._given.settings),
            )
            try:
                inventories.write(self._objects, remembered.with_run(run))
            except AllupError as error:
                self._ledger.note(f"the inventory could not be written: {error.fact}", warning=True)
        self._ledger.say(finished)
        return finished

    def _close(self) -> None:
        self._ledger.close()
        self._watches.close()
        self._pool.close()
        if self._lease is not None:
            # On a frozen server the release would take its whole timeout; the lease expires by itself.
            release = threading.Thread(target=self._lease.release, daemon=True)
            release.start()
            release.join(0.5 if self._session.stop.is_set() else 5.0)
        self._session.stop.set()


def _did_something(actions: Mapping[Action, int]) -> bool:
    return any(actions.get(a) for a in (Action.CREATED, Action.CHANGED, Action.REPLACED))
