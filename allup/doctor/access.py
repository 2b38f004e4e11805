"""May we do what a platform needs? Asked one by one with SelfSubjectAccessReview.

The answer does not depend on whether the thing exists, and every authoriser gives one, also those that cannot
list their rules (GKE, webhooks).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from allup.sandbox.doctor import Finding

NAME = "permissions"
PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_VERBS = ("get", "list", "watch", "create", "patch", "delete")


@dataclass(frozen=True)
class Need:
    """One thing to be allowed; *namespace* ``""`` for what is in none; *needed*: nothing goes without it."""

    verb: str
    resource: str
    group: str = ""
    namespace: str = ""
    subresource: str = ""
    needed: bool = True

    @property
    def what(self) -> str:
        """The resource as kubectl writes it: ``deployments.apps``, ``pods/exec``."""
        whole = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{whole}.{self.group}" if self.group else whole

    def review(self) -> dict[str, Any]:
        """The body of the question."""
        attributes = {
            "verb": self.verb,
            "group": self.group,
            "resource": self.resource,
            "namespace": self.namespace,
            "subresource": self.subresource,
        }
        given = {key: value for key, value in attributes.items() if value or key in ("verb", "resource")}
        return {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": given},
        }


EVERYTHING = Need("*", "*", "*")
"""An administrator may do anything: then nothing else needs to be asked."""


def needs(kinds: Iterable[tuple[str, str, bool]], namespace: str) -> tuple[Need, ...]:
    """What up, down and the daily verbs ask for. *kinds* are group, plural and whether it is namespaced, of
    each kind that the platform has."""
    wanted = {
        Need(verb, resource, group, namespace if namespaced else "")
        for group, resource, namespaced in kinds
        for verb in _VERBS
    }
    wanted |= {Need(verb, "configmaps", "", namespace) for verb in _VERBS}
    wanted |= {Need(verb, "leases", "coordination.k8s.io", namespace) for verb in ("get", "create", "update")}
    wanted |= {Need(verb, "pods", "", namespace) for verb in ("get", "list", "watch")}
    wanted |= {Need("get", "namespaces"), Need("create", "namespaces")}
    daily = {
        Need("list", "events", "", namespace),
        Need("get", "pods", "", namespace, "log"),
        Need("create", "pods", "", namespace, "exec"),
        Need("create", "pods", "", namespace, "portforward"),
        Need("get", "pods", "", namespace, "proxy"),
        Need("list", "nodes"),
        Need("list", "storageclasses", "storage.k8s.io"),
    }
    wanted |= {replace(need, needed=False) for need in daily}
    return tuple(sorted(wanted, key=lambda need: (need.what, need.verb)))


def judge(who: str, platform: str, asked: Sequence[Need], refused: Sequence[Need]) -> Finding:
    """One finding for all of it; the refused verbs with the resources that they are refused for."""
    if not refused:
        return Finding(NAME, "ok", f"{who} may do all that {platform} needs")
    verbs: dict[str, list[str]] = {}
    for need in refused:
        verbs.setdefault(need.what, []).append(need.verb)
    resources: dict[str, list[str]] = {}
    for what, missing in verbs.items():
        resources.setdefault(", ".join(missing), []).append(what)
    told = "; ".join(f"{missing}: {', '.join(sorted(whats))}" for missing, whats in sorted(resources.items()))
    place = next((need.namespace for need in refused if need.namespace), "")
    where = f" in namespace {place}" if place else ""
    return Finding(
        NAME,
        "fail" if any(need.needed for need in refused) else "warn",
        f"{who} may not do {len(refused)} of the {len(asked)} things that {platform} needs{where}: {told}",
        "Ask who runs the cluster for a role with them, or use another context",
    )
