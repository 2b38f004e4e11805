"""Objects that carry an instance's labels and that no component claims."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allup.cluster.discovery import Resource
from allup.cluster.store import component_of
from allup.errors import AllupError, ApiError
from allup.model import labels
from allup.refs import GroupKind, ObjectRef
from allup.run.session import Session
from allup.run.workers import Pool

COPIES = ("Endpoints", "EndpointSlice")  # they take over a Service's labels
_OWN = (
    GroupKind("", "ConfigMap"),
    GroupKind("", "Secret"),
    GroupKind("coordination.k8s.io", "Lease"),
)
_CLAIM = GroupKind("", "PersistentVolumeClaim")
_STATEFUL = GroupKind("apps", "StatefulSet")


@dataclass(frozen=True)
class Orphan:
    """An object nobody claims, and why that is so."""

    ref: ObjectRef
    component: str
    created: str
    reason: str


def judge(
    objects: Sequence[Mapping[str, Any]],
    *,
    instance: str,
    components: Collection[str],
    kinds: Collection[GroupKind],
) -> tuple[Orphan, ...]:
    """The orphans among *objects*, by name. *components* are those of the graph, *kinds* those they use.

    What a controller made is never one, nor a copy of a Service, nor our own records, nor the namespace.
    """
    found = []
    for obj in objects:
        ref = ObjectRef.of(obj)
        own = ref.group_kind in _OWN and ref.name == labels.inventory_name(instance)
        if own or ref.kind in (*COPIES, "Namespace", "Event") or obj["metadata"].get("ownerReferences"):
            continue
        component = component_of(obj)
        made_by_stateful_set = ref.group_kind == _CLAIM and _STATEFUL in kinds
        if not component:
            reason = "it names no component"
        elif component not in components:
            reason = f"component {component} is not part of it any more"
        elif ref.group_kind not in kinds and not made_by_stateful_set:
            reason = f"nothing of kind {ref.group_kind} is part of it any more"
        else:
            continue
        found.append(Orphan(ref, component, str(obj["metadata"].get("creationTimestamp", "")), reason))
    return tuple(sorted(found, key=lambda orphan: orphan.ref))


def labelled(
    session: Session,
    namespace: str,
    instance: str,
    pool: Pool,
    *,
    only: Callable[[Resource], bool] = lambda _: True,
    on_refused: Callable[[Resource], None] = lambda _: None,
) -> Sequence[Mapping[str, Any]]:
    """Everything that carries the instance's labels, of every kind the server can list and we may read, of
    *only* some kinds when asked for; *on_refused* hears of those that we may not list."""

    failed: list[AllupError] = []

    def look(resource: Resource) -> Sequence[Mapping[str, Any]]:
        if failed:  # the answer is an error already: sixty kinds need not each run out of patience
            return ()
        try:
            return session.objects.list(resource, namespace, labels.instance_selector(instance))
        except ApiError as error:
            away = error.status == 503 and resource.api_version in session.discovery.unavailable
            if not away and error.status not in (403, 404, 405):
                failed.append(error)
                raise
            if error.status == 403:
                on_refused(resource)
            return ()  # not allowed, or an aggregated API that is away
        except AllupError as error:
            failed.append(error)
            raise

    found = pool.map(look, [resource for resource in session.discovery.listable() if only(resource)])
    by_uid = {obj["metadata"].get("uid"): obj for some in found for obj in some}
    return tuple(by_uid.values())
