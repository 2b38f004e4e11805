"""What a diagnosis may look at: the objects around the one in question, and the Events. Never fetches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from allup.diagnosis.events import about, seen
from allup.fields import Object, controller, section, text
from allup.refs import GroupKind, ObjectRef

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_SERVICE_LABEL = "kubernetes.io/service-name"
_COMPONENT_LABEL = "app.kubernetes.io/component"
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")


class Neighbours(Protocol):
    """What stands beside an object, looked up in what has been seen. What was never listed looks empty:
    that something is absent here proves nothing."""

    def get(self, ref: ObjectRef) -> Object | None:
        """The object, None when it has not been seen."""

    def of_kind(self, kind: GroupKind) -> Sequence[Object]:
        """All objects seen of a kind, of whatever namespace."""

    def events(self, ref: ObjectRef) -> Sequence[Object]:
        """The Warning Events about an object, oldest first, in either shape."""

    def owned(self, uid: str, kind: str) -> Sequence[Object]:
        """The objects of *kind* (``ReplicaSet``, ``Pod``, ``Job``) whose controller has that uid."""

    def pods_matching(self, namespace: str, selector: Mapping[str, str]) -> Sequence[Object]:
        """The pods whose labels contain all of *selector*."""

    def endpoint_slices(self, namespace: str, service: str) -> Sequence[Object]:
        """The EndpointSlices of a Service."""

    def wants_pods(self, namespace: str, selector: Mapping[str, str]) -> bool:
        """True when a workload of the same component, selected by it, wants at least one ready pod."""

    def binding_mode(self, storage_class: str | None) -> str | None:
        """``volumeBindingMode`` of a StorageClass (None asks for the default one); None when unknown."""


class Scene(Neighbours, Protocol):
    """The same with the moment at which it was seen."""

    @property
    def now(self) -> datetime:
        """An aware datetime."""


class NoNeighbours:
    """Nothing is known but the object itself."""

    def get(self, ref: ObjectRef) -> Object | None:
        """None."""
        return None

    def of_kind(self, kind: GroupKind) -> Sequence[Object]:
        """None."""
        return ()

    def events(self, ref: ObjectRef) -> Sequence[Object]:
        """None."""
        return ()

    def owned(self, uid: str, kind: str) -> Sequence[Object]:
        """None."""
        return ()

    def pods_matching(self, namespace: str, selector: Mapping[str, str]) -> Sequence[Object]:
        """None."""
        return ()

    def endpoint_slices(self, namespace: str, service: str) -> Sequence[Object]:
        """None."""
        return ()

    def wants_pods(self, namespace: str, selector: Mapping[str, str]) -> bool:
        """False."""
        return False

    def binding_mode(self, storage_class: str | None) -> str | None:
        """Unknown."""
        return None


class Recorded:
    """A Scene made of complete objects and Events, as they were at *now*."""

    def __init__(
        self, objects: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]], now: datetime
    ) -> None:
        self._objects = {ObjectRef.of(obj): obj for obj in objects}
        self._events = sorted(
            (event for event in events if event.get("type") == "Warning"),
            key=lambda event: found.timestamp() if (found := seen(event)) else 0.0,
        )
        self._now = now

    @property
    def now(self) -> datetime:
        """When it was recorded."""
        return self._now

    def get(self, ref: ObjectRef) -> Object | None:
        """The object."""
        return self._objects.get(ref)

    def of_kind(self, kind: GroupKind) -> Sequence[Object]:
        """All of a kind."""
        return [obj for ref, obj in self._objects.items() if ref.group_kind == kind]

    def events(self, ref: ObjectRef) -> Sequence[Object]:
        """The Warnings about it, oldest first."""
        return [event for event in self._events if about(event, ref)]

    def owned(self, uid: str, kind: str) -> Sequence[Object]:
        """By the controller's uid."""
        return [
            obj
            for ref, obj in self._objects.items()
            if ref.kind == kind and uid and controller(obj).get("uid") == uid
        ]

    def pods_matching(self, namespace: str, selector: Mapping[str, str]) -> Sequence[Object]:
        """By label."""
        return [
            obj
            for ref, obj in self._objects.items()
            if ref.kind == "Pod"
            and ref.namespace == namespace
            and selector.items() <= section(obj, "metadata", "labels").items()
        ]

    def endpoint_slices(self, namespace: str, service: str) -> Sequence[Object]:
        """By the label that names the Service."""
        return [
            obj
            for ref, obj in self._objects.items()
            if ref.kind == "EndpointSlice"
            and ref.namespace == namespace
            and text(section(obj, "metadata", "labels"), _SERVICE_LABEL) == service
        ]

    def wants_pods(self, namespace: str, selector: Mapping[str, str]) -> bool:
        """By the pod templates of the workloads in that namespace."""
        return any(
            wants_pods_of(obj, selector)
            for ref, obj in self._objects.items()
            if ref.kind in WORKLOADS and ref.namespace == namespace
        )

    def binding_mode(self, storage_class: str | None) -> str | None:
        """Of a StorageClass, or of the default one."""
        for obj in self.of_kind(GroupKind("storage.k8s.io", "StorageClass")):
            metadata = section(obj, "metadata")
            default = text(section(metadata, "annotations"), _DEFAULT_CLASS) == "true"
            if storage_class == metadata.get("name") or (storage_class is None and default):
                return text(obj, "volumeBindingMode") or "Immediate"
        return None


def wants_pods_of(workload: Object, selector: Mapping[str, str]) -> bool:
    """True when the workload wants a ready pod that *selector* finds."""
    if controller(workload):
        return False
    spec = section(workload, "spec")
    wanted = spec.get("replicas", 1)
    if workload.get("kind") == "DaemonSet":
        wanted = section(workload, "status").get("desiredNumberScheduled", 0)
    return bool(wanted) and selector.items() <= section(spec, "template", "metadata", "labels").items()
