"""What stands beside a component's objects, out of what the watches have seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allup.cluster.store import Store
from allup.diagnosis.scene import WORKLOADS, wants_pods_of
from allup.refs import GroupKind, ObjectRef


@dataclass(frozen=True)
class Beside:
    """The neighbours that readiness and diagnosis ask about (``allup.diagnosis.Neighbours``).

    *binding_modes* tells the volumeBindingMode of a StorageClass, *look* reads one object that no watch sees
    (a quota, somebody else's Secret): it is asked only when something is about to be called hopeless.
    """

    store: Store
    component: str
    binding_modes: Callable[[str | None], str | None] = lambda _: None
    look: Callable[[ObjectRef], Mapping[str, Any] | None] = lambda _: None

    def get(self, ref: ObjectRef) -> Mapping[str, Any] | None:
        """The object as last seen."""
        return self.store.get(ref) or self.look(ref)

    def of_kind(self, kind: GroupKind) -> Sequence[Mapping[str, Any]]:
        """The objects of a kind that were seen."""
        return [obj for ref, obj in self.store.of_kind(kind.kind) if ref.group == kind.group]

    def events(self, ref: ObjectRef) -> Sequence[Mapping[str, Any]]:
        """The Warning Events about an object, oldest first."""
        return self.store.events(ref)

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
        return any(
            ref.namespace == namespace and wants_pods_of(obj, selector)
            for ref, obj in self.store.of_component(self.component, WORKLOADS)
        )

    def binding_mode(self, storage_class: str | None) -> str | None:
        """The volumeBindingMode of a StorageClass (None asks for the default one)."""
        return self.binding_modes(storage_class)
