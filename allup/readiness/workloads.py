"""Deployments, StatefulSets, DaemonSets, ReplicaSets: judged by the counts ``kubectl rollout status`` judges
by, and, while they are not ready, by the pods of their newest revision. An old revision that is broken
never fails a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from allup.readiness.causes import Cause
from allup.readiness.creation import creation_refused
from allup.readiness.fields import Object, conditions, count, holds, section, text
from allup.readiness.pods import worst
from allup.readiness.verdict import Neighbours, Readiness, State, failed, not_yet, ready
from allup.refs import ObjectRef

REVISION = "deployment.kubernetes.io/revision"
REVISION_HASH = "controller-revision-hash"
TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
POD_TEMPLATE_GENERATION = "pod-template-generation"


def deployment(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Every wanted pod is of the newest template and available, and no old one is left."""
    if not _seen(obj):
        return _unseen()
    spec, status = section(obj, "spec"), section(obj, "status")
    want, total = count(spec, "replicas", 1), count(status, "replicas")
    updated, available = count(status, "updatedReplicas"), count(status, "availableReplicas")
    if updated >= want and updated >= total and available >= updated:
        return ready(_pods_ready(want, want))
    old = total - updated
    if updated < want and old > 0:
        counts = f"rollout: {updated} of {want} pods updated"
    elif old > 0:
        counts = f"rollout: {_pods(old)} of the old revision still to go"
    else:
        counts = _progress(obj, want)
    if spec.get("paused"):
        return not_yet(f"{counts}: the rollout is paused", Cause.PAUSED)
    newest = _newest_replica_set(obj, neighbours)
    refused = _creation_failure(obj, newest, leaving=old)
    pods = neighbours.owned(text(section(newest, "metadata"), "uid"), "Pod") if newest else ()
    return _judged(counts, obj, refused, pods, now)


def replica_set(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """As many pods as wanted are available, and no more exist. Also for ReplicationController."""
    if not _seen(obj):
        return _unseen()
    want, status = count(section(obj, "spec"), "replicas", 1), section(obj, "status")
    total, available = count(status, "replicas"), count(status, "availableReplicas")
    if total <= want <= available:
        return ready(_pods_ready(want, want))
    counts = _too_many(total - want) or _progress(obj, want)
    refused = _creation_failure(obj, obj, leaving=0)
    return _judged(counts, obj, refused, neighbours.owned(text(section(obj, "metadata"), "uid"), "Pod"), now)


def stateful_set(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Every wanted pod is ready, and those at or above ``partition`` are of the newest revision. With
    OnDelete a pod keeps its revision until somebody deletes it, so the revision does not count."""
    if not _seen(obj):
        return _unseen()
    spec, status = section(obj, "spec"), section(obj, "status")
    want, total = count(spec, "replicas", 1), count(status, "replicas")
    have = min(
        count(status, "readyReplicas"), count(status, "availableReplicas", count(status, "readyReplicas"))
    )
    on_delete = _on_delete(obj)
    partition = count(section(spec, "updateStrategy", "rollingUpdate"), "partition")
    to_update = 0 if on_delete else max(0, want - partition)
    updated = count(status, "updatedReplicas")
    if have >= want >= total and updated >= to_update:
        return ready(_pods_ready(want, want) + (_left_to_delete(want - updated) if on_delete else ""))
    if updated < to_update and total > updated:
        counts = f"rollout: {updated} of {to_update} pods updated"
    else:
        counts = _too_many(total - want) or _progress(obj, want)
    newest, older = _by_revision(
        neighbours.owned(text(section(obj, "metadata"), "uid"), "Pod"), text(status, "updateRevision")
    )
    if on_delete:
        newest, older = [*newest, *older], []
    verdict = _judged(counts, obj, None, newest, now)
    if verdict.cause or spec.get("podManagementPolicy") == "Parallel":
        return verdict
    blocking = worst(older, now)
    if blocking and blocking.cause:
        # kubernetes/kubernetes#67250: an ordered rollout waits for every pod it has not reached yet.
        words = f"{counts}: blocked by a pod of the old revision: {blocking.message}"
        return not_yet(words, Cause.OLD_REVISION, blocking.culprit)
    return verdict


def daemon_set(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Every node that should run a pod has an available one, of the newest template unless OnDelete."""
    if not _seen(obj):
        return _unseen()
    status = section(obj, "status")
    want, updated = count(status, "desiredNumberScheduled"), count(status, "updatedNumberScheduled")
    available, on_delete = count(status, "numberAvailable"), _on_delete(obj)
    if available >= want and (on_delete or updated >= want):
        left = _left_to_delete(want - updated) if on_delete else ""
        return ready((_pods_ready(want, want) + left) if want else "no node wants a pod of it")
    if not on_delete and updated < count(status, "currentNumberScheduled"):
        counts = f"rollout: {updated} of {want} pods updated"
    else:
        counts = _progress(obj, want, have=count(status, "numberReady"))
    pods = neighbours.owned(text(section(obj, "metadata"), "uid"), "Pod")
    return _judged(counts, obj, None, pods if on_delete else _newest_generation(obj, pods), now)


def _judged(
    counts: str, obj: Object, refused: Readiness | None, pods: Sequence[Object], now: datetime
) -> Readiness:
    """The first thing wrong, hopeless ones first; without any, the counts."""
    pod = worst(pods, now)
    for verdict in (refused, pod):
        if verdict and verdict.hopeless:
            return _because(counts, verdict)
    progressing = conditions(obj).get("Progressing", {})
    if text(progressing, "reason") == "ProgressDeadlineExceeded":
        limit = count(section(obj, "spec"), "progressDeadlineSeconds", 600)
        words = f"{counts}: no progress for {limit} s"
        reason = refused or pod
        if pods and not (reason and reason.cause):
            # The condition stays until there is progress again: a cluster that was repaired is still
            # marked, and its pods, which are starting without complaint, know better.
            return not_yet(words, Cause.DEADLINE_EXCEEDED)
        more = f", {reason.message}" if reason else ""
        return failed(words + more, Cause.DEADLINE_EXCEEDED, reason.culprit if reason else None)
    reason = refused or pod
    return _because(counts, reason) if reason else not_yet(counts)


def _because(counts: str, verdict: Readiness) -> Readiness:
    return replace(verdict, message=f"{counts}: {verdict.message}")


def _creation_failure(obj: Object, replica_set: Object | None, *, leaving: int) -> Readiness | None:
    """Why pods of the newest ReplicaSet cannot be created, when the controller says so.

    A Deployment passes on the failure of an old ReplicaSet when the newest one has none, so its own
    condition is believed without reserve only while there is a single revision. A quota may heal as long
    as old pods are *leaving*.
    """
    source = obj if replica_set is None else replica_set
    condition = conditions(source).get("ReplicaFailure")
    if condition is None or not holds(condition):
        return None
    verdict = creation_refused(text(condition, "message"))
    first = section(obj, "metadata", "annotations").get(REVISION) == "1"
    heals = (verdict.cause == Cause.QUOTA and leaving > 0) or (replica_set is None and not first)
    if heals:
        verdict = replace(verdict, state=State.NOT_YET, hopeless=False)
    if replica_set is None or replica_set is obj:
        return verdict
    metadata = section(replica_set, "metadata")
    culprit = ObjectRef("apps", "ReplicaSet", text(metadata, "namespace"), text(metadata, "name"))
    return replace(verdict, culprit=culprit)


def _newest_replica_set(obj: Object, neighbours: Neighbours) -> Object | None:
    """The ReplicaSet of the Deployment's own revision; None while the watches have not seen it."""
    metadata = section(obj, "metadata")
    revision = section(metadata, "annotations").get(REVISION)
    for one in neighbours.owned(text(metadata, "uid"), "ReplicaSet") if revision else ():
        if section(one, "metadata", "annotations").get(REVISION) == revision:
            return one
    return None


def _by_revision(pods: Sequence[Object], revision: str) -> tuple[list[Object], list[Object]]:
    newest: list[Object] = []
    older: list[Object] = []
    for pod in pods:
        same = section(pod, "metadata", "labels").get(REVISION_HASH) == revision
        (newest if same else older).append(pod)
    return newest, older


def _newest_generation(obj: Object, pods: Sequence[Object]) -> list[Object]:
    """The pods of the DaemonSet's template generation, else of the newest one seen."""

    def generation(pod: Object) -> int:
        label = text(section(pod, "metadata", "labels"), POD_TEMPLATE_GENERATION)
        return int(label) if label.isdigit() else 0

    wanted = text(section(obj, "metadata", "annotations"), TEMPLATE_GENERATION)
    newest = int(wanted) if wanted.isdigit() else max(map(generation, pods), default=0)
    return [pod for pod in pods if generation(pod) == newest]


def _seen(obj: Object) -> bool:
    """True when the controller has seen this generation: until then its counts are about another one."""
    return count(section(obj, "status"), "observedGeneration") >= max(
        1, count(section(obj, "metadata"), "generation")
    )


def _unseen() -> Readiness:
    return not_yet("waits for its controller")


def _on_delete(obj: Object) -> bool:
    return text(section(obj, "spec", "updateStrategy"), "type") == "OnDelete"


def _progress(obj: Object, want: int, have: int | None = None) -> str:
    have = count(section(obj, "status"), "readyReplicas") if have is None else have
    seconds = count(section(obj, "spec"), "minReadySeconds")
    if have >= want and seconds:
        return f"{_pods_ready(have, want)}, not yet for {seconds} s"
    return _pods_ready(have, want)


def _pods_ready(have: int, want: int) -> str:
    return f"{have}/{want} pods ready" if want else "scaled to 0"


def _too_many(number: int) -> str:
    return f"{_pods(number)} too many still to go" if number > 0 else ""


def _left_to_delete(number: int) -> str:
    return f", {_pods(number)} of an older revision until deleted" if number > 0 else ""


def _pods(number: int) -> str:
    return "1 pod" if number == 1 else f"{number} pods"
