"""Takes components down: the graph backwards, each gone when its objects *and their pods* are gone.

Works from the inventory and the labels in the cluster, so it needs none of up's flags, and what is no
longer in the code still goes, in order. Missing objects and missing kinds are fine. It always ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from allup import expressions
from allup.cluster import inventory as inventories
from allup.cluster import namespaces, streams
from allup.cluster.inventory import Inventory, Run
from allup.cluster.store import component_of
from allup.diagnosis import Finding
from allup.errors import AllupError, ApiError, NotFound
from allup.graph import Graph
from allup.model import labels
from allup.model.platform import AwaitLogLine, Component, Platform, ScaleToZero
from allup.ordering import in_delete_order
from allup.refs import GroupKind, ObjectRef
from allup.run import ownkeys
from allup.run.instance_run import InstanceRun
from allup.run.keeping import is_borrowed, why_kept
from allup.run.leaving import Leaving, holds
from allup.run.listening import Listener
from allup.run.options import RunOptions
from allup.run.progress import Action, Phase, Reporter, RunFinished, RunStarted
from allup.run.schedule import Schedule
from allup.run.selection import selected_down
from allup.run.session import Session
from allup.run.surroundings import simulated_nodes
from allup.run.waiting import Stopped

GRACE_MARGIN = 30.0
_LINES_BEFORE = 20
_POD = GroupKind("", "Pod")
_WITH_PODS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod")
_COPIES = ("Endpoints", "EndpointSlice")


class Down(InstanceRun):
    """One run. *kinds* are the kinds of the platform's manifests, for when the inventory is gone."""

    def __init__(
        self,
        session: Session,
        platform: Platform,
        kinds: frozenset[GroupKind],
        options: RunOptions,
        report: Reporter,
    ) -> None:
        super().__init__(session, platform, options, report)
        self._kinds = kinds
        self._namespace: namespaces.NamespaceState | None = None
        self._inventory: Inventory | None = None
        self._names: tuple[str, ...] = ()

    def run(self) -> RunFinished:
        """Does all of it; what is stuck is in the result. Raises AllupError for what is wrong beforehand,
        InputError when live dependants are in the way."""
        platform = self._platform
        with self._reading():
            self._namespace = namespaces.look(self._objects, platform.namespace, platform.instance)
        with self._ending(lambda: self._finish("interrupted")):
            self._lock_if_there()  # before looking: another run may be making what is to go
            empty = Inventory(platform.name, platform.instance, platform.namespace)
            with self._reading():
                self._inventory = inventories.read(self._objects, empty)
            self._see_what_is_there()
            graph = self._graph()
            self._names = selected_down(graph, self._options.only, self._live(), self._options.cascade)
            self._ledger.say(self._started_progress(graph))
            needed_by = {n: [d for d in self._names if n in graph.direct_needs(d)] for n in self._names}
            # What is stuck does not stop what is independent of it; what it still uses stays.
            gone = Schedule(
                needed_by,
                self._component,
                lambda s: self._ledger.moved(s.name, Phase.SKIPPED, f"still needed by {s.needed}"),
                self._ledger.tick,
            ).run()
            if self._switchboard.failure is not None:
                raise self._switchboard.failure
            return self._finish("done" if self._end(gone) else "stuck")

    # What is there

    def _see_what_is_there(self) -> None:
        kinds = self._kinds | {_POD, GroupKind("apps", "ReplicaSet")}
        if self._inventory is not None:
            kinds |= self._inventory.group_kinds

        def look(kind: GroupKind) -> None:
            resource = self._session.discovery.find(kind.group, kind.kind)
            if resource is None or (self._namespace is None and resource.namespaced):
                return
            try:
                self._watches.list(resource, self._platform.namespace)
            except ApiError as error:
                if error.status != 403:
                    raise
                self._ledger.note(
                    f"we may not list {resource.plural}: any that are ours are left ({error.fact})",
                    warning=True,
                )

        self._pool.map(look, sorted(kinds))

    def _ours(self, component: str | None = None) -> dict[ObjectRef, Mapping[str, Any]]:
        """Objects of ours (of one component): not what controllers made from them, not our own records."""
        store = self._watches.store
        names = store.components() if component is None else (component,)
        return {
            ref: obj
            for name in names
            for ref, obj in store.of_component(name)
            if not obj["metadata"].get("ownerReferences") and ref.kind not in _COPIES
        }

    def _graph(self) -> Graph:
        stored = dict(self._inventory.graph) if self._inventory is not None else {}
        in_code: dict[str, Sequence[str]] = {c.name: tuple(c.after) for c in self._platform.components}
        needs: dict[str, Sequence[str]] = {**in_code, **stored}
        for obj in self._ours().values():
            needs.setdefault(component_of(obj), ())
        return Graph({name: [n for n in needed if n in needs] for name, needed in needs.items()})

    def _live(self) -> dict[str, bool]:
        live: dict[str, bool] = {}
        for obj in self._ours().values():
            name = component_of(obj)
            live[name] = live.get(name, False) or not why_kept(obj)
        return live

    def _started_progress(self, graph: Graph) -> RunStarted:
        platform = self._platform
        return RunStarted(
            at=self._clock.monotonic(),
            verb="down",
            platform=platform.name,
            instance=platform.instance,
            namespace=platform.namespace,
            context=self._session.context,
            components=self._names,
            needs={n: tuple(d for d in self._names if n in graph.direct_needs(d)) for n in self._names},
            only=tuple(name for name in self._names if name in self._options.only),
        )

    def _lock_if_there(self) -> None:
        if self._namespace is None or self._namespace.terminating:
            return
        try:
            self._take_lock()
        except NotFound:
            pass  # the namespace went away meanwhile
        except ApiError as error:
            if error.status != 403:  # being terminated: nobody can take a lock in it any more
                raise

    # One component

    def _component(self, name: str) -> bool:
        try:
            return self._take_down(name)
        except Stopped:
            return False
        except AllupError as error:
            if not self._session.stop.is_set():
                self._ledger.moved(name, Phase.STUCK, str(error))
            return False

    def _take_down(self, name: str) -> bool:
        declared = next((c for c in self._platform.components if c.name == name), None)
        leaving = Leaving(
            name,
            watches=self._watches,
            switchboard=self._switchboard,
            clock=self._clock,
            stop=self._session.stop,
            on_message=lambda text: self._ledger.moved(name, Phase.DELETING, text),
        )
        objects = self._ours(name)
        going = {ref: obj for ref, obj in objects.items() if not why_kept(obj)}
        purge_now = self._options.purge and bool(self._options.only)
        for ref, obj in objects.items():
            if ref not in going and not self._options.purge:
                self._ledger.did(name, ref, Action.KEPT, why_kept(obj))
        if purge_now:
            going = dict(objects)
        if not going and not leaving.pods() and not (declared and declared.children):
            self._ledger.moved(name, Phase.GONE, "" if objects else "nothing there")
            return True
        self._ledger.moved(name, Phase.DELETING)
        for kind in {_POD, *(ref.group_kind for ref in going)}:
            resource = self._session.discovery.find(kind.group, kind.kind)
            if resource is not None and (self._namespace is not None or not resource.namespaced):
                self._watches.open(resource, self._platform.namespace)
        deadline = self._budget(leaving)
        if declared is not None:
            self._before(declared, leaving, deadline)
            self._remove_children(declared, deadline)
        # Pods first: what they use (claims, configuration, Services) goes after they are gone.
        with_pods = [ref for ref in going if ref.kind in _WITH_PODS]
        for batch in (with_pods, [ref for ref in going if ref.kind not in _WITH_PODS]):
            ordered = in_delete_order(batch, lambda ref: ref)
            self._pool.map(lambda ref: self._delete(name, ref, going[ref]), ordered)
            uids = {ref: str(going[ref]["metadata"].get("uid", "")) for ref in batch}
            left = leaving.await_gone(uids, deadline)
            if left:
                self._stuck(name, left)
                return False
        self._ledger.moved(name, Phase.GONE)
        return True

    def _delete(self, name: str, ref: ObjectRef, obj: Mapping[str, Any]) -> None:
        if self._session.stop.is_set():
            raise Stopped
        if is_borrowed(obj):
            self._objects.give_back(obj)
            self._watches.store.remove(ref)
            self._ledger.did(name, ref, Action.GIVEN_BACK)
            return
        deleted = self._objects.delete(ref, uid=obj["metadata"].get("uid", ""))
        if not deleted:
            self._watches.store.remove(ref)
        self._ledger.did(name, ref, Action.DELETED if deleted else Action.MISSING)

    def _budget(self, leaving: Leaving) -> float:
        longest = 0.0
        for ref in leaving.pods():
            pod = self._watches.store.get(ref) or {}
            longest = max(longest, float((pod.get("spec") or {}).get("terminationGracePeriodSeconds") or 30))
        return max(
            min(self._clock.monotonic() + max(longest, 60.0) + GRACE_MARGIN, self._deadline),
            self._clock.monotonic() + longest + GRACE_MARGIN if longest > 60 else 0.0,
        )

    def _before(self, component: Component, leaving: Leaving, deadline: float) -> None:
        workloads = {
            hook: next((r for r in self._ours(component.name) if hook.ref.matches(r)), None)
            for hook in component.before_down
        }
        # Ears first: what a log says while its pod stops is said once.
        listening = [
            (hook, self._listen(component.name, hook, ref, leaving))
            for hook, ref in workloads.items()
            if isinstance(hook, AwaitLogLine) and ref is not None
        ]
        for hook, ref in workloads.items():
            if not isinstance(hook, ScaleToZero) or ref is None:
                continue
            self._ledger.moved(
                component.name, Phase.DELETING, f"scaling {ref.name} to zero: {hook.why or 'it stops first'}"
            )
            self._objects.merge(ref, {"spec": {"replicas": 0}}, manager=labels.SCALE_FIELD_MANAGER)
            leaving.await_gone({}, deadline, partial(self._pods_of, self._uid(ref), leaving))
        for hook, listener in listening:
            if listener is not None:
                self._conclude(component.name, hook, listener)

    def _listen(
        self, component: str, hook: AwaitLogLine, ref: ObjectRef, leaving: Leaving
    ) -> Listener | None:
        """Ears at the workload's pods; None when nothing will be said: no pod, or no process in it."""
        workload = self._watches.store.get(ref) or {}
        if hook.when and not _is_true(hook.when, workload):
            return None
        pods = [(pod, self._watches.store.get(pod) or {}) for pod in self._pods_of(self._uid(ref), leaving)]
        if not pods:
            return None
        simulated = simulated_nodes(self._objects)
        if any((obj.get("spec") or {}).get("nodeName") in simulated for _, obj in pods):
            self._ledger.note(f"{component}: whether {_clause(hook)} was not looked for: simulated node")
            return None
        api = self._session.api
        return Listener(
            lambda pod, container: streams.follow(
                api, pod.namespace, pod.name, container=container, tail=_LINES_BEFORE
            ),
            [(pod, c["name"]) for pod, obj in pods for c in (obj.get("spec") or {}).get("containers", ())],
            hook.pattern,
        )

    def _conclude(self, component: str, hook: AwaitLogLine, listener: Listener) -> None:
        if line := listener.heard(hook.timeout):
            self._ledger.note(f"{component}: its log says that {_clause(hook)}: {line}")
            return
        trouble = listener.trouble
        reason = f"its log could not be read ({trouble})" if trouble else f"no log said {hook.pattern!r}"
        self._ledger.note(
            f"{component}: it could not be confirmed that {_clause(hook)}: {reason}", warning=True
        )

    def _uid(self, ref: ObjectRef) -> str:
        return str((self._watches.store.get(ref) or {"metadata": {}})["metadata"].get("uid", ""))

    def _pods_of(self, uid: str, leaving: Leaving) -> Sequence[ObjectRef]:
        owners = {uid, *(o["metadata"]["uid"] for o in self._watches.store.owned(uid, "ReplicaSet"))}
        owned = {ObjectRef.of(pod) for owner in owners for pod in self._watches.store.owned(owner, "Pod")}
        return [ref for ref in leaving.pods() if ref in owned]

    def _remove_children(self, component: Component, deadline: float) -> None:
        """What the component's own processes made; only in a namespace that we made."""
        if not component.children or self._namespace is None:
            return
        if not self._namespace.ours:
            self._ledger.note(
                f"{component.name}: its children ({', '.join(c.kind for c in component.children)}) are left, "
                f"since namespace {self._platform.namespace} was not made by us",
                warning=True,
            )
            return
        for child in component.children:
            group, _, kind = child.kind.rpartition("/")
            found = self._session.discovery.find(group, kind) if group else None
            resource = found or next(iter(self._session.discovery.of_kind(kind)), None)
            if resource is None:
                continue
            while True:
                left = self._objects.list(resource, self._platform.namespace, child.selector)
                for obj in left:
                    ref = ObjectRef.of(obj)
                    if not obj["metadata"].get("deletionTimestamp"):
                        self._objects.delete(ref, uid=obj["metadata"]["uid"], foreground=True)
                        self._ledger.did(component.name, ref, Action.DELETED)
                if not left or self._clock.monotonic() > deadline:
                    break
                if self._session.stop.wait(0.2):
                    raise Stopped

    def _stuck(self, name: str, left: Sequence[ObjectRef]) -> None:
        for ref in left:
            obj = self._watches.store.get(ref)
            if obj is not None:
                self._ledger.found(
                    name,
                    Finding(ref=ref, cause="stuck", message=f"does not go: {holds(obj)}"),
                )
        self._ledger.moved(name, Phase.STUCK, f"{left[0]} does not go")

    # The end

    def _end(self, gone: bool) -> bool:
        if self._namespace is None:
            return gone and self._purge_kept() if self._options.purge else gone
        if self._options.only:
            return gone
        if gone and self._options.purge:
            return self._purge()
        if not self._options.purge and self._namespace.ours and (self._ledger.kept or self._inventory):
            self._ledger.kept.append(
                (namespaces.namespace_ref(self._platform.namespace), "it holds what is kept")
            )
        return gone

    def _purge(self) -> bool:
        assert self._namespace is not None
        if not self._purge_kept():
            return False
        platform = self._platform
        if self._lease is not None:
            self._lease.release()
            self._lease = None
        ref = namespaces.namespace_ref(platform.namespace)
        others = inventories.others(self._objects, platform.namespace, platform.instance)
        if others and self._namespace.ours:
            self._ledger.kept.append((ref, f"it also holds {', '.join(others)}"))
        elif self._namespace.ours and platform.namespace not in namespaces.PROTECTED:
            self._objects.delete(ref, uid=self._namespace.obj["metadata"]["uid"])
            self._ledger.did("", ref, Action.DELETED)
            return self._await_namespace_gone(ref)
        for ref in (
            ObjectRef(
                "coordination.k8s.io", "Lease", platform.namespace, labels.inventory_name(platform.instance)
            ),
            ownkeys.ref(platform.instance, platform.namespace),
            Inventory(platform.name, platform.instance, platform.namespace).ref,
        ):
            self._objects.delete(ref)
        self._inventory = None
        return True

    def _purge_kept(self) -> bool:
        """Claims first, then volumes and the rest: a volume waits for its claim."""
        left = self._ours()
        claims = [ref for ref in left if ref.kind == "PersistentVolumeClaim"]
        gone = True
        for batch in (claims, [ref for ref in left if ref not in claims]):
            for ref in in_delete_order(batch, lambda ref: ref):
                self._delete(component_of(left[ref]), ref, left[ref])
            gone = self._await_all_gone(batch) and gone
        return gone

    def _await_all_gone(self, refs: Sequence[ObjectRef]) -> bool:
        limit = min(self._deadline, self._clock.monotonic() + 60.0 + GRACE_MARGIN)
        for ref in refs:
            while (found := self._objects.get(ref)) is not None:
                if self._clock.monotonic() > limit:
                    self._ledger.note(f"{ref} does not go: {holds(found)}", warning=True)
                    return False
                if self._session.stop.wait(0.1):
                    raise Stopped
            self._watches.store.remove(ref)
        return True

    def _await_namespace_gone(self, ref: ObjectRef) -> bool:
        self._inventory = None
        limit = min(self._deadline, self._clock.monotonic() + 120.0)
        while (found := self._objects.get(ref)) is not None:
            if self._clock.monotonic() > limit:
                why = namespaces.held_by(self._objects, ref.name) or namespaces.conditions(found)
                why = why or holds(found)
                self._ledger.note(f"{ref} does not go: {why}", warning=True)
                return False
            if self._session.stop.wait(0.1):
                raise Stopped
        return True

    def _finish(self, outcome: str) -> RunFinished:
        self._write_bundle(outcome)
        seconds = self._clock.monotonic() - self._session.started
        if outcome != "interrupted" and self._inventory is not None:
            self._remember(outcome, seconds)
        finished = RunFinished(
            at=self._clock.monotonic(),
            verb="down",
            outcome=outcome,
            seconds=seconds,
            components=self._ledger.results((*self._names, *([""] if self._options.purge else []))),
            kept=tuple(self._ledger.kept),
            warnings=tuple(self._ledger.warnings),
            requests=self._session.api.requests,
        )
        self._ledger.say(finished)
        return finished

    def _remember(self, outcome: str, seconds: float) -> None:
        assert self._inventory is not None
        inventory = self._inventory
        if outcome == "done" and not self._options.only:
            inventory = replace(inventory, group_kinds=frozenset(ref.group_kind for ref in self._ours()))
        when = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        run = Run(" ".join(("down", *self._options.only)), when, seconds, outcome)
        try:
            inventories.write(self._objects, inventory.with_run(run))
        except AllupError as error:
            self._ledger.note(f"the inventory could not be written: {error.fact}", warning=True)


def _is_true(expression: str, obj: Mapping[str, Any]) -> bool:
    try:
        return expressions.first(expression, dict(obj)) is True
    except ValueError:
        return False


def _clause(hook: AwaitLogLine) -> str:
    return hook.why or f"a log says {hook.pattern!r}"
