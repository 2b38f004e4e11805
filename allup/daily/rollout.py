"""Restart and scale: a small change to what runs, then the wait until it is rolled out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allup.cluster import inventory as inventories
from allup.cluster.inventory import Inventory, Run
from allup.cluster.objects import Objects
from allup.errors import AllupError, InputError, did_you_mean
from allup.model import labels
from allup.model.platform import Platform
from allup.refs import GroupKind, ObjectRef
from allup.run.instance_run import InstanceRun
from allup.run.options import RunOptions
from allup.run.progress import Action, Phase, Reporter, RunFinished
from allup.run.schedule import Schedule
from allup.run.seeing import Sight
from allup.run.session import Session
from allup.run.surroundings import Surroundings
from allup.run.waiting import Stopped

Object = Mapping[str, Any]
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
RESTARTABLE = ("Deployment", "StatefulSet", "DaemonSet")
SCALABLE = ("Deployment", "StatefulSet")


@dataclass(frozen=True)
class Change:
    """One write: *ref* is what is waited for; *write* makes the change and returns *ref* as it is then."""

    ref: ObjectRef
    write: Callable[[Objects], Object | None]


class Rollout(InstanceRun):
    """Makes *changes* to one component and waits. *verb* is restart or scale."""

    def __init__(
        self,
        session: Session,
        platform: Platform,
        component: str,
        verb: str,
        changes: Sequence[Change],
        options: RunOptions,
        report: Reporter,
    ) -> None:
        super().__init__(session, platform, options, report)
        self._component = component
        self._verb = verb
        self._changes = tuple(changes)
        self._waits = self._component_wait(Surroundings(session.objects))

    def run(self) -> RunFinished:
        """Does it. Raises AllupError for what is wrong beforehand; what fails later is in the result."""
        with self._ending(lambda: self._finish("interrupted")):
            self._take_lock()
            self._ledger.say(self._session.begins(self._verb, self._platform, (self._component,)))
            done = Schedule({self._component: ()}, self._drive, lambda _: None, self._ledger.tick).run()
            if self._switchboard.failure is not None:
                raise self._switchboard.failure
            return self._finish("done" if done else "failed")

    def _drive(self, name: str) -> bool:
        def change_and_wait() -> None:
            self._ledger.moved(name, Phase.APPLYING)
            for change in self._changes:
                changed = change.write(self._objects)
                if changed is None:
                    raise AllupError(str(change.ref), "has gone meanwhile")
                self._watches.store.put(changed)
                self._ledger.did(name, change.ref, Action.CHANGED)
            self._list(GroupKind("", "Pod"))
            refs = [change.ref for change in self._changes]
            self._waits.until_ready(self._waits.declared(name), refs, self._deadline)

        return self._waits.attempt(name, change_and_wait)

    def _finish(self, outcome: str) -> RunFinished:
        seconds = self._clock.monotonic() - self._session.started
        if outcome != "interrupted":
            self._remember(outcome, seconds)
        finished = RunFinished(
            at=self._clock.monotonic(),
            verb=self._verb,
            outcome=outcome,
            seconds=seconds,
            components=self._ledger.results((self._component,)),
            warnings=tuple(self._ledger.warnings),
            requests=self._session.api.requests,
        )
        self._ledger.say(finished)
        return finished

    def _remember(self, outcome: str, seconds: float) -> None:
        platform = self._platform
        empty = Inventory(platform.name, platform.instance, platform.namespace)
        when = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            known = inventories.read(self._objects, empty)
            if known is not None:
                run = Run(f"{self._verb} {self._component}", when, seconds, outcome)
                inventories.write(self._objects, known.with_run(run))
        except AllupError as error:
            self._ledger.note(f"the inventory could not be written: {error.fact}", warning=True)


# What there is to change


def restarts(sight: Sight, component: str, at: str) -> tuple[Change, ...]:
    """A restart of every workload of a component, stamped *at*, without touching a field of up's.

    Raises AllupError when there is none, and InputError for one that cannot be restarted so.
    """
    found = _workloads(sight, component, RESTARTABLE)
    if not found:
        raise AllupError(
            f"component {component}",
            "runs nothing that could be restarted",
            evidence="It has no Deployment, StatefulSet or DaemonSet in the cluster",
        )
    changes = []
    for ref, obj in found:
        spec = obj.get("spec") or {}
        if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
            raise InputError(
                str(ref), "replaces its pods only when they are deleted", next_step="Restart them with --pod"
            )
        if spec.get("paused"):
            raise InputError(str(ref), "is paused", next_step="Resume it first: kubectl rollout resume")
        changes.append(Change(ref, _restart(ref, at)))
    return tuple(changes)


def pod_restart(sight: Sight, pod: str) -> tuple[str, tuple[Change, ...]]:
    """The component of *pod*, and its deletion: its workload makes another. Raises InputError when there
    is no such pod or nothing would make another."""
    store = sight.watches.store
    pods = {ref.name: (ref, obj) for ref, obj in store.all() if ref.kind == "Pod"}
    if pod not in pods:
        raise InputError(f"pod {pod!r}", f"is not there{did_you_mean(pod, pods)}")
    ref, obj = pods[pod]
    top = _top(sight, obj)
    if top is None:
        raise InputError(f"pod {pod!r}", "has no workload that would make another one")
    component = sight.ours().get(top) or sight.ours().get(ref, "")
    uid = str(obj["metadata"]["uid"])

    def write(objects: Objects) -> Object | None:
        objects.delete(ref, uid=uid)
        while (left := objects.get(ref)) is not None and left["metadata"]["uid"] == uid:
            if objects.api.stop.wait(0.2):
                raise Stopped
        return objects.get(top)

    return component, (Change(top, write),)


def scaling(sight: Sight, component: str, replicas: int, workload: str = "") -> tuple[Change, int, bool]:
    """The change to *replicas* of a component's workload, what it is now, and whether the next up sets it
    back. *workload* (a name, or ``Kind/name``) chooses where a component has several.

    Raises InputError when there is none, more than one, or none of that name."""
    ref, known = chosen_workload(component, _workloads(sight, component, SCALABLE), workload)
    live = sight.live(ref) or known
    body = {
        "apiVersion": known["apiVersion"],
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "spec": {"replicas": replicas},
    }

    def write(objects: Objects) -> Object:
        return objects.apply(body, known=live, manager=labels.SCALE_FIELD_MANAGER, force=True).obj

    return Change(ref, write), int((live.get("spec") or {}).get("replicas", 1)), _ours_sets_replicas(live)


def chosen_workload(
    component: str, found: Sequence[tuple[ObjectRef, Object]], wanted: str
) -> tuple[ObjectRef, Object]:
    """The one that is meant, of those that scale; raises InputError that says what to name."""
    names = [f"{ref.kind}/{ref.name}" for ref, _ in found]
    chosen = [one for one, name in zip(found, names, strict=True) if wanted in ("", name, one[0].name)]
    if len(chosen) == 1:
        return chosen[0]
    subject = f"component {component}"
    if not found:
        raise InputError(
            subject, "has no scalable workload", evidence="Only a Deployment or StatefulSet scales"
        )
    if not chosen:
        known = (*names, *(ref.name for ref, _ in found))
        raise InputError(subject, f"has no scalable workload {wanted!r}{did_you_mean(wanted, known)}")
    raise InputError(
        subject,
        f"has several scalable workloads: {', '.join(names)}",
        next_step=f"Say which one with --workload, as {names[0]}",
    )


def _restart(ref: ObjectRef, at: str) -> Callable[[Objects], Object | None]:
    patch = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: at}}}}}
    return lambda objects: objects.merge(ref, patch, manager=labels.RESTART_FIELD_MANAGER)


def _workloads(sight: Sight, component: str, kinds: Sequence[str]) -> Sequence[tuple[ObjectRef, Object]]:
    return sorted(
        ((ref, obj) for ref, obj in sight.objects(component).items() if ref.kind in kinds),
        key=lambda item: item[0],
    )


def _ours_sets_replicas(live: Object) -> bool:
    ours = (labels.FIELD_MANAGER, labels.SCALE_FIELD_MANAGER)
    return any(
        entry.get("manager") in ours and "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
        for entry in live["metadata"].get("managedFields") or ()
    )


def _top(sight: Sight, obj: Object) -> ObjectRef | None:
    """The workload at the top of a pod's owners."""
    top = None
    while True:
        owner = next((o for o in obj["metadata"].get("ownerReferences") or () if o.get("controller")), None)
        if owner is None:
            return top
        group = owner["apiVersion"].rpartition("/")[0]
        top = ObjectRef(group, owner["kind"], obj["metadata"]["namespace"], owner["name"])
        above = sight.watches.store.get(top)
        if above is None:
            return top
        obj = above
