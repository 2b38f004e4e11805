"""Deployments, StatefulSets, DaemonSets, ReplicaSets: judged by the counts ``kubectl rollout status`` judges
by, and, while they are not ready, by the pods of their newest revision. An old revision that is broken
never fails a new one.
"""

from __future__ import annotations

from datetime import datetime

from allup.diagnosis import rollout
from allup.diagnosis.rollout import on_delete
from allup.diagnosis.scene import Neighbours
from allup.diagnosis.trouble import Trouble
from allup.fields import Object, count, section
from allup.readiness.verdict import Readiness, because, not_yet, ready


def deployment(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Every wanted pod is of the newest template and available, and no old one is left."""
    if not _seen(obj):
        return _unseen(obj, now)
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
    return _told(counts, rollout.deployment(obj, neighbours, now))


def replica_set(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """As many pods as wanted are available, and no more exist. Also for ReplicationController."""
    if not _seen(obj):
        return _unseen(obj, now)
    want, status = count(section(obj, "spec"), "replicas", 1), section(obj, "status")
    total, available = count(status, "replicas"), count(status, "availableReplicas")
    if total <= want <= available:
        return ready(_pods_ready(want, want))
    counts = _too_many(total - want) or _progress(obj, want)
    return _told(counts, rollout.replica_set(obj, neighbours, now))


def stateful_set(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Every wanted pod is ready, and those at or above ``partition`` are of the newest revision. With
    OnDelete a pod keeps its revision until somebody deletes it, so the revision does not count."""
    if not _seen(obj):
        return _unseen(obj, now)
    spec, status = section(obj, "spec"), section(obj, "status")
    want, total = count(spec, "replicas", 1), count(status, "replicas")
    have = min(
        count(status, "readyReplicas"), count(status, "availableReplicas", count(status, "readyReplicas"))
    )
    by_hand = on_delete(obj)
    partition = count(section(spec, "updateStrategy", "rollingUpdate"), "partition")
    to_update = 0 if by_hand else max(0, want - partition)
    updated = count(status, "updatedReplicas")
    if have >= want >= total and updated >= to_update:
        return ready(_pods_ready(want, want) + (_left_to_delete(want - updated) if by_hand else ""))
    if updated < to_update and total > updated:
        counts = f"rollout: {updated} of {to_update} pods updated"
    else:
        counts = _too_many(total - want) or _progress(obj, want)
    return _told(counts, rollout.stateful_set(obj, neighbours, now))


def daemon_set(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Every node that should run a pod has an available one, of the newest template unless OnDelete."""
    if not _seen(obj):
        return _unseen(obj, now)
    status = section(obj, "status")
    want, updated = count(status, "desiredNumberScheduled"), count(status, "updatedNumberScheduled")
    available, by_hand = count(status, "numberAvailable"), on_delete(obj)
    if available >= want and (by_hand or updated >= want):
        left = _left_to_delete(want - updated) if by_hand else ""
        return ready((_pods_ready(want, want) + left) if want else "no node wants a pod of it")
    if not by_hand and updated < count(status, "currentNumberScheduled"):
        counts = f"rollout: {updated} of {want} pods updated"
    else:
        counts = _progress(obj, want, have=count(status, "numberReady"))
    return _told(counts, rollout.daemon_set(obj, neighbours, now))


def _told(counts: str, trouble: Trouble | None) -> Readiness:
    return because(trouble, counts) if trouble else not_yet(counts)


def _seen(obj: Object) -> bool:
    """True when the controller has seen this generation: until then its counts are about another one."""
    return count(section(obj, "status"), "observedGeneration") >= max(
        1, count(section(obj, "metadata"), "generation")
    )


def _unseen(obj: Object, now: datetime) -> Readiness:
    silent = rollout.unseen(obj, now)
    return because(silent) if silent else not_yet("waits for its controller")


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
