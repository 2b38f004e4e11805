"""Waits until objects are ready, or until it is clear that they will not be. Woken by watches."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allup.cluster.discovery import Discovery
from allup.cluster.store import Store, component_of, controller_uid, service_of
from allup.cluster.watch import Watches
from allup.errors import AllupError
from allup.readiness import Readiness, State, judge
from allup.refs import GroupKind, ObjectRef
from allup.run.clock import Clock

_PODS = GroupKind("", "Pod")
_BESIDE: dict[GroupKind, tuple[GroupKind, ...]] = {
    GroupKind("apps", "Deployment"): (GroupKind("apps", "ReplicaSet"), _PODS),
    GroupKind("apps", "ReplicaSet"): (_PODS,),
    GroupKind("apps", "StatefulSet"): (_PODS,),
    GroupKind("apps", "DaemonSet"): (_PODS,),
    GroupKind("batch", "Job"): (_PODS,),
}
_SLICES = GroupKind("discovery.k8s.io", "EndpointSlice")
_SERVICE = GroupKind("", "Service")
_DELETED = "deleted"
_COMES_BACK = 5.0
_MAY_VANISH = ("Job", "Pod")
"""Kinds that are gone when they are done."""
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")


class NotReady(Exception):
    """The wait is over and *ref* is not ready; *readiness* says why; *others* are left at a deadline too."""

    def __init__(
        self,
        ref: ObjectRef,
        readiness: Readiness,
        why: str,
        others: Sequence[tuple[ObjectRef, Readiness]] = (),
    ) -> None:
        super().__init__(str(ref), readiness.message, why)
        self.ref = ref
        self.readiness = readiness
        self.why = why
        self.others = others


class Stopped(Exception):
    """The run was told to end."""


class Switchboard:
    """Hands each change to the component it concerns, and a failed watch to everybody."""

    def __init__(self) -> None:
        self.failure: AllupError | None = None
        self._queues: dict[str, list[queue.SimpleQueue[ObjectRef | None]]] = {}

    def changed(self, ref: ObjectRef, obj: Mapping[str, Any] | None, component: str) -> None:
        """A store's listener."""
        for waiting in tuple(self._queues.get(component, ())):
            waiting.put(ref)

    def fail(self, error: AllupError) -> None:
        """Wakes everybody with an error."""
        self.failure = self.failure or error
        self.wake()

    def wake(self) -> None:
        """Wakes everybody."""
        for queues in tuple(self._queues.values()):
            for waiting in tuple(queues):
                waiting.put(None)

    def subscribe(self, component: str) -> queue.SimpleQueue[ObjectRef | None]:
        """A queue of what changes in a component; None is a wake-up."""
        waiting: queue.SimpleQueue[ObjectRef | None] = queue.SimpleQueue()
        self._queues.setdefault(component, []).append(waiting)
        return waiting

    def next_news(
        self, waiting: queue.SimpleQueue[ObjectRef | None], stop: threading.Event
    ) -> frozenset[ObjectRef]:
        """What has changed, returned at the next change and after a second at the latest; raises Stopped, or
        a watch's failure."""
        news = set()
        try:
            news.add(waiting.get(timeout=1.0))
            while True:
                news.add(waiting.get_nowait())
        except queue.Empty:
            pass
        if stop.is_set():
            raise Stopped
        if self.failure is not None:
            raise self.failure
        return frozenset(ref for ref in news if ref is not None)

    def unsubscribe(self, component: str, waiting: queue.SimpleQueue[ObjectRef | None]) -> None:
        """Ends a subscription."""
        self._queues.get(component, []).remove(waiting)


@dataclass(frozen=True)
class Beside:
    """What stands beside a component's objects, as readiness wants to know it."""

    store: Store
    component: str
    binding_modes: Callable[[str | None], str | None] = lambda _: None

    def owned(self, uid: str, kind: str) -> Sequence[Mapping[str, Any]]:
        """The objects of *kind* whose controller has that uid."""
        return self.store.owned(uid, kind)

    def pods_matching(self, namespace: str, selector: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """The pods that a selector finds."""
        return self.store.pods_matching(namespace, selector)

    def endpoint_slices(self, namespace: str, service: str) -> Sequence[Mapping[str, Any]]:
        """The EndpointSlices of a Service."""
        return self.store.endpoint_slices(namespace, service)

    def wants_pods(self, namespace: str, selector: Mapping[str, str]) -> bool:
        """True when a workload of this component that the selector finds wants at least one ready pod."""
        for ref, obj in self.store.of_component(self.component, _WORKLOADS):
            if ref.namespace != namespace or controller_uid(obj):
                continue
            spec = obj.get("spec") or {}
            found = spec.get("template", {}).get("metadata", {}).get("labels") or {}
            wanted = spec.get("replicas", 1)
            if ref.kind == "DaemonSet":
                wanted = (obj.get("status") or {}).get("desiredNumberScheduled", 0)
            if wanted and selector.items() <= found.items():
                return True
        return False

    def binding_mode(self, storage_class: str | None) -> str | None:
        """The volumeBindingMode of a StorageClass (None asks for the default one)."""
        return self.binding_modes(storage_class)


class Wait:
    """The wait of one component for its objects."""

    def __init__(
        self,
        component: str,
        refs: Sequence[ObjectRef],
        *,
        watches: Watches,
        discovery: Discovery,
        switchboard: Switchboard,
        beside: Beside,
        clock: Clock,
        stopped: Callable[[], bool],
        on_message: Callable[[str], None],
        deadline: float,
        grace: float,
    ) -> None:
        self._component = component
        self._refs = tuple(refs)
        self._services = frozenset(ref for ref in self._refs if ref.group_kind == _SERVICE)
        self._above_others = (
            frozenset(ref for ref in self._refs if ref.group_kind in _BESIDE) | self._services
        )
        self._watches = watches
        self._discovery = discovery
        self._switchboard = switchboard
        self._beside = beside
        self._clock = clock
        self._stopped = stopped
        self._on_message = on_message
        self._deadline = deadline
        self._grace = grace
        self._pending: dict[ObjectRef, Readiness] = {}
        self._caused_at: dict[ObjectRef, tuple[str, float]] = {}
        self._seen: set[ObjectRef] = set()
        self._said = ""

    def run(self) -> None:
        """Returns when every object is ready.

        Raises NotReady when one has failed, when a cause that may heal has used up its grace, or at the
        deadline (``clock.monotonic()`` seconds); Stopped when the run is told to end; and whatever ended a
        watch that this wait relies on.
        """
        waiting = self._switchboard.subscribe(self._component)
        try:
            self._each_kind(self._watches.list, only_slices=True)
            self._judge(self._refs)
            if not self._pending:
                return
            # By name from here on, so that the one to be named first is found without a search.
            self._pending = dict(sorted(self._pending.items(), key=lambda item: str(item[0])))
            self._each_kind(self._watches.open, only_slices=False)
            self._judge(self._refs)
            while self._pending:
                self._say()
                self._judge(self._next_changes(waiting))
                if not self._pending:  # what was ready may have been deleted meanwhile
                    self._judge([ref for ref in self._refs if self._has_vanished(ref)])
        finally:
            self._switchboard.unsubscribe(self._component, waiting)

    def _each_kind(self, do: Callable[..., None], *, only_slices: bool) -> None:
        for kind, namespace in sorted({(ref.group_kind, ref.namespace) for ref in self._refs}):
            beside = (_SLICES,) if kind == _SERVICE else () if only_slices else _BESIDE.get(kind, ())
            for each in (kind, *beside):
                resource = self._discovery.find(each.group, each.kind)
                if resource is not None:
                    do(resource, namespace)

    def _next_changes(self, waiting: queue.SimpleQueue[ObjectRef | None]) -> Sequence[ObjectRef]:
        """The objects to judge again: woken by a change, or by the nearest limit."""
        limit = min([self._deadline, *(at + self._grace_of(c) for c, at in self._caused_at.values())])
        changed: set[ObjectRef] = set()
        try:
            # A probe's grace and a pod's age change verdicts without any news: look once a second.
            news = waiting.get(timeout=max(0.01, min(limit - self._clock.monotonic(), 1.0)))
        except queue.Empty:
            return tuple(self._pending)
        while True:
            if self._stopped():
                raise Stopped
            if self._switchboard.failure is not None:
                raise self._switchboard.failure
            if news is not None:
                changed.add(news)
            try:
                news = waiting.get_nowait()
            except queue.Empty:
                break
        return tuple(self._concerned(changed))

    def _concerned(self, changed: set[ObjectRef]) -> set[ObjectRef]:
        """The pending objects whose verdict may differ now: themselves, and those above them."""
        concerned: set[ObjectRef] = set()
        for ref in changed:
            if ref in self._pending:
                concerned.add(ref)
            elif ref.kind in _WORKLOADS:
                concerned |= self._services
            if ref.kind in ("Pod", "ReplicaSet", "EndpointSlice"):
                concerned.update(self._above(ref))
        return concerned & self._pending.keys()

    def _above(self, ref: ObjectRef) -> Collection[ObjectRef]:
        """The object of ours that owns this one, or that it is an EndpointSlice of."""
        obj = self._watches.store.get(ref)
        if obj is None:  # gone: whom it belonged to is not known any more
            return self._above_others
        if ref.kind == "EndpointSlice":
            return (ObjectRef("", "Service", ref.namespace, service_of(obj)),)
        for _ in range(3):
            owner = next(
                (o for o in obj["metadata"].get("ownerReferences") or () if o.get("controller")), None
            )
            if owner is None:
                break
            group = owner["apiVersion"].rpartition("/")[0]
            ref = ObjectRef(group, owner["kind"], ref.namespace, owner["name"])
            if ref in self._pending:
                return (ref,)
            above = self._watches.store.get(ref)
            if above is None:
                break
            obj = above
        return ()

    def _judge(self, refs: Sequence[ObjectRef]) -> None:
        now, at = self._clock.now(), self._clock.monotonic()
        for ref in refs:
            readiness = self._verdict(ref, now)
            if readiness.ready:
                self._pending.pop(ref, None)
            else:
                self._pending[ref] = readiness
            self._remember_cause(ref, readiness, at)
            if readiness.state is State.FAILED or readiness.hopeless:
                raise self._not_ready(ref, "it cannot become ready by waiting")
        if self._stopped():
            raise Stopped
        for ref, (cause, since) in self._caused_at.items():
            if at - since >= self._grace_of(cause):
                raise self._not_ready(ref, f"no better after {self._grace_of(cause):.0f} s of grace")
        if self._pending and at >= self._deadline:
            worst = self._worst()
            others = [(ref, readiness) for ref, readiness in self._pending.items() if ref != worst]
            raise NotReady(worst, self._pending[worst], "not ready at the deadline", sorted(others, key=str))

    def _verdict(self, ref: ObjectRef, now: Any) -> Readiness:
        obj = self._watches.store.get(ref)
        if obj is None:
            if ref in self._seen:
                return Readiness(State.NOT_YET, "somebody deleted it while we waited for it", _DELETED)
            return Readiness(State.NOT_YET, "is not there")
        self._seen.add(ref)
        return judge(obj, self._beside, now)

    def _has_vanished(self, ref: ObjectRef) -> bool:
        return ref.kind not in _MAY_VANISH and self._watches.store.get(ref) is None

    def _grace_of(self, cause: str) -> float:
        """Who replaces an object makes it again soon; nobody else will."""
        return min(self._grace, _COMES_BACK) if cause == _DELETED else self._grace

    def _remember_cause(self, ref: ObjectRef, readiness: Readiness, at: float) -> None:
        if readiness.ready or not readiness.cause:
            self._caused_at.pop(ref, None)
        elif self._caused_at.get(ref, ("", at))[0] != readiness.cause:
            self._caused_at[ref] = (readiness.cause, at)

    def _worst(self) -> ObjectRef:
        """Whatever has a cause before what merely takes its time; then by name."""
        return min(self._caused_at, key=str) if self._caused_at else next(iter(self._pending))

    def _not_ready(self, ref: ObjectRef, why: str) -> NotReady:
        return NotReady(ref, self._pending[ref], why)

    def _say(self) -> None:
        ref = self._worst()
        readiness = self._pending[ref]
        message = f"{ref.kind}/{ref.name}: {readiness.message}"
        if ref in self._caused_at:
            cause, since = self._caused_at[ref]
            left = since + self._grace_of(cause) - self._clock.monotonic()
            message += f" (given {max(0.0, left):.0f} s more)"
        if len(self._pending) > 1:
            message += f", and {len(self._pending) - 1} more"
        if message != self._said:
            self._said = message
            self._on_message(message)


def belongs_to(obj: Mapping[str, Any], component: str) -> bool:
    """True when an object carries the component's label."""
    return component_of(obj) == component
