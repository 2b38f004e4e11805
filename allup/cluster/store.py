"""What the watches have seen: trimmed objects, indexed by name and by owner. Pure memory, thread-safe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from allup.model import labels
from allup.refs import ObjectRef

Object = Mapping[str, Any]
Listener = Callable[[ObjectRef, Object | None, str], None]

_POD_SPEC = (
    "nodeName",
    "containers",
    "initContainers",
    "volumes",
    "restartPolicy",
    "terminationGracePeriodSeconds",
)
_CONTAINER = ("name", "image", "ports")
_SERVICE_LABEL = "kubernetes.io/service-name"


class Store:
    """All objects seen, of all kinds watched. Listeners hear of each change, outside the lock.

    An older state never replaces a newer one: the answer to our own write and the watch's news of the
    write before it may arrive in either order. resourceVersions are compared as numbers (KEP-5504).
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._objects: dict[ObjectRef, Object] = {}
        self._owned: dict[tuple[str, str], set[ObjectRef]] = {}
        self._slices: dict[tuple[str, str], set[ObjectRef]] = {}
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
        return [
            (ref, obj)
            for ref, obj in self.all()
            if component_of(obj) == component and (not wanted or ref.kind in wanted)
        ]

    def put(self, obj: Object) -> None:
        """Takes in an object's state unless a newer one is known."""
        ref = ObjectRef.of(obj)
        trimmed = trim(obj)
        with self._lock:
            known = self._objects.get(ref)
            if known is not None and _version(known) >= _version(trimmed) and _uid(known) == _uid(trimmed):
                return
            if known is not None:
                self._unindex(ref, known)
            self._objects[ref] = trimmed
            self._index(ref, trimmed)
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(ref, trimmed, component_of(trimmed))

    def remove(self, ref: ObjectRef, *, uid: str = "") -> None:
        """The object is gone (with *uid*: only if that one is known)."""
        with self._lock:
            known = self._objects.get(ref)
            if known is None or (uid and _uid(known) != uid):
                return
            del self._objects[ref]
            self._unindex(ref, known)
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(ref, None, component_of(known))

    def replace(self, group: str, kind: str, namespace: str, objects: Iterable[Object]) -> None:
        """A fresh list of one kind (in one namespace; ``""`` is all): what is not in it is gone."""
        present = set()
        for obj in objects:
            present.add(ObjectRef.of(obj))
            self.put(obj)
        with self._lock:
            gone = [
                ref
                for ref in self._objects
                if ref.group == group
                and ref.kind == kind
                and namespace in ("", ref.namespace)
                and ref not in present
            ]
        for ref in gone:
            self.remove(ref)

    # What readiness asks for (allup.readiness.Neighbours)

    def owned(self, uid: str, kind: str) -> Sequence[Object]:
        """The objects of *kind* whose controller has that uid."""
        with self._lock:
            return [self._objects[ref] for ref in self._owned.get((uid, kind), ())]

    def pods_matching(self, namespace: str, selector: Mapping[str, str]) -> Sequence[Object]:
        """The pods whose labels contain all of *selector*."""
        return [
            obj
            for ref, obj in self.all()
            if ref.kind == "Pod"
            and ref.namespace == namespace
            and selector.items() <= (obj["metadata"].get("labels") or {}).items()
        ]

    def endpoint_slices(self, namespace: str, service: str) -> Sequence[Object]:
        """The EndpointSlices of a Service."""
        with self._lock:
            return [self._objects[ref] for ref in self._slices.get((namespace, service), ())]

    def _index(self, ref: ObjectRef, obj: Object) -> None:
        owner = controller_uid(obj)
        if owner:
            self._owned.setdefault((owner, ref.kind), set()).add(ref)
        if ref.kind == "EndpointSlice":
            service = (obj["metadata"].get("labels") or {}).get(_SERVICE_LABEL, "")
            self._slices.setdefault((ref.namespace, service), set()).add(ref)

    def _unindex(self, ref: ObjectRef, obj: Object) -> None:
        self._owned.get((controller_uid(obj), ref.kind), set()).discard(ref)
        if ref.kind == "EndpointSlice":
            service = (obj["metadata"].get("labels") or {}).get(_SERVICE_LABEL, "")
            self._slices.get((ref.namespace, service), set()).discard(ref)


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
    elif obj["kind"] == "ReplicaSet" and spec:
        trimmed["spec"] = {k: v for k, v in spec.items() if k != "template"}
    return trimmed


def component_of(obj: Object) -> str:
    """The component an object says it belongs to, or ``""``."""
    found = (obj["metadata"].get("labels") or {}).get(labels.COMPONENT, "")
    return str(found)


def controller_uid(obj: Object) -> str:
    """The uid of the object's controller, or ``""``."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner["uid"])
    return ""


def _version(obj: Object) -> int:
    text = obj["metadata"].get("resourceVersion") or ""
    return int(text) if text.isdigit() else 0


def _uid(obj: Object) -> str:
    return str(obj["metadata"].get("uid", ""))
