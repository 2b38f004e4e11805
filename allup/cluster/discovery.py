"""Which kinds the API server serves, under which version and path: two requests (aggregated discovery,
KEP-3352), read again only when a kind is asked for that was not there before."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allup.cluster.requests import Api, path_segment
from allup.errors import ApiError, NotFound
from allup.refs import GroupKind

_ACCEPT = ",".join(
    f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
    for version in ("v2", "v2beta1")
)


@dataclass(frozen=True)
class Resource:
    """A kind as the server serves it."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()

    @property
    def api_version(self) -> str:
        """``apps/v1``, ``v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_kind(self) -> GroupKind:
        """The kind without its version."""
        return GroupKind(self.group, self.kind)

    def collection(self, namespace: str = "") -> str:
        """The path of all objects, or of those in one namespace."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if self.namespaced and namespace:
            root += f"/namespaces/{path_segment(namespace)}"
        return f"{root}/{self.plural}"

    def path(self, namespace: str, name: str) -> str:
        """The path of one object."""
        return f"{self.collection(namespace)}/{path_segment(name)}"


class Discovery:
    """The kinds of one server. Thread-safe."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._resources: dict[GroupKind, dict[str, Resource]] | None = None
        self.unavailable: tuple[str, ...] = ()

    def find(self, group: str, kind: str, version: str = "") -> Resource | None:
        """The resource of a kind: in *version* when it is given, else in the one the server prefers.

        None when the server does not serve it (a CRD that is not there yet, a kind long gone).
        """
        with self._lock:
            if self._resources is None:
                self._resources = self._read()
            versions = self._resources.get(GroupKind(group, kind))
        if not versions:
            return None
        if version:
            return versions.get(version)
        return next(iter(versions.values()))

    def of_kind(self, kind: str) -> tuple[Resource, ...]:
        """Every group's resource of that kind, the server's preferred version each."""
        with self._lock:
            if self._resources is None:
                self._resources = self._read()
            return tuple(
                next(iter(versions.values()))
                for found, versions in self._resources.items()
                if found.kind == kind
            )

    def listable(self) -> tuple[Resource, ...]:
        """Every kind that can be listed, in the version the server prefers."""
        with self._lock:
            if self._resources is None:
                self._resources = self._read()
            preferred = [next(iter(versions.values())) for versions in self._resources.values()]
        return tuple(resource for resource in preferred if "list" in resource.verbs)

    def need(self, api_version: str, kind: str) -> Resource:
        """Like ``find``, asking the server again before giving up; raises NotFound."""
        group, _, version = api_version.rpartition("/")
        found = self.find(group, kind, version)
        if found is None:
            self.refresh()
            found = self.find(group, kind, version)
        if found is None:
            raise NotFound(
                f"kind {kind} of {api_version}",
                "this cluster does not serve it",
                status=404,
                reason="NotFound",
                next_step="Is its CustomResourceDefinition, or the operator that brings it, installed?",
            )
        return found

    def refresh(self) -> None:
        """Forgets what was read."""
        with self._lock:
            self._resources = None

    def _read(self) -> dict[GroupKind, dict[str, Resource]]:
        resources: dict[GroupKind, dict[str, Resource]] = {}
        unavailable = []
        for root in ("/api", "/apis"):
            answer = self._api.get(root, accept=_ACCEPT)
            if "items" not in answer:
                self._read_one_by_one(root, answer, resources)
                continue
            for item in answer["items"]:
                group = item.get("metadata", {}).get("name", "")
                for version in item.get("versions", ()):
                    if version.get("freshness") == "Stale":
                        unavailable.append(f"{group}/{version['version']}")
                    for resource in version.get("resources", ()):
                        kind = resource.get("responseKind", {}).get("kind") or ""
                        self._add(
                            resources,
                            Resource(
                                group=group,
                                version=version["version"],
                                kind=kind,
                                plural=resource["resource"],
                                namespaced=resource.get("scope") == "Namespaced",
                                verbs=frozenset(resource.get("verbs", ())),
                            ),
                        )
        self.unavailable = tuple(unavailable)
        return resources

    def _read_one_by_one(
        self, root: str, answer: Mapping[str, Any], resources: dict[GroupKind, dict[str, Resource]]
    ) -> None:
        """Servers and proxies without aggregated discovery: one request a group and version."""
        if root == "/api":
            versions = [("", version) for version in answer.get("versions", ())]
        else:
            versions = [
                (group["name"], version["version"])
                for group in answer.get("groups", ())
                for version in group.get("versions", ())
            ]
        for group, version in versions:
            try:
                listed = self._api.get(f"{root}/{group}/{version}" if group else f"{root}/{version}")
            except ApiError:
                continue  # an aggregated API whose server is away must not hide the others
            for resource in listed.get("resources", ()):
                if "/" not in resource["name"]:
                    self._add(
                        resources,
                        Resource(
                            group,
                            version,
                            resource["kind"],
                            resource["name"],
                            bool(resource["namespaced"]),
                            frozenset(resource.get("verbs", ())),
                        ),
                    )

    @staticmethod
    def _add(resources: dict[GroupKind, dict[str, Resource]], resource: Resource) -> None:
        if resource.kind and "get" in resource.verbs:
            resources.setdefault(resource.group_kind, {}).setdefault(resource.version, resource)
