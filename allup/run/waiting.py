"""Waits until objects are ready, or until it is clear that they will not be. Woken by watches."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from allup.cluster.discovery import Discovery
from allup.cluster.store import component_of, service_of, subject_of
from allup.cluster.watch import Watches
from allup.diagnosis import Cause
from allup.errors import AllupError
from allup.readiness import Readiness, State, judge
from allup.refs import GroupKind, ObjectRef
from allup.run.beside import Beside
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
_EVENT = GroupKind("", "Event")
_COMES_BACK = 5.0
_MAY_VANISH = ("Job", "Pod")
"""Kinds that are gone when they are done."""
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")


class NotReady(Exception):
    """The wait is over and *ref* is not ready; *readiness* says why; *others* are not ready either."""

    def __init__(
        self,
        ref: ObjectRef,
        readiness: Readiness,
        why: str,
        others: Sequence[tuple[ObjectRef, Readiness]] = (),
        *,
        at_deadline: bool = False,
    ) -> None:
        super().__init__(str(ref), readiness.message, why)
        self.ref = ref
        self.readiness = readiness
        self.why = why
        self.others = others
        self.at_deadline = at_deadline


class Stopped(Exception):
    """The run was told to end."""


class Patience:
    """How long each object's cause that may heal is given."""

    HOPELESS = "it cannot become ready by waiting"

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._caused_at: dict[ObjectRef, tuple[str, float]] = {}

    def over(self, ref: ObjectRef) -> str:
        """Why the wait for an object ends when its grace has."""
        return f"no better after {self._grace_of(self._caused_at[ref][0]):.0f} s of grace"

    def _grace_of(self, cause: str) -> float:
        """Who replaces an object makes it again soon; nobody else will."""
        return min(self._grace, _COMES_BACK) if cause == Cause.DELETED else self._grace

    def left(self, ref: ObjectRef, cause: str, at: float) -> float | None:
        """Seconds left at *at* for an object that has *cause* now; None while it has none. Another cause
        begins anew."""
        if not cause:
            self._caused_at.pop(ref, None)
            return None
        if ref not in self._caused_at or self._caused_at[ref][0] != cause:
            self._caused_at[ref] = (cause, at)
        return self._caused_at[ref][1] + self._grace_of(cause) - at

    def of(self, ref: ObjectRef, at: float) -> float | None:
        """Seconds left for an object as last told."""
        known = self._caused_at.get(ref)
        return known[1] + self._grace_of(known[0]) - at if known else None

    def nearest_end(self) -> float:
        """When the first grace ends, infinity when nothing has a cause."""
        ends = (at + self._grace_of(cause) for cause, at in self._caused_at.values())
        return min(ends, default=math.inf)

    def troubled(self) -> Collection[ObjectRef]:
        """The objects that have a cause."""
        return self._caused_at.keys()


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
        stable: float = 0.0,
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
        self._patience = Patience(grace)
        self._stable = stable
        self._ready_since: float | None = None
        self._completed: set[ObjectRef] = set()
        self._looked_at = 0.0
        self._pending: dict[ObjectRef, Readiness] = {}
        self._seen: set[ObjectRef] = set()
        self._said = ""

    def run(self) -> None:
        """Returns when every object is ready; if that had to be waited for, and a stability window was asked
        for, when all of them have been ready for so long without a break.

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
            self._open_events()
            self._judge(self._refs)
            while self._pending or self._unstable():
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

    def _open_events(self) -> None:
        """Some troubles are told by Events alone: a mount that fails, a pod that may not be made."""
        resource = self._discovery.find(_EVENT.group, _EVENT.kind)
        namespaces = {ref.namespace for ref in self._refs if ref.namespace}
        for namespace in sorted(namespaces) if resource else ():
            assert resource is not None
            self._watches.open_warnings(resource, namespace)

    def _unstable(self) -> bool:
        """True while everything is ready, but not for long enough yet."""
        if self._ready_since is None:
            self._ready_since = self._clock.monotonic()
        return self._clock.monotonic() - self._ready_since < self._stable

    def _next_changes(self, waiting: queue.SimpleQueue[ObjectRef | None]) -> Sequence[ObjectRef]:
        """The objects to judge again: woken by a change, or by the nearest limit."""
        limits = [self._deadline, self._patience.nearest_end()]
        if self._ready_since is not None:
            limits.append(self._ready_since + self._stable)
        changed: set[ObjectRef] = set()
        try:
            news = waiting.get(timeout=max(0.01, min(min(limits) - self._clock.monotonic(), 1.0)))
        except queue.Empty:
            return self._all()
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
        # A probe's patience and a pod's age change verdicts without any news: look once a second.
        late = self._clock.monotonic() - self._looked_at >= 1.0
        return self._all() if late else tuple(self._concerned(changed))

    def _all(self) -> Sequence[ObjectRef]:
        self._looked_at = self._clock.monotonic()
        return tuple(self._refs if self._ready_since is not None else self._pending)

    def _concerned(self, changed: set[ObjectRef]) -> set[ObjectRef]:
        """The pending objects whose verdict may differ now: themselves, and those above them."""
        concerned: set[ObjectRef] = set()
        mine = self._refs_to_watch()
        for ref in map(self._about, changed):
            if ref in mine:
                concerned.add(ref)
            elif ref.kind in _WORKLOADS:
                concerned |= self._services
            if ref.kind in ("Pod", "ReplicaSet", "EndpointSlice"):
                concerned.update(self._above(ref))
        return concerned & mine

    def _refs_to_watch(self) -> AbstractSet[ObjectRef]:
        """What may still change its verdict: all of it while it has to prove stable."""
        return frozenset(self._refs) if self._ready_since is not None else self._pending.keys()

    def _about(self, ref: ObjectRef) -> ObjectRef:
        """The object that an Event is about; any other object itself."""
        event = self._watches.store.get(ref) if ref.kind == "Event" else None
        return subject_of(event) if event is not None else ref

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
            if ref in self._refs_to_watch():
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
                self._ready_since = None
            self._patience.left(ref, "" if readiness.ready else readiness.cause, at)
            if readiness.state is State.FAILED or readiness.hopeless:
                raise self._not_ready(ref, Patience.HOPELESS)
        if self._stopped():
            raise Stopped
        for ref in self._patience.troubled():
            left = self._patience.of(ref, at)
            if left is not None and left <= 0:
                raise self._not_ready(ref, self._patience.over(ref))
        if self._pending and at >= self._deadline:
            raise self._not_ready(self._worst(), "not ready at the deadline", at_deadline=True)

    def _verdict(self, ref: ObjectRef, now: Any) -> Readiness:
        obj = self._watches.store.get(ref)
        if obj is None:
            if ref in self._completed:  # with ttlSecondsAfterFinished a Job is gone once its work is done
                return Readiness(State.READY, "completed")
            if ref in self._seen:
                return Readiness(State.NOT_YET, "somebody deleted it while we waited for it", Cause.DELETED)
            return Readiness(State.NOT_YET, "is not there")
        self._seen.add(ref)
        readiness = judge(obj, self._beside, now)
        if ref.kind == "Job" and readiness.ready:
            self._completed.add(ref)
        return readiness

    def _has_vanished(self, ref: ObjectRef) -> bool:
        return ref.kind not in _MAY_VANISH and self._watches.store.get(ref) is None

    def _worst(self) -> ObjectRef:
        """Whatever has a cause before what merely takes its time; then by name."""
        return min(self._patience.troubled(), key=str, default=None) or next(iter(self._pending))

    def _not_ready(self, ref: ObjectRef, why: str, *, at_deadline: bool = False) -> NotReady:
        others = [(other, readiness) for other, readiness in self._pending.items() if other != ref]
        return NotReady(ref, self._pending[ref], why, sorted(others, key=str), at_deadline=at_deadline)

    def _say(self) -> None:
        if self._ready_since is not None:
            rest = self._ready_since + self._stable - self._clock.monotonic()
            self._tell(f"ready, watched for {max(0.0, rest):.0f} s more")
            return
        ref = self._worst()
        readiness = self._pending[ref]
        message = f"{ref.kind}/{ref.name}: {readiness.message}"
        left = self._patience.of(ref, self._clock.monotonic())
        if left is not None:
            message += f" (given {max(0.0, left):.0f} s more)"
        if len(self._pending) > 1:
            message += f", and {len(self._pending) - 1} more"
        self._tell(message)

    def _tell(self, message: str) -> None:
        if message != self._said:
            self._said = message
            self._on_message(message)


def belongs_to(obj: Mapping[str, Any], component: str) -> bool:
    """True when an object carries the component's label."""
    return component_of(obj) == component
