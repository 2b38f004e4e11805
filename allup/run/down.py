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
from allup.cluster.inventory import Run
from allup.diagnosis import Finding
from allup.diagnosis.deletion import not_allowed
from allup.errors import AllupError, ApiError, NotFound
from allup.graph import Graph
from allup.model import labels
from allup.model.platform import AwaitLogLine, Component, Platform, ScaleToZero
from allup.ordering import in_delete_order
from allup.refs import GroupKind, ObjectRef
from allup.run import explaining, orphans
from allup.run.holding import Evidence
from allup.run.instance_run import InstanceRun
from allup.run.keeping import is_borrowed, that_go, why_kept
from allup.run.leaving import Leaving
from allup.run.listening import Listener
from allup.run.options import RunOptions
from allup.run.progress import THE_REST, Action, Phase, Reporter, RunFinished, RunStarted
from allup.run.purging import Purge
from allup.run.remains import POD, Remains, in_batches
from allup.run.schedule import Schedule
from allup.run.selection import selected_down
from allup.run.session import Session
from allup.run.surroundings import simulated_nodes
from allup.run.waiting import Stopped

GRACE_MARGIN = 30.0
_LINES_BEFORE = 20


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
        self._there = Remains(session, platform, kinds, self._watches)
        self._evidence = Evidence(session, platform.namespace)
        self._names: tuple[str, ...] = ()
        self._purged = False

    def run(self) -> RunFinished:
        """Does all of it; what is stuck is in the result. Raises AllupError for what is wrong beforehand,
        InputError when live dependants are in the way."""
        with self._reading():
            self._there.look_at_namespace()
        with self._ending(lambda: self._finish("interrupted")):
            self._lock_if_there()  # before looking: another run may be making what is to go
            graph = self._look()
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

    def _look(self) -> Graph:
        """Finds out what is there and what is to go. Raises InputError when dependants are in the way."""
        with self._reading():
            self._there.read(self._pool)
        graph = self._there.graph()
        self._names = selected_down(graph, self._options.only, self._there.live(), self._options.cascade)
        for warning in self._there.warnings(self._names):
            self._ledger.note(warning, warning=True)
        return graph

    def _started_progress(self, graph: Graph) -> RunStarted:
        return self._session.begins(
            "down",
            self._platform,
            self._names,
            needs={n: tuple(d for d in self._names if n in graph.direct_needs(d)) for n in self._names},
            only=tuple(name for name in self._names if name in self._options.only),
        )

    def _lock_if_there(self) -> None:
        if self._there.namespace is None or self._there.namespace.terminating:
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
                self._ledger.found(name, explaining.of_error(error, self._platform.namespace))
                self._ledger.moved(name, Phase.STUCK, str(error))
            return False

    def _take_down(self, name: str) -> bool:
        declared = self._declared(name)
        leaving = Leaving(
            name,
            watches=self._watches,
            switchboard=self._switchboard,
            clock=self._clock,
            stop=self._session.stop,
            on_message=lambda text: self._ledger.moved(name, Phase.DELETING, text),
        )
        objects = self._there.objects(name)
        going = that_go(objects, everything=self._options.purge and bool(self._options.only))
        for ref, obj in objects.items():
            if ref not in going and not self._options.purge:
                self._ledger.did(name, ref, Action.KEPT, why_kept(obj))
        if not going and not leaving.pods() and not (declared and declared.children):
            self._ledger.moved(name, Phase.GONE, "" if objects else "nothing there")
            return True
        self._ledger.moved(name, Phase.DELETING)
        for kind in {POD, *(ref.group_kind for ref in going)} - self._there.unseen.keys():
            resource = self._there.resource(kind)
            if resource is not None:
                self._watches.open(resource, self._platform.namespace)
        deadline = self._budget(leaving)
        left: Sequence[ObjectRef] = ()
        if declared is not None:
            self._before(declared, leaving, deadline)
            left = self._remove_children(declared, deadline)
        for batch in in_batches(list(going)):
            ordered = in_delete_order(batch, lambda ref: ref)
            self._pool.map(lambda ref: self._delete(name, ref, going[ref]), ordered)
            uids = {ref: str(going[ref]["metadata"].get("uid", "")) for ref in batch}
            left = [*left, *leaving.await_gone(uids, deadline)]
            if left:
                self._stuck(name, left)
                return False
        if POD in self._there.unseen and going:
            self._ledger.found(name, self._not_seen(POD))
            self._ledger.moved(name, Phase.STUCK, "whether its pods are gone is not known")
            return False
        self._ledger.moved(name, Phase.GONE)
        return True

    def _declared(self, name: str) -> Component | None:
        return next((c for c in self._platform.components if c.name == name), None)

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
            hook: next((r for r in self._there.objects(component.name) if hook.ref.matches(r)), None)
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

    def _remove_children(self, component: Component, deadline: float) -> Sequence[ObjectRef]:
        """Deletes what the component's own processes made; only in a namespace that we made. What is left."""
        if not component.children or not self._there.children_are_ours:
            return ()
        left: list[ObjectRef] = []
        for child in component.children:
            while found := self._there.children(child):
                for obj in found:
                    ref = ObjectRef.of(obj)
                    if not obj["metadata"].get("deletionTimestamp"):
                        self._objects.delete(ref, uid=obj["metadata"]["uid"], foreground=True)
                        self._ledger.did(component.name, ref, Action.DELETED)
                if self._clock.monotonic() > deadline:
                    left += map(ObjectRef.of, found)
                    break
                if self._session.stop.wait(0.2):
                    raise Stopped
        return left

    def _stuck(self, name: str, left: Sequence[ObjectRef]) -> None:
        for ref in left:
            for finding in self._evidence.why(ref):
                self._ledger.found(name, finding)
        more = f", nor {len(left) - 1} more" if left[1:] else ""
        self._ledger.moved(name, Phase.STUCK, f"{left[0]} does not go{more}")

    def _not_seen(self, kind: GroupKind) -> Finding:
        resource = self._session.discovery.find(kind.group, kind.kind)
        what = resource.plural if resource is not None else str(kind)
        namespace = namespaces.namespace_ref(self._platform.namespace)
        return not_allowed(namespace, what, self._there.unseen[kind])

    # The end

    def _end(self, gone: bool) -> bool:
        if self._options.only:
            return gone
        namespace = self._there.namespace
        terminating = namespace is not None and namespace.terminating
        if self._options.purge and gone:
            gone = self._purge()
        elif terminating and gone:
            gone = self._purging().await_namespace_gone()
        elif self._options.purge or terminating:
            self._say_what_else_is_in_the_way()
        elif namespace is not None and namespace.ours and (self._ledger.kept or self._there.inventory):
            self._ledger.kept.append((namespaces.namespace_ref(namespace.name), "it holds what is kept"))
        self._name_orphans()
        return self._account_for_unseen() and gone

    def _purging(self) -> Purge:
        return Purge(
            self._session,
            self._platform,
            self._there,
            self._ledger,
            self._evidence,
            delete=self._delete,
            deadline=self._deadline,
        )

    def _purge(self) -> bool:
        purging = self._purging()
        if not purging.data():
            self._say_what_else_is_in_the_way()
            return False
        if self._there.namespace is None:
            return True
        if self._lease is not None:
            self._lease.release()
            self._lease = None
        gone = purging.place()
        self._purged = True
        return gone

    def _say_what_else_is_in_the_way(self) -> None:
        """A purge that does not get to its end still names what would have held it up next."""
        ours = self._there.namespace is not None and self._there.namespace.ours
        namespace = namespaces.namespace_ref(self._platform.namespace) if ours else None
        claims = [ref for ref in self._there.objects() if ref.kind == "PersistentVolumeClaim"]
        named = {(f.ref, f.cause) for f in self._ledger.findings()}
        for finding in self._evidence.in_the_way_of_a_purge(claims, namespace):
            if (finding.ref, finding.cause) not in named:
                self._ledger.found(THE_REST, finding)
                self._ledger.moved(
                    THE_REST, Phase.SKIPPED, "what is stuck comes first; this would be in its way too"
                )

    def _name_orphans(self) -> None:
        """Objects with our labels that no component claims are nobody's to take down: they are named."""
        platform, there = self._platform, self._there
        if self._options.purge:  # nothing is to be left, so every kind is asked for
            only_outside = self._ledger.phase(THE_REST) is Phase.GONE
            objects = orphans.labelled(
                self._session,
                platform.namespace,
                platform.instance,
                self._pool,
                only=lambda resource: not (resource.namespaced and only_outside),
            )
        else:
            objects = [obj for _, obj in self._watches.store.of_component("")]
        components = there.graph().order()
        found = orphans.judge(objects, instance=platform.instance, components=components, kinds=there.kinds)
        if not found:
            return
        named = ", ".join(str(orphan.ref) for orphan in found[:3])
        more = f" and {len(found) - 3} more" if found[3:] else ""
        where = f" (inv {platform.collection}.orphans lists them)" if platform.collection else ""
        self._ledger.note(
            f"left, since no component claims them though they carry our labels: {named}{more}{where}",
            warning=True,
        )

    def _account_for_unseen(self) -> bool:
        """False when objects of ours may be left that we may not look for."""
        unseen = self._there.unseen_of_ours.keys() - {POD}
        if self._ledger.phase(THE_REST) is Phase.GONE:  # with the namespace went what was in it
            find = self._session.discovery.find
            unseen = {k for k in unseen if (r := find(k.group, k.kind)) is None or not r.namespaced}
        for kind in sorted(unseen):
            self._ledger.found(THE_REST, self._not_seen(kind))
        if unseen:
            self._ledger.moved(THE_REST, Phase.STUCK, "not everything may be looked at")
        return not unseen

    def _finish(self, outcome: str) -> RunFinished:
        self._write_bundle(outcome)
        seconds = self._clock.monotonic() - self._session.started
        if outcome != "interrupted" and not self._purged:
            self._remember(outcome, seconds)
        finished = RunFinished(
            at=self._clock.monotonic(),
            verb="down",
            outcome=outcome,
            seconds=seconds,
            components=self._ledger.results(self._names_to_report()),
            kept=tuple(self._ledger.kept),
            warnings=tuple(self._ledger.warnings),
            requests=self._session.api.requests,
        )
        self._ledger.say(finished)
        return finished

    def _names_to_report(self) -> tuple[str, ...]:
        rest = self._ledger.phase(THE_REST) is not Phase.PENDING
        return (*self._names, *([THE_REST] if rest else ()))

    def _remember(self, outcome: str, seconds: float) -> None:
        inventory, namespace = self._there.inventory, self._there.namespace
        if inventory is None or namespace is None or namespace.terminating:
            return
        if outcome == "done" and not self._options.only:
            kinds = frozenset(ref.group_kind for ref in self._there.objects())
            inventory = replace(inventory, group_kinds=kinds)
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
