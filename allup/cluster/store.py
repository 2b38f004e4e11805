"""What the watches have seen: trimmed objects, indexed by name, kind, component and owner. Pure memory,
thread-safe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from allup.diagnosis.events import seen
from allup.model import labels
from allup.refs import ObjectRef, group_of

Object = Mapping[str, Any]
Listener = Callable[[ObjectRef, Object | None, str], None]
Shelf = tuple[str, ...]
"""What objects have in common that are asked for together, such as ``("kind", "Pod")``."""

_POD_SPEC = (
    "nodeName",
    "containers",
    "initContainers",
    "volumes",
    "enableServiceLinks",
    "restartPolicy",
    "terminationGracePeriodSeconds",
)
_CONTAINER = (
    *("name", "image", "ports", "resources", "restartPolicy"),
    *("readinessProbe", "livenessProbe", "startupProbe"),
)
_EVENT = (
    *("apiVersion", "kind", "type", "reason", "message", "note", "count", "series", "eventTime"),
    *("firstTimestamp", "lastTimestamp", "deprecatedFirstTimestamp", "deprecatedLastTimestamp"),
    *("deprecatedCount", "involvedObject", "regarding"),
)
_EVENT_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
_SERVICE_LABEL = "kubernetes.io/service-name"


class Store:
    """All objects seen, of all kinds watched. Listeners hear of each change, outside the lock.

    An older state never replaces a newer one: the answer to our own write and the watch's news of the
    write before it may arrive in either order. resourceVersions are compared as numbers (KEP-5504).
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._objects: dict[ObjectRef, Object] = {}
        self._shelves: dict[Shelf, dict[ObjectRef, Object]] = {}
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls *listener* with (ref, object or None, component) on each change; returns how to stop it."""
        with self._lock:
            self._listeners.append(listener)

        def stop() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return stop

    def get(self, ref: ObjectRef) -> Object | None:
        """The object as last seen."""
        with self._lock:
            return self._objects.get(ref)

    def all(self) -> Sequence[tuple[ObjectRef, Object]]:
        """Everything seen."""
        with self._lock:
            return list(self._objects.items())

    def of_component(self, component: str, kinds: Iterable[str] = ()) -> Sequence[tuple[ObjectRef, Object]]:
        """The objects that carry the component's label, of certain kinds if given."""
        wanted = frozenset(kinds)
        if not wanted:
            return self._on("component", component)
        return [found for kind in sorted(wanted) for found in self._on("component", component, kind)]

    def of_kind(self, kind: str) -> Sequence[tuple[ObjectRef, Object]]:
        """The objects of a kind, of whatever group and namespace."""
        return self._on("kind", kind)

    def components(self) -> Sequence[str]:
        """The components that objects say they belong to, ``""`` left out."""
        with self._lock:
            return sorted({shelf[1] for shelf in self._shelves if shelf[0] == "component" and shelf[1]})

    def put(self, obj: Object) -> None:
        """Takes in an object's state unless a newer one is known."""
        ref = ObjectRef.of(obj)
        trimmed = trim(obj)
        with self._lock:
            known = self._objects.get(ref)
            if known is not None and _version(known) >= _version(trimmed) and _uid(known) == _uid(trimmed):
                return
            shelves = tuple(_shelves_of(ref, trimmed))
            if known is not None:
                self._take_off(ref, known, stays=shelves)
            self._objects[ref] = trimmed
            for shelf in shelves:
                self._shelves.setdefault(shelf, {})[ref] = trimmed
            listeners = tuple(self._listeners)
            component = self._component(trimmed)
        for listener in listeners:
            listener(ref, trimmed, component)

    def remove(self, ref: ObjectRef, *, uid: str = "") -> None:
        """The object is gone (with *uid*: only if that one is known)."""
        with self._lock:
            known = self._objects.get(ref)
            if known is None or (uid and _uid(known) != uid):
                return
            del self._objects[ref]
            self._take_off(ref, known)
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(ref, None, component_of(known))

    def replace(
        self, group: str, kind: str, namespace: str, objects: Iterable[Object], version: str = ""
    ) -> None:
        """A list of one kind (in one namespace; ``""`` is all) as of *version*: what is not in it is gone,
        unless it was seen in a newer state, such as the answer to a write of our own."""
        present = set()
        for obj in objects:
            present.add(ObjectRef.of(obj))
            self.put(obj)
        as_of = int(version) if version.isdigit() else 0
        for ref, known in self.of_kind(kind):
            if ref.group != group or namespace not in ("", ref.namespace) or ref in present:
                continue
            if not as_of or _version(known) <= as_of:
                self.remove(ref)

    # What readiness asks for (allup.readiness.Neighbours)

    def owned(self, uid: str, kind: str) -> Sequence[Object]:
        """The objects of *kind* whose controller has that uid."""
        return [obj for _, obj in self._on("owner", uid, kind)]

    def pods_matching(self, namespace: str, selector: Mapping[str, str]) -> Sequence[Object]:
        """The pods whose labels contain all of *selector*."""
        return [
            obj
            for ref, obj in self._on("kind", "Pod")
            if ref.namespace == namespace
            and selector.items() <= (obj["metadata"].get("labels") or {}).items()
        ]

    def events(self, ref: ObjectRef) -> Sequence[Object]:
        """The Events seen about an object, oldest first."""
        found = [obj for _, obj in self._on("about", ref.kind, ref.namespace, ref.name)]
        return sorted(found, key=lambda event: _seconds(seen(event)))

    def endpoint_slices(self, namespace: str, service: str) -> Sequence[Object]:
        """The EndpointSlices of a Service."""
        return [obj for _, obj in self._on("slices", namespace, service)]

    def _component(self, obj: Object) -> str:
        """Its component; of an Event, that of the object it is about."""
        if obj["kind"] != "Event":
            return component_of(obj)
        about = self._objects.get(subject_of(obj))
        return component_of(about) if about is not None else ""

    def _on(self, *shelf: str) -> Sequence[tuple[ObjectRef, Object]]:
        with self._lock:
            return list(self._shelves.get(shelf, {}).items())

    def _take_off(self, ref: ObjectRef, known: Object, *, stays: Sequence[Shelf] = ()) -> None:
        for shelf in _shelves_of(ref, known):
            if shelf not in stays:
                del self._shelves[shelf][ref]
                if not self._shelves[shelf]:
                    del self._shelves[shelf]


def _shelves_of(ref: ObjectRef, obj: Object) -> Iterator[Shelf]:
    component, owner = component_of(obj), controller_uid(obj)
    yield ("kind", ref.kind)
    yield ("component", component)
    yield ("component", component, ref.kind)
    if owner:
        yield ("owner", owner, ref.kind)
    if ref.kind == "EndpointSlice":
        yield ("slices", ref.namespace, service_of(obj))
    if ref.kind == "Event":
        about = subject_of(obj)
        yield ("about", about.kind, about.namespace, about.name)


def trim(obj: Object) -> Object:
    """The object without what nobody here reads: a thousand of them must stay small."""
    metadata = {k: v for k, v in obj["metadata"].items() if k != "managedFields"}
    trimmed = {**obj, "metadata": metadata}
    spec = obj.get("spec")
    if obj["kind"] == "Pod" and spec:
        trimmed["spec"] = {k: spec[k] for k in _POD_SPEC if k in spec}
        for key in ("containers", "initContainers"):
            if key in spec:
                trimmed["spec"][key] = [{k: c[k] for k in _CONTAINER if k in c} for c in spec[key]]
    elif obj["kind"] == "Event":
        few = {key: metadata[key] for key in _EVENT_METADATA if key in metadata}
        return {**{key: obj[key] for key in _EVENT if key in obj}, "metadata": few}
    elif obj["kind"] == "ReplicaSet" and spec:
        trimmed["spec"] = {k: v for k, v in spec.items() if k != "template"}
    return trimmed


def component_of(obj: Object) -> str:
    """The component an object says it belongs to, or ``""``."""
    found = (obj["metadata"].get("labels") or {}).get(labels.COMPONENT, "")
    return str(found)


def service_of(obj: Object) -> str:
    """The Service that an EndpointSlice belongs to, or ``""``."""
    return str((obj["metadata"].get("labels") or {}).get(_SERVICE_LABEL, ""))


def subject_of(event: Object) -> ObjectRef:
    """The object that an Event is about."""
    about = event.get("involvedObject") or event.get("regarding") or {}
    group = group_of(about.get("apiVersion") or "")
    return ObjectRef(group, about.get("kind", ""), about.get("namespace") or "", about.get("name", ""))


def controller_uid(obj: Object) -> str:
    """The uid of the object's controller, or ``""``."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner["uid"])
    return ""


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else 0.0


def _version(obj: Object) -> int:
    text = obj["metadata"].get("resourceVersion") or ""
    return int(text) if text.isdigit() else 0


def _uid(obj: Object) -> str:
    return str(obj["metadata"].get("uid", ""))
