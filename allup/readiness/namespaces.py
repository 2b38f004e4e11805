"""What is ready by being there: namespaces, identities, rules, settings."""

from __future__ import annotations

from datetime import datetime

from allup.diagnosis.deletion import deletion
from allup.diagnosis.scene import Neighbours
from allup.fields import Object
from allup.readiness.verdict import Readiness, because, ready


def namespace(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready unless Terminating."""
    trouble = deletion(obj, neighbours, now, wanted=True)
    return because(trouble) if trouble else ready()


def existing(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready."""
    return ready()
