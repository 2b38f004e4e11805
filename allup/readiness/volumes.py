"""PersistentVolumes and claims."""

from __future__ import annotations

from datetime import datetime

from allup.readiness.causes import Cause
from allup.readiness.fields import Object, age, section, shorten, text
from allup.readiness.verdict import Neighbours, Readiness, failed, not_yet, ready

BINDING_PATIENCE = 30.0
"""Seconds a claim may be Pending (a provisioner works) before that is called a cause."""

_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"


def persistent_volume(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready when Available or Bound. One that is Released and retained never serves another claim until
    somebody takes its claimRef away."""
    spec, status = section(obj, "spec"), section(obj, "status")
    phase = text(status, "phase")
    claim = section(spec, "claimRef")
    if phase in ("Available", "Bound"):
        return ready(f"bound to {_claim(claim)}" if phase == "Bound" and claim else "")
    if phase == "Released":
        words = f"is Released: still belongs to the deleted claim {_claim(claim)}"
        if claim.get("uid") and spec.get("persistentVolumeReclaimPolicy", "Retain") == "Retain":
            return failed(words, Cause.VOLUME_RELEASED)
        return not_yet(words if claim else "is Released", Cause.VOLUME_RELEASED)
    if phase == "Failed":
        said = shorten(text(status, "message") or text(status, "reason"))
        return failed(f"volume failed: {said}" if said else "volume failed", Cause.VOLUME_FAILED)
    return not_yet("volume is Pending")


def persistent_volume_claim(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready when Bound, and when it is bound only once a pod uses it."""
    spec = section(obj, "spec")
    phase, volume = text(section(obj, "status"), "phase"), text(spec, "volumeName")
    if phase == "Bound":
        return ready(f"bound to {volume}" if volume else "")
    if phase == "Lost":
        return failed(f"its volume {volume} is gone", Cause.CLAIM_LOST)
    if not blocks_consumer(obj, neighbours):
        return ready("is bound when a pod uses it")
    words = f"claim is Pending: waits for volume {volume}" if volume else "claim is Pending: unbound"
    late = age(section(obj, "metadata").get("creationTimestamp"), now) > BINDING_PATIENCE
    return not_yet(words, Cause.CLAIM_PENDING if late else "")


def blocks_consumer(claim: Object, neighbours: Neighbours) -> bool:
    """False when what uses the claim may start: it is bound, or WaitForFirstConsumer binds it only then."""
    spec = section(claim, "spec")
    if text(section(claim, "status"), "phase") == "Bound":
        return False
    if spec.get("volumeName"):
        return True
    annotated = section(claim, "metadata", "annotations").get(_CLASS_ANNOTATION)
    storage_class = spec.get("storageClassName", annotated)
    if storage_class == "":
        return True  # no class at all: only a volume that is there already can be bound
    return neighbours.binding_mode(storage_class) != "WaitForFirstConsumer"


def _claim(claim: Object) -> str:
    return f"{text(claim, 'namespace')}/{text(claim, 'name')}"
