"""PersistentVolumes and claims."""

from __future__ import annotations

from datetime import datetime

from allup.diagnosis import storage
from allup.diagnosis.scene import Neighbours
from allup.fields import Object, section, text
from allup.readiness.verdict import Readiness, because, not_yet, ready


def persistent_volume(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready when Available or Bound."""
    phase = text(section(obj, "status"), "phase")
    claim = section(obj, "spec", "claimRef")
    if phase in ("Available", "Bound"):
        bound = f"bound to {text(claim, 'namespace')}/{text(claim, 'name')}"
        return ready(bound if phase == "Bound" and claim else "")
    trouble = storage.volume(obj, neighbours, now)
    return because(trouble) if trouble else not_yet("volume is Pending")


def persistent_volume_claim(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready when Bound, and when it is bound only once a pod uses it."""
    phase, volume = text(section(obj, "status"), "phase"), text(section(obj, "spec"), "volumeName")
    if phase == "Bound":
        return ready(f"bound to {volume}" if volume else "")
    if phase != "Lost" and not storage.blocks_consumer(obj, neighbours):
        return ready("is bound when a pod uses it")
    trouble = storage.claim(obj, neighbours, now)
    return because(trouble) if trouble else not_yet("claim is Pending: unbound")
