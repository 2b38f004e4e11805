"""Workloads that do not get as far as their template says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from allup.diagnosis import admission, pods, scheduling
from allup.diagnosis.causes import Cause
from allup.diagnosis.scene import Neighbours
from allup.diagnosis.trouble import Trouble, hopeless, may_heal, ordinary
from allup.fields import Object, age, conditions, count, holds, items, moment, section, shorten, text
from allup.refs import ObjectRef

REVISION = "deployment.kubernetes.io/revision"
REVISION_HASH = "controller-revision-hash"
TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
POD_TEMPLATE_GENERATION = "pod-template-generation"

CONTROLLER_PATIENCE = 30.0
"""Seconds a controller may take to look at a new generation before that is called a cause."""

LEAVING_PATIENCE = 30.0
"""Seconds a pod may stay after its grace period is over before that is called a cause."""


def deployment(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """Why a Deployment is not rolled out: its newest pods, what forbids them, or the old ones."""
    spec, status = section(obj, "spec"), section(obj, "status")
    old = count(status, "replicas") - count(status, "updatedReplicas")
    if spec.get("paused"):
        return may_heal("the rollout is paused", Cause.PAUSED, "spec.paused")
    newest = newest_replica_set(obj, beside)
    refused = _creation_failure(obj, newest, beside, leaving=old) or (
        admission.failed_create(newest, beside, now) if newest else None
    )
    if refused and newest and refused.culprit is None:
        refused = replace(refused, culprit=ObjectRef.of(newest))
    mine = beside.owned(_uid(newest), "Pod") if newest else ()
    found = _first(obj, refused, mine, beside, now)
    return found or _staying([*mine, *_old_pods(obj, newest, beside)], beside, now)


def replica_set(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """Also for ReplicationController."""
    refused = _creation_failure(obj, obj, beside, leaving=0) or admission.failed_create(obj, beside, now)
    mine = beside.owned(_uid(obj), "Pod")
    return _first(obj, refused, mine, beside, now) or _staying(mine, beside, now)


def stateful_set(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """Its newest pods; else the pod of the old revision that an ordered rollout cannot pass."""
    mine = beside.owned(_uid(obj), "Pod")
    newest, older = _by_revision(mine, text(section(obj, "status"), "updateRevision"))
    if on_delete(obj):
        newest, older = [*newest, *older], []
    refused = admission.failed_create(obj, beside, now)
    found = _first(obj, refused, newest, beside, now)
    if (found and found.cause) or section(obj, "spec").get("podManagementPolicy") == "Parallel":
        return found
    blocking = pods.worst(older, beside, now)
    if blocking and blocking.cause:
        # kubernetes/kubernetes#67250: an ordered rollout waits for every pod it has not reached yet.
        words = f"blocked by a pod of the old revision: {blocking.message}"
        return replace(blocking, message=words, cause=Cause.OLD_REVISION, hopeless=False)
    return _staying(mine, beside, now) or found


def daemon_set(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """The pods of its newest template."""
    mine = beside.owned(_uid(obj), "Pod")
    newest = mine if on_delete(obj) else _newest_generation(obj, mine)
    refused = admission.failed_create(obj, beside, now)
    return _first(obj, refused, newest, beside, now) or _staying(mine, beside, now)


def unseen(obj: Object, now: datetime) -> Trouble | None:
    """The controller has not looked at the newest generation for too long: it may be down."""
    metadata = section(obj, "metadata")
    observed = section(obj, "status").get("observedGeneration")
    changed = max(
        (moment_ for one in items(metadata, "managedFields") if (moment_ := _written(one))),
        default=None,
    )
    if changed is not None:
        seconds = max(0.0, (now - changed).total_seconds())
    elif observed is None:
        seconds = age(metadata.get("creationTimestamp"), now)
    else:
        return None
    words = (
        f"its controller has not looked at it for {seconds:.0f} s: "
        f"generation {count(metadata, 'generation')}, "
        f"observed {observed if observed is not None else 'none'}"
    )
    found = may_heal(words, Cause.CONTROLLER_SILENT, "status.observedGeneration")
    return found if seconds > CONTROLLER_PATIENCE else None


def budget(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """A PodDisruptionBudget that lets no pod go."""
    status = section(obj, "status")
    if count(status, "disruptionsAllowed") > 0 or not count(status, "expectedPods"):
        return None
    words = (
        f"allows no disruption: {count(status, 'currentHealthy')} healthy, "
        f"{count(status, 'desiredHealthy')} of {count(status, 'expectedPods')} must stay"
    )
    return ordinary(words, Cause.DISRUPTION_BUDGET, "status.disruptionsAllowed 0")


def evicting(message: str, details: Object | None = None) -> Trouble | None:
    """What the refusal of an eviction says; None when *message* is about something else. Which budget it is
    stands in the *details* of the API server's Status."""
    if "disruption budget" not in message:
        return None
    said = [shorten(text(one, "message")) for one in items(details or {}, "causes") if text(one, "message")]
    words = f"its pod may not be evicted: {'; '.join(said) or shorten(message)}"
    return may_heal(words, Cause.DISRUPTION_BUDGET, "status 429")


def on_delete(obj: Object) -> bool:
    """True when a pod keeps its revision until somebody deletes it."""
    return text(section(obj, "spec", "updateStrategy"), "type") == "OnDelete"


def newest_replica_set(obj: Object, beside: Neighbours) -> Object | None:
    """The ReplicaSet of the Deployment's own revision; None while the watches have not seen it."""
    metadata = section(obj, "metadata")
    revision = section(metadata, "annotations").get(REVISION)
    for one in beside.owned(text(metadata, "uid"), "ReplicaSet") if revision else ():
        if section(one, "metadata", "annotations").get(REVISION) == revision:
            return one
    return None


def _first(
    obj: Object, refused: Trouble | None, mine: Sequence[Object], beside: Neighbours, now: datetime
) -> Trouble | None:
    """The first thing wrong, hopeless ones first."""
    pod = pods.worst(mine, beside, now)
    for found in (refused, pod):
        if found and found.hopeless:
            return found
    reason = refused or pod
    progressing = conditions(obj).get("Progressing", {})
    if text(progressing, "reason") == "ProgressDeadlineExceeded":
        return _given_up(obj, reason, bool(mine))
    return reason


def _given_up(obj: Object, reason: Trouble | None, has_pods: bool) -> Trouble:
    """Kubernetes has stopped hoping. Its condition stays until there is progress again: a cluster that was
    repaired is still marked, and its pods, which are starting without complaint, know better."""
    limit = count(section(obj, "spec"), "progressDeadlineSeconds", 600)
    words, where = f"no progress for {limit} s", "status.conditions[Progressing] ProgressDeadlineExceeded"
    if reason and reason.cause and not reason.ordinary:
        return replace(reason, message=f"{words}, {reason.message}", hopeless=True)
    if has_pods:
        said = f"{words}, {reason.message}" if reason else words
        found = may_heal(said, Cause.PROGRESS_DEADLINE, where)
        return replace(found, culprit=reason.culprit if reason else None)
    return hopeless(words + (f", {reason.message}" if reason else ""), Cause.PROGRESS_DEADLINE, where)


def _creation_failure(
    obj: Object, replica_set_: Object | None, beside: Neighbours, *, leaving: int
) -> Trouble | None:
    """Why pods of the newest ReplicaSet cannot be created, when the controller says so.

    A Deployment passes on the failure of an old ReplicaSet when the newest one has none, so its own
    condition is believed without reserve only while there is a single revision. A quota may heal as long
    as old pods are *leaving*.
    """
    source = obj if replica_set_ is None else replica_set_
    condition = conditions(source).get("ReplicaFailure")
    if condition is None or not holds(condition):
        return None
    message = text(condition, "message")
    refused = replace(admission.creation_refused(message), evidence="status.conditions[ReplicaFailure]")
    refused = admission.unless_mended(refused, message, text(section(obj, "metadata"), "namespace"), beside)
    first = section(obj, "metadata", "annotations").get(REVISION) == "1"
    if (refused.cause == Cause.QUOTA and leaving > 0) or (replica_set_ is None and not first):
        refused = replace(refused, hopeless=False)
    if replica_set_ is None or replica_set_ is obj:
        return refused
    return replace(refused, culprit=ObjectRef.of(replica_set_))


def _staying(mine: Sequence[Object], beside: Neighbours, now: datetime) -> Trouble | None:
    """Pods that should have gone by now."""
    late = []
    for one in mine:
        due = moment(section(one, "metadata").get("deletionTimestamp"))
        if due is not None and (now - due).total_seconds() > LEAVING_PATIENCE:
            late.append((due, one))
    if not late:
        return None
    due, one = min(late, key=lambda pair: (pair[0], text(section(pair[1], "metadata"), "name")))
    ref = ObjectRef.of(one)
    finalizers = section(one, "metadata").get("finalizers") or ()
    held = f", held by {', '.join(map(str, finalizers))}" if finalizers else ""
    lost = scheduling.lost_node(one, beside)
    words = (
        f"old pod {ref.name} does not leave, {(now - due).total_seconds():.0f} s after its grace period{held}"
        + (f"; {lost}" if lost else "")
        + (f" ({len(late)} pods)" if len(late) > 1 else "")
    )
    found = may_heal(words, Cause.OLD_PODS_STAY, "metadata.deletionTimestamp")
    return replace(found, culprit=ref, alike=len(late))


def _old_pods(obj: Object, newest: Object | None, beside: Neighbours) -> Sequence[Object]:
    sets = beside.owned(_uid(obj), "ReplicaSet")
    return [pod for one in sets if one is not newest for pod in beside.owned(_uid(one), "Pod")]


def _by_revision(mine: Sequence[Object], revision: str) -> tuple[list[Object], list[Object]]:
    newest: list[Object] = []
    older: list[Object] = []
    for pod in mine:
        same = section(pod, "metadata", "labels").get(REVISION_HASH) == revision
        (newest if same else older).append(pod)
    return newest, older


def _newest_generation(obj: Object, mine: Sequence[Object]) -> list[Object]:
    """The pods of the DaemonSet's template generation, else of the newest one seen."""

    def generation(pod: Object) -> int:
        label = text(section(pod, "metadata", "labels"), POD_TEMPLATE_GENERATION)
        return int(label) if label.isdigit() else 0

    wanted = text(section(obj, "metadata", "annotations"), TEMPLATE_GENERATION)
    newest = int(wanted) if wanted.isdigit() else max(map(generation, mine), default=0)
    return [pod for pod in mine if generation(pod) == newest]


def _written(managed: Object) -> datetime | None:
    """When somebody wrote the object itself, not its status."""
    return None if text(managed, "subresource") else moment(managed.get("time"))


def _uid(obj: Object | None) -> str:
    return text(section(obj or {}, "metadata"), "uid")
