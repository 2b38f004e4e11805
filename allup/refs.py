"""An object's one printed name: ``Kind/namespace/name``, or ``Kind/name`` for what has no namespace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allup.errors import InputError


@dataclass(frozen=True, order=True)
class GroupKind:
    """A kind without its version, written as in ApplySet inventories: ``Deployment.apps`` (KEP-3659)."""

    group: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @classmethod
    def parse(cls, text: str) -> GroupKind:
        """The inverse of ``str()``."""
        kind, _, group = text.partition(".")
        return cls(group, kind)


@dataclass(frozen=True, order=True)
class ObjectRef:
    """Which object is meant, whatever its version. ``namespace`` is ``""`` for cluster-scoped objects."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)

    @property
    def group_kind(self) -> GroupKind:
        """The kind alone."""
        return GroupKind(self.group, self.kind)

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> ObjectRef:
        """The reference of a complete object (``apiVersion``, ``kind`` and ``metadata.name`` present)."""
        metadata = obj["metadata"]
        return cls(
            group_of(obj["apiVersion"]), obj["kind"], metadata.get("namespace") or "", metadata["name"]
        )


def group_of(api_version: str) -> str:
    """``"apps"`` of ``"apps/v1"``, ``""`` of ``"v1"``."""
    group, slash, _ = api_version.partition("/")
    return group if slash else ""


def of_kubernetes_itself(namespace: str) -> bool:
    """True for a namespace that is never deleted, and in which nothing is ever forced."""
    return namespace == "default" or namespace.startswith("kube-")


@dataclass(frozen=True, order=True)
class ShortRef:
    """An object as people write it inside one platform: ``Service/nfs01``; the namespace is understood.

    A kind may carry its group (``Certificate.cert-manager.io/x``); a third part names a namespace.
    """

    group: str
    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        kind = f"{self.kind}.{self.group}" if self.group else self.kind
        return "/".join(part for part in (kind, self.namespace, self.name) if part)

    @classmethod
    def parse(cls, text: str) -> ShortRef:
        """Reads ``Kind/name`` or ``Kind/namespace/name``; raises InputError on anything else."""
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(parts):
            raise InputError(
                repr(text), "is not an object reference", next_step="Write Kind/name or Kind/namespace/name"
            )
        kind, _, group = parts[0].partition(".")
        return cls(group, kind, parts[-1], parts[1] if len(parts) == 3 else "")

    def matches(self, ref: ObjectRef) -> bool:
        """True when *ref* is the object meant (an unnamed group or namespace matches any)."""
        return (
            self.kind == ref.kind
            and self.name == ref.name
            and self.group in ("", ref.group)
            and self.namespace in ("", ref.namespace)
        )
