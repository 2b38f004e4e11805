"""What of an instance is in the cluster, for taking it down: by the inventory, by labels, by the code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allup.cluster import inventory as inventories
from allup.cluster import namespaces
from allup.cluster.discovery import Resource
from allup.cluster.inventory import Inventory
from allup.cluster.namespaces import NamespaceState
from allup.cluster.store import component_of
from allup.cluster.watch import Watches
from allup.errors import ApiError
from allup.graph import Graph
from allup.model.platform import Children, Platform
from allup.refs import GroupKind, ObjectRef
from allup.run.keeping import why_kept
from allup.run.orphans import COPIES
from allup.run.session import Session
from allup.run.workers import Pool

POD = GroupKind("", "Pod")
_REPLICA_SET = GroupKind("apps", "ReplicaSet")
WITH_PODS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod")


class Remains:
    """What is there. ``look_at_namespace``, then ``read``; *kinds* are those of the platform's manifests.

    ``unseen`` has the kinds that we may not list, with what the server said.
    """

    def __init__(
        self, session: Session, platform: Platform, kinds: frozenset[GroupKind], watches: Watches
    ) -> None:
        self._session = session
        self._platform = platform
        self._kinds = kinds
        self._watches = watches
        self.namespace: NamespaceState | None = None
        self.inventory: Inventory | None = None
        self.unseen: dict[GroupKind, str] = {}

    def look_at_namespace(self) -> None:
        """One read."""
        platform = self._platform
        self.namespace = namespaces.look(self._session.objects, platform.namespace, platform.instance)

    def read(self, pool: Pool) -> None:
        """The inventory, then one list a kind."""
        platform = self._platform
        empty = Inventory(platform.name, platform.instance, platform.namespace)
        self.inventory = inventories.read(self._session.objects, empty)
        pool.map(self._list, sorted({*self.kinds, POD, _REPLICA_SET}))

    @property
    def kinds(self) -> frozenset[GroupKind]:
        """The kinds that the platform has, or had at the last up."""
        return self._kinds | (self.inventory.group_kinds if self.inventory is not None else frozenset())

    @property
    def unseen_of_ours(self) -> dict[GroupKind, str]:
        """The kinds that we may not list and that objects of ours have: by the inventory, else the code."""
        ours = self.inventory.group_kinds if self.inventory is not None else self._kinds
        return {kind: fact for kind, fact in self.unseen.items() if kind in ours}

    @property
    def children_are_ours(self) -> bool:
        """Whether what a component's processes made may be removed: only in a namespace that we made."""
        return self.namespace is not None and self.namespace.ours

    def warnings(self, components: Sequence[str]) -> Sequence[str]:
        """What will be left when those components go, in sentences."""
        said = [
            f"we may not list {kind}: any that are ours are left ({fact})"
            for kind, fact in self.unseen.items()
        ]
        if self.namespace is not None and not self.namespace.ours:
            said += [
                f"{c.name}: its children ({', '.join(child.kind for child in c.children)}) are left, "
                f"since namespace {self._platform.namespace} was not made by us"
                for c in self._platform.components
                if c.children and c.name in components
            ]
        return said

    def resource(self, kind: GroupKind) -> Resource | None:
        """How the server serves a kind; None when it does not, or when its namespace is not there."""
        found = self._session.discovery.find(kind.group, kind.kind)
        return None if found is None or (self.namespace is None and found.namespaced) else found

    def objects(self, component: str | None = None) -> dict[ObjectRef, Mapping[str, Any]]:
        """Objects of ours (of one component): not what controllers made from them, not our own records."""
        store = self._watches.store
        names = store.components() if component is None else (component,)
        return {
            ref: obj
            for name in names
            for ref, obj in store.of_component(name)
            if not obj["metadata"].get("ownerReferences") and ref.kind not in COPIES
        }

    def graph(self) -> Graph:
        """The graph of the last up, with what the code knows and what only labels tell."""
        stored = dict(self.inventory.graph) if self.inventory is not None else {}
        in_code: dict[str, Sequence[str]] = {c.name: tuple(c.after) for c in self._platform.components}
        needs: dict[str, Sequence[str]] = {**in_code, **stored}
        for obj in self.objects().values():
            needs.setdefault(component_of(obj), ())
        return Graph({name: [n for n in needed if n in needs] for name, needed in needs.items()})

    def live(self) -> dict[str, bool]:
        """Which components have more there than data."""
        live: dict[str, bool] = {}
        for obj in self.objects().values():
            name = component_of(obj)
            live[name] = live.get(name, False) or not why_kept(obj)
        return live

    def children(self, child: Children) -> Sequence[Mapping[str, Any]]:
        """What the processes of a component made of that sort, read now."""
        return children_of(self._session, self._platform.namespace, child)

    def forget(self, ref: ObjectRef) -> None:
        """It is gone."""
        self._watches.store.remove(ref)

    def _list(self, kind: GroupKind) -> None:
        resource = self.resource(kind)
        if resource is None:
            return
        try:
            self._watches.list(resource, self._platform.namespace)
        except ApiError as error:
            if error.status != 403:
                raise
            self.unseen[kind] = error.fact


def children_of(session: Session, namespace: str, child: Children) -> Sequence[Mapping[str, Any]]:
    """The children of a sort, read now; none when the cluster does not know their kind."""
    group, _, kind = child.kind.rpartition("/")
    found = session.discovery.find(group, kind) if group else None
    resource = found or next(iter(session.discovery.of_kind(kind)), None)
    return () if resource is None else session.objects.list(resource, namespace, child.selector)


def in_batches(refs: Sequence[ObjectRef]) -> tuple[list[ObjectRef], list[ObjectRef]]:
    """What has pods, and the rest: what pods use (claims, configuration, Services) goes after them."""
    return [ref for ref in refs if ref.kind in WITH_PODS], [ref for ref in refs if ref.kind not in WITH_PODS]
