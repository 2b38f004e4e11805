"""Everything around an object that is not right, read once it is to be explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allup.cluster import streams
from allup.cluster.store import Store
from allup.diagnosis import Cause, Recorded
from allup.errors import AllupError
from allup.refs import GroupKind, ObjectRef
from allup.run.session import Session

LOG_LINES = 10
WARNINGS = "type=Warning"
_MOST_PODS = "500"  # of a whole cluster, to say how much of its nodes is in use

_NODE, _POD = GroupKind("", "Node"), GroupKind("", "Pod")
_CLAIM, _VOLUME = GroupKind("", "PersistentVolumeClaim"), GroupKind("", "PersistentVolume")
_CLASS, _QUOTA = GroupKind("storage.k8s.io", "StorageClass"), GroupKind("", "ResourceQuota")
_OF_NODES = (Cause.UNTOLERATED_TAINT, Cause.NODE_SELECTOR, Cause.NO_NODES, Cause.UNSCHEDULABLE)
_OF_STORAGE = (
    *(Cause.UNBOUND_CLAIM, Cause.CLAIM_PENDING, Cause.CLAIM_LOST, Cause.NO_MATCHING_VOLUME),
    *(Cause.PROVISIONER_ABSENT, Cause.PROVISIONER_FAILING, Cause.STORAGE_CLASS_MISSING),
    *(Cause.VOLUME_RELEASED, Cause.VOLUME_IN_USE, Cause.FINALIZER),
)
_AROUND: dict[str, tuple[GroupKind, ...]] = {
    **dict.fromkeys(_OF_NODES, (_NODE,)),
    Cause.INSUFFICIENT_RESOURCES: (_NODE, _POD),
    Cause.NODE_LOST: (_NODE,),
    Cause.POD_ON_LOST_NODE: (_NODE,),
    **dict.fromkeys(_OF_STORAGE, (_CLAIM, _VOLUME, _CLASS)),
    Cause.QUOTA: (_QUOTA,),
}


def warnings_in(session: Session, namespace: str) -> Sequence[Mapping[str, Any]] | None:
    """The Warning Events of a namespace; None when they may not be read."""
    resource = session.discovery.find("", "Event")
    if resource is None:
        return None
    try:
        answer = session.api.get(resource.collection(namespace), [("fieldSelector", WARNINGS)])
    except AllupError:
        return None
    found: Sequence[Mapping[str, Any]] = session.redactor.mask_object(answer.get("items") or ())
    return found


def around(session: Session, cause: str, namespace: str) -> Sequence[Mapping[str, Any]]:
    """The objects that a finer diagnosis of *cause* looks at; what may not be read is left out."""
    found: list[Mapping[str, Any]] = []
    for kind in _AROUND.get(cause, ()):
        resource = session.discovery.find(kind.group, kind.kind)
        if resource is None:
            continue
        query = [("limit", _MOST_PODS)] if kind == _POD else []
        where = namespace if resource.namespaced and kind != _POD else ""
        try:
            answer = session.api.get(resource.collection(where), query)
        except AllupError:
            continue
        if answer.get("metadata", {}).get("continue"):
            continue  # half of the pods would tell a half of what is in use
        typed = {"apiVersion": resource.api_version, "kind": resource.kind}
        found += [{**typed, **item} for item in answer.get("items", ())]
    return found


def scene(
    session: Session,
    store: Store,
    events: Sequence[Mapping[str, Any]] | None,
    more: Mapping[ObjectRef, Mapping[str, Any]],
) -> Recorded:
    """What the watches have seen and what was read besides, as it is now."""
    objects = {ref: obj for ref, obj in store.all() if ref.kind != "Event"} | dict(more)
    known = [obj for _, obj in store.of_kind("Event")] if events is None else events
    return Recorded(objects.values(), known, session.clock.now())


def in_full(session: Session, ref: ObjectRef) -> Sequence[dict[str, Any]]:
    """The object as the server has it, none when it cannot be read."""
    try:
        found = session.objects.get(ref)
    except AllupError:
        return ()
    return (found,) if found else ()


def log_lines(
    session: Session, ref: ObjectRef, pod: Mapping[str, Any] | None
) -> tuple[Sequence[str], Sequence[str]]:
    """The last lines of the container that is in trouble: of this life, and of the one before."""
    status = (pod or {}).get("status") or {}
    statuses = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    troubled = next((s for s in statuses if not s.get("ready") and _has_lived(s)), None)
    if troubled is None:
        return [], []
    this = _log(session, ref, troubled["name"], previous=False)
    restarted = bool(troubled.get("restartCount"))
    return this, _log(session, ref, troubled["name"], previous=True) if restarted else []


def _has_lived(status: Mapping[str, Any]) -> bool:
    """False for what has never started, and for an init container that did its work."""
    if ((status.get("state") or {}).get("terminated") or {}).get("exitCode") == 0:
        return False
    return bool(status.get("restartCount") or not (status.get("state") or {}).get("waiting"))


def _log(session: Session, pod: ObjectRef, container: str, *, previous: bool) -> list[str]:
    try:
        text = streams.logs(
            session.api, pod.namespace, pod.name, container=container, tail=LOG_LINES, previous=previous
        )
    except AllupError:
        return []
    return session.redactor.mask(text).splitlines()[-LOG_LINES:] if text.strip() else []
