"""Pods, alone."""

from __future__ import annotations

from datetime import datetime

from allup.diagnosis import pods
from allup.diagnosis.scene import Neighbours
from allup.fields import Object, conditions, holds, section, text
from allup.readiness.verdict import Readiness, because, not_yet, ready


def pod(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready by its Ready condition. A pod that ended well is ready only when it was made to end; a pod that
    failed has failed, whoever counts it as finished."""
    phase = text(section(obj, "status"), "phase")
    if phase == "Succeeded" and pods.made_to_end(obj):
        return ready("completed")
    if phase not in ("Succeeded", "Failed") and holds(conditions(obj).get("Ready")):
        return ready()
    trouble = pods.pod(obj, neighbours, now)
    return because(trouble) if trouble else not_yet(_starting(obj))


def _starting(obj: Object) -> str:
    if not section(obj, "spec").get("nodeName"):
        return "is not scheduled yet"
    if text(section(obj, "status"), "phase") == "Running":
        return "runs, not ready yet"
    return "containers are being created"
