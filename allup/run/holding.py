"""Gathers what stands around objects that do not go, and has it judged (``allup.diagnosis.deletion``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from allup.cluster.discovery import Resource
from allup.diagnosis import Finding
from allup.diagnosis.deletion import Around, api_service, claim_in_use, finalizers, why_there
from allup.errors import AllupError
from allup.fields import conditions
from allup.refs import GroupKind, ObjectRef
from allup.run.session import Session

Object = Mapping[str, Any]
_CLAIM = GroupKind("", "PersistentVolumeClaim")
_API_SERVICE = GroupKind("apiregistration.k8s.io", "APIService")


class Evidence:
    """What can be read about *namespace* now, each thing once; what cannot be read counts as unknown."""

    def __init__(self, session: Session, namespace: str) -> None:
        self._session = session
        self._namespace = namespace
        self.pods = cache(self._pods)
        self.node = cache(self._node)
        self.unavailable = cache(self._unavailable)
        self.here = cache(self._here)

    def look(self, ref: ObjectRef) -> Object | None:
        """The object in full as it is now, None when it is gone or may not be read."""
        try:
            return self._session.objects.get(ref)
        except AllupError:
            return None

    def why(self, ref: ObjectRef) -> tuple[Finding, ...]:
        """What keeps the object; nothing when it has gone meanwhile."""
        obj = self.look(ref)
        return () if obj is None else why_there(obj, self.around(obj), self._session.clock.now())

    def around(self, obj: Object) -> Around:
        """What stands around *obj*."""
        ref = ObjectRef.of(obj)
        if ref.kind == "Namespace":
            here = [held for held in self.here() if finalizers(held)]
            pods = self.pods()
            return Around(pods=pods, nodes=self._nodes(here), unavailable=self.unavailable(), here=here)
        if ref.kind == "Pod":
            return Around(nodes=self._nodes([obj]))
        if ref.group_kind == _CLAIM:
            return Around(pods=self.pods())
        if "kubernetes.io/pv-protection" in finalizers(obj):
            return Around(claims=self._claim_of(obj))
        if "foregroundDeletion" in finalizers(obj):
            return Around(dependants=self._dependants(obj))
        return Around()

    def in_the_way_of_a_purge(
        self, claims: Sequence[ObjectRef], namespace: ObjectRef | None
    ) -> tuple[Finding, ...]:
        """What would hold up a purge that was not begun: *claims* in use, and, when the namespace is to go
        too, APIServices that do not answer."""
        found = [claim_in_use(claim, self.pods()) for ref in claims if (claim := self.look(ref)) is not None]
        dead = self.unavailable() if namespace else ()
        return (*filter(None, found), *(api_service(namespace, each) for each in dead if namespace))

    def _nodes(self, objects: Sequence[Object]) -> dict[str, Object | None]:
        names = {
            str((obj.get("spec") or {}).get("nodeName") or "") for obj in objects if obj["kind"] == "Pod"
        }
        looked = {name: self.node(name) for name in names if name}
        return {name: node for name, (known, node) in looked.items() if known}

    def _node(self, name: str) -> tuple[bool, Object | None]:
        try:
            return True, self._session.objects.get(ObjectRef("", "Node", "", name))
        except AllupError:
            return False, None

    def _pods(self) -> Sequence[Object]:
        return self._list(self._session.discovery.find("", "Pod"), self._namespace)

    def _unavailable(self) -> Sequence[Object]:
        services = self._list(self._session.discovery.find(_API_SERVICE.group, _API_SERVICE.kind))
        return [s for s in services if (conditions(s).get("Available") or {}).get("status") == "False"]

    def _here(self) -> Sequence[Object]:
        """Everything in the namespace, of every kind that can be listed; many requests."""
        found: dict[str, Object] = {}
        for resource in self._session.discovery.listable():
            if resource.namespaced and resource.kind != "Event":
                for obj in self._list(resource, self._namespace):
                    found.setdefault(str(obj["metadata"].get("uid")), obj)
        return list(found.values())

    def _dependants(self, owner: Object) -> Sequence[Object]:
        uid = owner["metadata"].get("uid")
        return [
            obj
            for obj in self.here()
            if any(
                o.get("uid") == uid and o.get("blockOwnerDeletion")
                for o in obj["metadata"].get("ownerReferences") or ()
            )
        ]

    def _claim_of(self, volume: Object) -> Sequence[Object]:
        claim = (volume.get("spec") or {}).get("claimRef") or {}
        if not claim.get("name"):
            return ()
        found = self.look(ObjectRef("", "PersistentVolumeClaim", claim.get("namespace", ""), claim["name"]))
        return [found] if found is not None else ()

    def _list(self, resource: Resource | None, namespace: str = "") -> Sequence[Object]:
        if resource is None:
            return ()
        try:
            return self._session.objects.list(resource, namespace)
        except AllupError:
            return ()
