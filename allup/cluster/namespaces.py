"""The instance's namespace: made by the first write of a first up, used as it is when it was there before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allup.cluster.objects import Objects
from allup.errors import ApiError, ClusterError
from allup.model import labels
from allup.refs import ObjectRef

_LEVEL = "pod-security.kubernetes.io/"


@dataclass(frozen=True)
class NamespaceState:
    """*ours*: we made it, so we may remove it. *fresh*: made by this very run, so it is empty."""

    obj: Mapping[str, Any]
    ours: bool
    fresh: bool

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.obj["metadata"]["name"])

    @property
    def terminating(self) -> bool:
        """True while it is on its way out."""
        return bool(self.obj.get("status", {}).get("phase") == "Terminating")


def namespace_ref(name: str) -> ObjectRef:
    """The Namespace object."""
    return ObjectRef("", "Namespace", "", name)


def namespace_body(name: str, platform: str, instance: str, pod_security: str) -> dict[str, Any]:
    """The Namespace we would make."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {
                labels.MANAGED_BY: labels.TOOL,
                labels.PART_OF: platform,
                labels.INSTANCE: instance,
                **_levels(pod_security),
            },
        },
    }


def _levels(pod_security: str) -> dict[str, str]:
    """The labels of a Pod Security level (KEP-2579)."""
    audit = pod_security if pod_security != "privileged" else "baseline"
    return {f"{_LEVEL}enforce": pod_security, f"{_LEVEL}warn": audit, f"{_LEVEL}audit": audit}


def other_level(state: NamespaceState | None, pod_security: str) -> str:
    """The Pod Security level that a namespace of ours enforces, when it is not *pod_security*; else empty."""
    if state is None or not state.ours:
        return ""
    found = str((state.obj["metadata"].get("labels") or {}).get(f"{_LEVEL}enforce", "none"))
    return "" if found == pod_security else found


def set_level(objects: Objects, name: str, pod_security: str) -> None:
    """Makes a namespace of ours enforce that level from here on; pods that are there stay."""
    patch = {"metadata": {"labels": _levels(pod_security)}}
    objects.merge(namespace_ref(name), patch, manager=labels.FIELD_MANAGER)


def is_ours(obj: Mapping[str, Any], instance: str) -> bool:
    """True when the Namespace was made by us for this instance."""
    found = obj["metadata"].get("labels") or {}
    return found.get(labels.MANAGED_BY) == labels.TOOL and found.get(labels.INSTANCE) == instance


def look(objects: Objects, name: str, instance: str) -> NamespaceState | None:
    """The namespace as it is, or None."""
    found = objects.get(namespace_ref(name))
    return None if found is None else NamespaceState(found, is_ours(found, instance), fresh=False)


def conditions(obj: Mapping[str, Any]) -> str:
    """What keeps a Terminating namespace, from its own conditions."""
    found = (obj.get("status") or {}).get("conditions") or ()
    return " ".join(c.get("message", "") for c in found if c.get("status") == "True")


def make(objects: Objects, name: str, *, platform: str, instance: str, pod_security: str) -> NamespaceState:
    """The namespace, made now. One that somebody else was quicker to make is used, never labelled and never
    deleted. Raises ClusterError when we may not make it."""
    try:
        made = objects.create(namespace_body(name, platform, instance, pod_security))
    except ApiError as error:
        if error.status == 409 and (found := look(objects, name, instance)) is not None:
            return found
        if error.status == 403:
            raise ClusterError(
                f"namespace {name}",
                "is not there and we may not make it",
                evidence=error.fact,
                next_step="Have it made, or name one that exists with --namespace",
            ) from error
        raise
    return NamespaceState(made, ours=True, fresh=True)
