"""Reading and changing single objects: get, list, server-side apply, create, delete, patch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from allup.cluster.discovery import Discovery, Resource
from allup.cluster.requests import APPLY, MERGE_PATCH, Api
from allup.errors import ApiError, ImmutableField, NotFound
from allup.model import labels
from allup.refs import ObjectRef

Object = dict[str, Any]
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


class Written(StrEnum):
    """What a write did."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Applied:
    """The result of a server-side apply and the object as the server now has it."""

    written: Written
    obj: Object


class Objects:
    """Single objects of one cluster. Thread-safe."""

    def __init__(self, api: Api, discovery: Discovery) -> None:
        self.api = api
        self.discovery = discovery

    def resource(self, ref: ObjectRef, api_version: str = "") -> Resource:
        """How the server serves the kind of *ref*; raises NotFound when it does not."""
        if api_version:
            return self.discovery.need(api_version, ref.kind)
        found = self.discovery.find(ref.group, ref.kind)
        if found is None:
            raise NotFound(str(ref), f"this cluster does not serve {ref.group_kind}", status=404)
        return found

    def path(self, ref: ObjectRef, api_version: str = "") -> str:
        """The path of the object."""
        return self.resource(ref, api_version).path(ref.namespace, ref.name)

    def get(self, ref: ObjectRef) -> Object | None:
        """The object, or None when it (or its kind) is not there."""
        try:
            found: Object = self.api.get(self.path(ref))
        except NotFound:
            return None
        return found

    def list(self, resource: Resource, namespace: str = "", selector: str = "") -> Sequence[Object]:
        """The objects of one kind, with apiVersion and kind filled in."""
        query = [("labelSelector", selector)] if selector else []
        answer = self.api.get(resource.collection(namespace), query)
        for item in answer["items"]:
            item.setdefault("apiVersion", resource.api_version)
            item.setdefault("kind", resource.kind)
        items: Sequence[Object] = answer["items"]
        return items

    def names(self, resource: Resource, namespace: str = "") -> frozenset[str]:
        """The names of all objects of one kind, whoever made them; their contents are not transferred."""
        answer = self.api.get(resource.collection(namespace), accept=_METADATA_ONLY)
        return frozenset(item["metadata"]["name"] for item in answer["items"] or ())  # null when empty

    def apply(
        self,
        body: Mapping[str, Any],
        *,
        known: Mapping[str, Any] | None = None,
        manager: str = labels.FIELD_MANAGER,
        force: bool = False,
        dry_run: bool = False,
    ) -> Applied:
        """Server-side apply. *known* is the object as last seen, to tell changed from unchanged.

        Raises FieldConflict naming manager and field, ImmutableField, and any other ApiError. An apply
        without a difference does not move the resourceVersion (seen on 1.36.3), so nothing is compared
        beforehand.
        """
        ref = ObjectRef.of(body)
        query = [("fieldManager", manager), ("force", "true" if force else "false")]
        if dry_run:
            query.append(("dryRun", "All"))
        path = self.path(ref, body["apiVersion"])
        try:
            status, obj = self._apply_once_more_if_created_meanwhile(path, query, body)
        except ApiError as error:
            error.subject = str(ref)
            raise
        if status == 201:
            return Applied(Written.CREATED, obj)
        if known is not None and _same(known, obj):
            return Applied(Written.UNCHANGED, obj)
        return Applied(Written.CHANGED, obj)

    def _apply_once_more_if_created_meanwhile(
        self, path: str, query: Sequence[tuple[str, str]], body: Mapping[str, Any]
    ) -> tuple[int, Object]:
        try:
            return self.api.request("PATCH", path, query, body, content_type=APPLY)
        except ApiError as error:
            if error.status == 409 and error.reason == "AlreadyExists":
                return self.api.request("PATCH", path, query, body, content_type=APPLY)
            raise

    def create(self, body: Mapping[str, Any]) -> Object:
        """POST; raises ApiError with reason AlreadyExists when somebody else has made it.

        When the answer to a first try was lost, what is there is ours if it has all that we asked for.
        """
        ref = ObjectRef.of(body)
        path = self.resource(ref, body["apiVersion"]).collection(ref.namespace)
        query = [("fieldManager", labels.FIELD_MANAGER)]
        try:
            created: Object = self.api.request("POST", path, query, body, checked="name" in body["metadata"])[
                1
            ]
        except ApiError as error:
            found = self.get(ref) if error.status == 409 and error.in_doubt else None
            if found is None or not _has_all_of(found, body):
                raise
            return found
        return created

    def merge(
        self, ref: ObjectRef, patch: Mapping[str, Any], *, subresource: str = "", manager: str
    ) -> Object | None:
        """A JSON merge patch (RFC 7386); None when the object is not there."""
        path = self.path(ref) + (f"/{subresource}" if subresource else "")
        try:
            merged: Object = self.api.request(
                "PATCH", path, [("fieldManager", manager)], patch, content_type=MERGE_PATCH
            )[1]
        except NotFound:
            return None
        return merged

    def give_back(self, obj: Mapping[str, Any]) -> None:
        """Takes every field of ours off *obj* and leaves the rest; nothing happens when it is gone.

        An apply of nothing gives up what its manager owned (KEP-555). The uid keeps it from making the object
        anew, or from touching another of the same name.
        """
        metadata = {
            key: obj["metadata"][key] for key in ("name", "namespace", "uid") if key in obj["metadata"]
        }
        nothing = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata}
        try:
            self.apply(nothing)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    def delete(
        self,
        ref: ObjectRef,
        *,
        uid: str = "",
        version: str = "",
        foreground: bool = False,
        grace: int | None = None,
    ) -> bool:
        """Starts the deletion; True when there was something to delete.

        Only that very object is deleted, the one with *uid* or the one there now: one that was made again
        meanwhile stays, also when the request has to be repeated. With *version* only if it has not changed
        since. *grace* are the seconds that a pod is given instead of its own.
        """
        if not uid:
            found = self.get(ref)
            if found is None:
                return False
            uid = str(found["metadata"]["uid"])
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground" if foreground else "Background",
            "preconditions": {"uid": uid},
        }
        if version:
            body["preconditions"]["resourceVersion"] = version
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        try:
            self.api.request("DELETE", self.path(ref), (), body)
        except NotFound as error:
            return error.in_doubt  # then it was an earlier try that deleted it
        except ApiError as error:
            if error.status == 409:
                return False
            raise
        return True


def _same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """True when only what controllers write differs."""
    old, new = before.get("metadata", {}), after.get("metadata", {})
    if old.get("resourceVersion") == new.get("resourceVersion"):
        return True
    if any(old.get(key) != new.get(key) for key in ("uid", "generation", "labels", "annotations")):
        return False
    skipped = ("metadata", "status", "apiVersion", "kind")
    keys = (before.keys() | after.keys()) - set(skipped)
    return all(before.get(key) == after.get(key) for key in keys)


def _has_all_of(found: Any, asked: Any) -> bool:
    """True when *found* says everything that *asked* says, and maybe more: the server fills in defaults."""
    if isinstance(asked, Mapping):
        return isinstance(found, Mapping) and all(_has_all_of(found.get(k), v) for k, v in asked.items())
    if isinstance(asked, list):
        return (
            isinstance(found, list)
            and len(found) >= len(asked)
            and all(_has_all_of(f, a) for f, a in zip(found, asked, strict=False))
        )
    return bool(found == asked)


def explain_immutable(error: ImmutableField) -> str:
    """The field that cannot be changed, from the Status' causes, or ``""``."""
    for cause in error.details.get("causes") or ():  # type: ignore[attr-defined]
        if isinstance(cause, Mapping) and cause.get("field"):
            return str(cause["field"])
    return ""
