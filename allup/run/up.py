"""Brings components up: secrets, namespace, lock; then each component along the graph: apply, wait, check;
then prune, and the inventory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from allup.cluster import inventory as inventories
from allup.cluster import namespaces
from allup.cluster.discovery import Resource
from allup.cluster.inventory import Inventory, Run
from allup.cluster.objects import Written
from allup.errors import (
    AllupError,
    ClusterError,
)
from allup.graph import Graph
from allup.loading import LoadedPlatform, dependencies
from allup.manifests import refuse_twice
from allup.model.checks import HealthCheck, JqCheck
from allup.model.platform import Component
from allup.refs import GroupKind, ObjectRef
from allup.run import ownkeys, pruning, secretsource
from allup.run.applying import Applier
from allup.run.assembly import Assembler
from allup.run.checks import EVERY, Checker
from allup.run.componentwait import ComponentWait
from allup.run.instance_run import InstanceRun
from allup.run.options import RunOptions
from allup.run.progress import (
    Action,
    CheckOutcome,
    Phase,
    Reporter,
    RunFinished,
    RunStarted,
)
from allup.run.schedule import Schedule, Skipped
from allup.run.selection import selected_up
from allup.run.session import Session
from allup.run.surroundings import Surroundings
from allup.run.waiting import Stopped

_ACTIONS = {
    Written.CREATED: Action.CREATED,
    Written.CHANGED: Action.CHANGED,
    Written.UNCHANGED: Action.UNCHANGED,
}
_ALWAYS_LISTED = (GroupKind("", "ConfigMap"), GroupKind("", "Secret"))
_CLAIM = GroupKind("", "PersistentVolumeClaim")
_CRD = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
_JOB = GroupKind("batch", "Job")


class Up(InstanceRun):
    """One up. ``run`` may be called once."""

    def __init__(
        self,
        session: Session,
        loaded: LoadedPlatform,
        options: RunOptions,
        report: Reporter,
        given: secretsource.Given,
        told_as: str = "",
    ) -> None:
        """*told_as* is what the history calls the run, if not an up."""
        super().__init__(session, loaded.platform, options, report)
        self._loaded = loaded
        self._given = given
        self._told_as = told_as or " ".join(("up", *options.only))
        self._graph = Graph(dependencies(loaded))
        self._names = selected_up(self._graph, options.only, options.skip, options.no_deps)
        self._objects_of: dict[str, list[ObjectRef]] = {}
        self._assembler: Assembler
        self._applier: Applier
        self._waits: ComponentWait
        self._inventory: Inventory
        self._keys: ownkeys.OwnKeys | None = None
        self._surroundings = Surroundings(session.objects)

    def run(self) -> RunFinished:
        """Does all of it. Raises AllupError for what is wrong before the first component starts; what fails
        later is in the result. Ctrl-C and SIGTERM are passed on once the half-done state was reported."""
        with self._reading():
            self._prepare()
        with self._ending(lambda: self._finish("interrupted")):
            self._begin()
            succeeded = Schedule(
                {name: self._graph.direct_needs(name) for name in self._names},
                self._component,
                self._skipped,
                self._ledger.tick,
            ).run()
            if self._switchboard.failure is not None:
                raise self._switchboard.failure
            if succeeded and self._everything and self._options.prune:
                self._prune()
            return self._finish("done" if succeeded else "failed")

    @property
    def _everything(self) -> bool:
        return not self._options.only and not self._options.skip

    # Before anything is touched

    def _prepare(self) -> None:
        platform, session = self._platform, self._session
        namespace = platform.namespace
        if platform.instance.startswith("kube-") or namespace.startswith("kube-"):
            raise ClusterError(f"namespace {namespace}", "belongs to Kubernetes itself")
        for kind in _ALWAYS_LISTED:
            self._list(kind)
        store = self._watches.store
        empty = Inventory(platform.name, platform.instance, namespace)
        self._inventory = inventories.of_store(store, empty) or empty
        keys = self._keys = ownkeys.of_store(store, platform.instance, namespace)
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
        for warning in (*platform.warnings, *resolved.warnings):
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
            self._list(_CLAIM)  # data made with another Secret is refused here, not halfway
        for name in self._names:
            for warning in self._assembler.refuse_without(platform.component(name)):
                self._ledger.note(warning, warning=True)
        planned = [
            desired
            for name in self._names
            for desired in self._assembler.component(platform.component(name), planning=True, looking=False)
        ]
        refuse_twice(planned)
        own_kinds = {d.body["spec"]["names"]["kind"] for d in planned if d.ref.group_kind == _CRD}
        for desired in planned:
            if desired.ref.kind not in own_kinds:
                self._objects.resource(desired.ref, desired.body["apiVersion"])
        self._objects_of = {name: [d.ref for d in planned if d.component == name] for name in self._names}
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
        somebody_was_quicker = self._take_lock() > self._watches.listed_at
        if before := namespaces.other_level(state, platform.pod_security):
            namespaces.set_level(self._objects, platform.namespace, platform.pod_security)
            now = f"enforces Pod Security {platform.pod_security} now, not {before}"
            self._ledger.note(f"namespace {platform.namespace} {now}")
        if self._keys is None:
            made = ownkeys.make(self._objects, platform.name, platform.instance, platform.namespace)
            self._assembler.salt_key, self._assembler.checksum_key = made.keys.salt, made.keys.checksum
            somebody_was_quicker = somebody_was_quicker or not made.ours
        if somebody_was_quicker:  # what we know (which Secrets are kept!) is older than what is there
            self._watches.close()
            self._watches = self._new_watches()
            self._prepare()
        begun = self._inventory.with_kinds(self._kinds)
        graph = {**begun.graph, **self._direct_needs()}
        if begun.group_kinds != self._inventory.group_kinds or not self._inventory.graph:
            inventories.write(self._objects, replace(begun, graph=graph))
        self._inventory = replace(begun, graph=graph)
        self._waits = self._component_wait(self._surroundings)  # of the watches that stay
        self._applier = Applier(
            self._session,
            self._assembler,
            self._watches,
            self._switchboard,
            self._pool,
            self._ledger,
            self._options,
            planned=[ref for refs in self._objects_of.values() for ref in refs],
            fresh_namespace=state.fresh,
            deadline=self._deadline,
            beside=self._waits.beside,
            established=lambda component, refs: self._waits.until_ready(
                component, refs, self._clock.monotonic() + 60
            ),
        )

    def _direct_needs(self) -> dict[str, tuple[str, ...]]:
        return {name: tuple(self._graph.direct_needs(name)) for name in self._graph.order()}

    def _started_progress(self) -> RunStarted:
        return self._session.begins(
            "up",
            self._platform,
            self._names,
            needs={name: tuple(self._graph.direct_needs(name)) for name in self._names},
            expected={n: s for n, s in self._inventory.seconds.items() if n in self._names},
            only=tuple(name for name in self._names if name in self._options.only),
        )

    # One component

    def _component(self, name: str) -> bool:
        component = self._platform.component(name)
        deadline = min(self._clock.monotonic() + component.deadline, self._deadline)

        def bring_up() -> None:
            self._ledger.moved(name, Phase.APPLYING)
            kinds = sorted({(ref.group_kind, ref.namespace) for ref in self._objects_of[name]})
            applied = self._applier.apply(component, kinds)
            if self._options.wait:
                self._waits.until_ready(component, applied, deadline)
                if component.checks:
                    self._ledger.moved(name, Phase.CHECKING, _health_checks(len(component.checks)))
                    self._check(component, deadline)

        return self._waits.attempt(name, bring_up)

    def _skipped(self, skipped: Skipped) -> None:
        self._ledger.moved(skipped.name, Phase.SKIPPED, f"needs {skipped.needed}")

    def _check(self, component: Component, deadline: float) -> None:
        checker = Checker(
            self._session.api,
            self._watches.store,
            self._platform.namespace,
            self._surroundings.simulated_nodes(),
        )
        for check in component.checks:
            looks_at = self._looks_at(check)
            for resource in looks_at:
                self._watches.list(resource, self._platform.namespace)
            while True:
                answer = checker.try_once(check)
                if answer.outcome is not CheckOutcome.FAILED:
                    break
                for resource in looks_at:  # what is ready at once is not watched yet
                    self._watches.open(resource, self._platform.namespace)
                self._ledger.moved(component.name, Phase.CHECKING, f"{check.name}: {answer.detail}")
                if self._clock.monotonic() + EVERY >= deadline:
                    self._ledger.checked(component.name, check.name, answer.outcome, answer.detail)
                    raise AllupError(f"check {check.name!r}", f"has not passed: {answer.detail}")
                if self._session.stop.wait(EVERY):
                    raise Stopped
            self._ledger.checked(component.name, check.name, answer.outcome, answer.detail)

    def _looks_at(self, check: HealthCheck) -> Sequence[Resource]:
        """The kinds whose objects decide about a check."""
        find, of_kind = self._session.discovery.find, self._session.discovery.of_kind
        if isinstance(check, JqCheck):
            named = find(check.ref.group, check.ref.kind) if check.ref.group else None
            return [named] if named else of_kind(check.ref.kind)[:1]
        pods = find("", "Pod")
        return [*of_kind(check.target.kind)[:1], *([pods] if pods else [])]

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
            desired=frozenset(ref for refs in self._objects_of.values() for ref in refs),
            ledger=self._ledger,
        )
        kinds = self._kinds | gone.kinds_kept
        self._inventory = replace(self._inventory, group_kinds=kinds, graph=self._direct_needs())

    def _finish(self, outcome: str) -> RunFinished:
        self._write_bundle(outcome)
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
            run = Run(self._told_as, self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"), seconds, outcome)
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


def _did_something(actions: Mapping[Action, int]) -> bool:
    return any(actions.get(a) for a in (Action.CREATED, Action.CHANGED, Action.REPLACED))


def _health_checks(number: int) -> str:
    return f"{number} health check{'s' if number != 1 else ''}"
