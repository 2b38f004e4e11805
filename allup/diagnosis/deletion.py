"""Why an object that is to go is still there: the deletion family. Pure: it, and what stands around it.

Sources: "Finalizers" and "Garbage Collection" of the Kubernetes documentation; the namespace controller's
conditions (pkg/controller/namespace/deletion/status_condition_utils.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from allup.diagnosis.causes import Cause
from allup.diagnosis.events import elapsed
from allup.diagnosis.finding import Finding
from allup.diagnosis.scene import Neighbours
from allup.diagnosis.trouble import Trouble, may_heal
from allup.fields import Object, conditions, holds, items, moment, section, shorten, text
from allup.refs import GroupKind, ObjectRef


@dataclass(frozen=True)
class Finalizer:
    """A finalizer that is known by name: *server* takes it off *when*.

    *control_plane*: it protects, and the controller manager serves it; what it waits for is to be mended,
    so it is never removed by force. *lost*: what nobody would do any more once it is removed.
    """

    server: str
    when: str
    control_plane: bool = False
    lost: str = ""


_MANAGER = "the controller manager"
_BY_NAME = {
    "kubernetes.io/pvc-protection": Finalizer(_MANAGER, "once no pod uses the claim", True),
    "kubernetes.io/pv-protection": Finalizer(_MANAGER, "once no claim is bound to the volume", True),
    "foregroundDeletion": Finalizer(_MANAGER, "once what the object owns is gone", True),
    "orphan": Finalizer(_MANAGER, "once what the object owns is let go", True),
    "kubernetes": Finalizer(_MANAGER, "once the namespace is empty", True),
    "batch.kubernetes.io/job-tracking": Finalizer(_MANAGER, "once the Job has counted the pod", True),
    "customresourcecleanup.apiextensions.k8s.io": Finalizer(
        "the API server", "once every object of the kind is gone", True
    ),
    "service.kubernetes.io/load-balancer-cleanup": Finalizer(
        "the cloud's service controller",
        "once the load balancer is removed",
        lost="the load balancer stays in the cloud, and may cost money",
    ),
    "kubernetes.io/pv-controller": Finalizer(
        _MANAGER, "once the disk behind the volume is deleted", lost="the disk behind the volume stays"
    ),
    "external-provisioner.volume.kubernetes.io/finalizer": Finalizer(
        "the CSI driver's provisioner",
        "once the disk behind the volume is deleted",
        lost="the disk behind the volume stays, and may cost money",
    ),
}
_BY_PREFIX = (
    (
        "external-attacher/",
        Finalizer(
            "the CSI driver's attacher",
            "once the volume is detached",
            lost="the volume may stay attached to its node",
        ),
    ),
    (
        "snapshot.storage.kubernetes.io/",
        Finalizer("the snapshot controller", "once no snapshot needs it", lost="a snapshot may break"),
    ),
    (
        "resources-finalizer.argocd.argoproj.io",
        Finalizer("Argo CD", "once what the Application made is gone", lost="what it made stays"),
    ),
    (
        "finalizers.fluxcd.io",
        Finalizer("Flux", "once what it made is gone", lost="what it made stays"),
    ),
    (
        "ingress.k8s.aws/",
        Finalizer(
            "the AWS load balancer controller",
            "once the load balancer is removed",
            lost="the load balancer stays in the cloud, and may cost money",
        ),
    ),
    (
        "service.k8s.aws/",
        Finalizer(
            "the AWS load balancer controller",
            "once the load balancer is removed",
            lost="the load balancer stays in the cloud, and may cost money",
        ),
    ),
    (
        "networking.gke.io/",
        Finalizer(
            "Google's ingress controller",
            "once the load balancer is removed",
            lost="the load balancer stays in the cloud, and may cost money",
        ),
    ),
)

NAMESPACE_PATIENCE = 30.0
"""Seconds a namespace may still have content before it is called stuck."""

_POD, _NODE = GroupKind("", "Pod"), GroupKind("", "Node")
_API_SERVICE = GroupKind("apiregistration.k8s.io", "APIService")
_KINDS_LEFT = re.compile(r"(\S+?)\.? has (\d+) resource instances")
_FINALIZERS_LEFT = re.compile(r"(\S+) in (\d+) resource instances")
_GROUP_VERSION = re.compile(r"\b([a-z0-9]([-a-z0-9.]*[a-z0-9])?/v\d\w*)(?=: )")


@dataclass(frozen=True)
class Around:
    """What stands around an object, as far as it could be read.

    *pods*: those of its namespace. *nodes*: by name, None for one that does not exist, left out for one of
    which nothing is known. *dependants*: what it owns and blocks its deletion. *claims*: those that exist.
    *unavailable*: APIServices that do not answer. *here*: what is left in a namespace with a finalizer.
    """

    pods: Sequence[Object] = ()
    nodes: Mapping[str, Object | None] = field(default_factory=dict)
    dependants: Sequence[Object] = ()
    claims: Sequence[Object] = ()
    unavailable: Sequence[Object] = ()
    here: Sequence[Object] = ()


def known_finalizer(name: str) -> Finalizer | None:
    """What is known of a finalizer of that name."""
    found = _BY_NAME.get(name)
    return found or next((known for prefix, known in _BY_PREFIX if name.startswith(prefix)), None)


def why_there(obj: Object, around: Around, now: datetime) -> tuple[Finding, ...]:
    """What keeps *obj*, the root of it first; never empty."""
    ref = ObjectRef.of(obj)
    if not section(obj, "metadata").get("deletionTimestamp"):
        return (_finding(ref, Cause.NOT_DELETED, "nobody has deleted it yet"),)
    if ref.kind == "Namespace":
        return tuple(_namespace(ref, obj, around, now))
    return tuple(_held(ref, obj, around, now)) or (
        _finding(
            ref, Cause.REMOVAL_PENDING, "has no finalizer any more; the API server has not removed it yet"
        ),
    )


def _held(ref: ObjectRef, obj: Object, around: Around, now: datetime) -> Iterator[Finding]:
    if ref.kind == "Pod" and (pod := _of_pod(ref, obj, around, now)) is not None:
        yield pod
    for name in finalizers(obj):
        yield _of_finalizer(ref, name, obj, around)


def deletion(obj: Object, beside: Neighbours, now: datetime, *, wanted: bool = False) -> Trouble | None:
    """What holds an object that is being deleted, the root of it; None when nobody deletes it. *wanted*:
    somebody waits for it to be there again, so that what will never let it go is hopeless."""
    leaving = obj.get("kind") == "Namespace" and text(section(obj, "status"), "phase") == "Terminating"
    if not section(obj, "metadata").get("deletionTimestamp"):
        return (
            may_heal("is being deleted", Cause.TERMINATING, "status.phase Terminating") if leaving else None
        )
    around = _around(obj, beside)
    first, *rest = why_there(obj, around, now)
    words = "is being deleted: " + "; ".join(one.message for one in ([first, *rest] if leaving else [first]))
    if first.cause in (Cause.REMOVAL_PENDING, Cause.POD_ENDING):
        return may_heal("is being deleted", Cause.TERMINATING, "metadata.deletionTimestamp")
    if leaving:
        cause = Cause.TERMINATING if _only_begun(obj, first.cause, now) else Cause.NAMESPACE_STUCK
        found = may_heal(words, cause, "status.conditions", next_step=first.next_step)
        return replace(found, culprit=first.culprit)
    evidence = f"metadata.finalizers {', '.join(finalizers(obj))}" if finalizers(obj) else "status"
    found = may_heal(words, first.cause, evidence, next_step=first.next_step)
    found = replace(found, culprit=first.culprit)
    kept = [one for one in around.claims if not section(one, "metadata").get("deletionTimestamp")]
    return _kept_by(obj, found, wanted) if first.cause == Cause.VOLUME_IN_USE and kept else found


def _around(obj: Object, beside: Neighbours) -> Around:
    """What a scene knows of it."""
    namespace = text(section(obj, "metadata"), "namespace") or text(section(obj, "metadata"), "name")
    pods = [p for p in beside.of_kind(_POD) if section(p, "metadata").get("namespace") == namespace]
    names = {text(section(pod, "spec"), "nodeName") for pod in [*pods, obj]} - {""}
    known = bool(beside.of_kind(_NODE))
    reference = section(obj, "spec", "claimRef")
    claim = ObjectRef("", "PersistentVolumeClaim", text(reference, "namespace"), text(reference, "name"))
    bound = beside.get(claim) if claim.name else None
    services = beside.of_kind(_API_SERVICE) if obj.get("kind") == "Namespace" else ()
    return Around(
        pods=pods,
        nodes={name: beside.get(ObjectRef("", "Node", "", name)) for name in names} if known else {},
        claims=[bound] if bound is not None else (),
        unavailable=[s for s in services if (conditions(s).get("Available") or {}).get("status") == "False"],
    )


def _only_begun(obj: Object, cause: str, now: datetime) -> bool:
    """Content remains for a moment in every namespace that goes."""
    told = {name for name, one in conditions(obj).items() if holds(one)}
    due = moment(section(obj, "metadata").get("deletionTimestamp"))
    young = due is None or (now - due).total_seconds() < NAMESPACE_PATIENCE
    return cause == Cause.NAMESPACE_STUCK and young and told <= {"NamespaceContentRemaining"}


def _kept_by(volume: Object, found: Trouble, wanted: bool) -> Trouble:
    """A volume goes as soon as its claim does, and nothing takes a deletion back: when somebody keeps the
    claim, waiting for the volume to be well again is in vain."""
    claim = found.culprit
    assert claim is not None  # a volume in use is used by a claim
    retained = section(volume, "spec").get("persistentVolumeReclaimPolicy", "Retain") == "Retain"
    data = "the data stays where it is (Retain)" if retained else "ITS DATA GOES TOO (reclaim policy Delete)"
    step = (
        f"Stop what uses the claim, kubectl delete -n {claim.namespace} pvc/{claim.name}: {data}; "
        "the next up makes both again"
    )
    words = f"{found.message}, which is kept: it can only go"
    return replace(found, message=words, next_step=step, hopeless=wanted)


def finalizers(obj: Object) -> tuple[str, ...]:
    """The names in ``metadata.finalizers``."""
    found = section(obj, "metadata").get("finalizers")
    return tuple(map(str, found)) if isinstance(found, list | tuple) else ()


def put_there_by(obj: Object, finalizer: str) -> str:
    """The field manager that owns a finalizer, ``""`` when nobody says so."""
    for manager in items(obj, "metadata", "managedFields"):
        if f'v:"{finalizer}"' in section(manager, "fieldsV1", "f:metadata", "f:finalizers"):
            return text(manager, "manager")
    return ""


def users(claim: Object, pods: Sequence[Object]) -> tuple[ObjectRef, ...]:
    """The pods that use a claim, as the controller manager counts: scheduled, and not ended."""
    name = text(section(claim, "metadata"), "name")
    found = []
    for pod in pods:
        if text(section(pod, "status"), "phase") in ("Succeeded", "Failed"):
            continue
        if not text(section(pod, "spec"), "nodeName"):
            continue
        volumes = items(pod, "spec", "volumes")
        if any(text(section(volume, "persistentVolumeClaim"), "claimName") == name for volume in volumes):
            found.append(ObjectRef.of(pod))
    return tuple(sorted(found))


def lost_node(pod: Object, nodes: Mapping[str, Object | None]) -> str:
    """Why the pod's node will not confirm its end (``is gone``, ``does not answer …``), ``""`` if it may."""
    name = text(section(pod, "spec"), "nodeName")
    if not name or name not in nodes:
        return ""
    node = nodes[name]
    if node is None:
        return "is gone"
    state = conditions(node).get("Ready")
    if holds(state):
        return ""
    since = text(state or {}, "lastTransitionTime")
    status = text(state or {}, "status") or "not reported"
    return f"does not answer (Ready is {status}{f' since {since}' if since else ''})"


def not_allowed(ref: ObjectRef, what: str, fact: str) -> Finding:
    """Objects of a kind may be there, and we may not look."""
    return Finding(
        ref=ref,
        cause=Cause.NOT_ALLOWED_TO_LOOK,
        message=f"whether {what} of ours are left is not known, since we may not list them ({fact})",
        next_step=f"Use a context that may list {what}, then run the same command again",
    )


def api_service(ref: ObjectRef, service: Object) -> Finding:
    """An APIService that does not answer, which keeps namespace *ref* from being emptied."""
    culprit = ObjectRef.of(service)
    available = conditions(service).get("Available") or {}
    why = ": ".join(filter(None, (text(available, "reason"), shorten(text(available, "message"), 120))))
    return _finding(
        ref,
        Cause.APISERVICE_UNAVAILABLE,
        f"cannot be emptied while APIService {culprit.name} does not answer{f' ({why})' if why else ''}: its "
        "kinds might have objects there",
        culprit=culprit,
        next_step=f"Bring its server back, or remove it: kubectl delete apiservice {culprit.name}",
    )


def claim_in_use(claim: Object, pods: Sequence[Object]) -> Finding | None:
    """Who uses a claim that is to go; None when nobody does."""
    found = users(claim, pods)
    if not found:
        return None
    return _finding(
        ObjectRef.of(claim),
        Cause.CLAIM_IN_USE,
        f"is used by {', '.join(map(str, found))}",
        culprit=found[0],
        next_step=f"End that pod: kubectl delete -n {found[0].namespace} pod/{found[0].name}",
    )


def _of_finalizer(ref: ObjectRef, name: str, obj: Object, around: Around) -> Finding:
    match name:
        case "kubernetes.io/pvc-protection":
            if (used := claim_in_use(obj, around.pods)) is not None:
                return used
        case "kubernetes.io/pv-protection":
            claim = section(obj, "spec", "claimRef")
            bound = [c for c in around.claims if section(c, "metadata").get("uid") == claim.get("uid")]
            if bound:
                culprit = ObjectRef.of(bound[0])
                return _finding(ref, Cause.VOLUME_IN_USE, f"is bound to {culprit}", culprit=culprit)
        case "foregroundDeletion":
            owned = sorted(map(ObjectRef.of, around.dependants))
            if owned:
                return _finding(
                    ref,
                    Cause.DEPENDENTS,
                    f"waits for what it owns: {_some(owned)}",
                    culprit=owned[0],
                )
    known = known_finalizer(name)
    if known is not None:
        return _finding(
            ref,
            Cause.FINALIZER,
            f"is held by finalizer {name}: {known.server} takes it off {known.when}",
            next_step=f"See whether {known.server} runs",
        )
    by = put_there_by(obj, name)
    return _finding(
        ref,
        Cause.FINALIZER,
        f"is held by finalizer {name}, which {by or 'somebody'} put there and nobody takes off",
        next_step="Bring back what serves it; the same command with --force shows what removing it means",
    )


def _of_pod(ref: ObjectRef, pod: Object, around: Around, now: datetime) -> Finding | None:
    node = text(section(pod, "spec"), "nodeName")
    if lost := lost_node(pod, around.nodes):
        return _finding(
            ref,
            Cause.POD_ON_LOST_NODE,
            f"its node {node} {lost}, so nobody confirms that it has ended",
            next_step="Bring the node back; the same command with --force deletes the pod without it",
        )
    if finalizers(pod):
        return None
    # A pod's deletionTimestamp is when its grace period ends.
    end = moment(section(pod, "metadata").get("deletionTimestamp"))
    over = (now - end).total_seconds() if end else 0.0
    grace = f"grace period ended {elapsed(over)} ago" if over > 0 else f"{elapsed(-over)} of grace left"
    who = f"its node {node} has not confirmed its end" if node else "it is not scheduled"
    return _finding(ref, Cause.POD_ENDING, f"{who} ({grace})")


def _namespace(ref: ObjectRef, obj: Object, around: Around, now: datetime) -> Iterator[Finding]:
    known = conditions(obj)
    said = {name: text(c, "message") for name, c in known.items() if holds(c)}
    dead = {text(section(service, "metadata"), "name"): service for service in around.unavailable}
    for service in dead.values():
        yield api_service(ref, service)
    for group_version in _named(said.get("NamespaceDeletionDiscoveryFailure", "")):
        name = _api_service_name(group_version)
        if name not in dead:
            yield api_service(ref, _bare_api_service(name))
    count = 0
    for held in around.here:
        # Whether or not the namespace controller has come to it: this is what it will wait for.
        for finding in _held(ObjectRef.of(held), held, Around(pods=around.pods, nodes=around.nodes), now):
            count += 1
            yield finding
    if not count and (left := said.get("NamespaceContentRemaining", "")):
        kinds = [f"{number} {kind}" for kind, number in _KINDS_LEFT.findall(left)]
        held_by = [f"{name} on {n}" for name, n in _finalizers_left(said)]
        also = f"; held by finalizers: {', '.join(held_by)}" if held_by else ""
        yield _finding(ref, Cause.NAMESPACE_STUCK, f"still holds {', '.join(kinds) or shorten(left)}{also}")
        count += 1
    for name in ("NamespaceDeletionContentFailure", "NamespaceDeletionGroupVersionParsingFailure"):
        if name in said:
            yield _finding(
                ref, Cause.NAMESPACE_STUCK, f"deleting what is in it failed: {shorten(said[name], 300)}"
            )
            count += 1
    if not count and not dead and "NamespaceDeletionDiscoveryFailure" not in said:
        waits = _finalizers_of_namespace(obj)
        yield _finding(
            ref,
            Cause.NAMESPACE_STUCK,
            f"is held by {', '.join(waits)} in spec.finalizers, and says nothing of what it waits for"
            if waits
            else "is being deleted, and says nothing of what it waits for",
        )


def _finalizers_left(said: Mapping[str, str]) -> list[tuple[str, str]]:
    return _FINALIZERS_LEFT.findall(said.get("NamespaceFinalizersRemaining", ""))


def _finalizers_of_namespace(obj: Object) -> tuple[str, ...]:
    found = section(obj, "spec").get("finalizers")
    return tuple(map(str, found)) if isinstance(found, list | tuple) else ()


def _named(message: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found[0] for found in _GROUP_VERSION.findall(message)))


def _api_service_name(group_version: str) -> str:
    group, _, version = group_version.partition("/")
    return f"{version}.{group}"


def _bare_api_service(name: str) -> Object:
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": name},
    }


def _some(refs: Sequence[ObjectRef]) -> str:
    more = f" and {len(refs) - 3} more" if len(refs) > 3 else ""
    return ", ".join(map(str, refs[:3])) + more


def _finding(
    ref: ObjectRef, cause: Cause, message: str, *, culprit: ObjectRef | None = None, next_step: str = ""
) -> Finding:
    return Finding(ref=ref, cause=cause, message=message, culprit=culprit, next_step=next_step)
