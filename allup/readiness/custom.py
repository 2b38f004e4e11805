"""CustomResourceDefinitions, custom resources, and every kind without a rule of its own: by conditions
(API conventions, "Typical status properties")."""

from __future__ import annotations

from datetime import datetime

from allup.diagnosis import custom
from allup.diagnosis.causes import Cause
from allup.diagnosis.scene import Neighbours
from allup.fields import Object, conditions, holds
from allup.readiness.verdict import Readiness, because, not_yet, ready


def custom_resource_definition(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready when its names are accepted and it is served."""
    known = conditions(obj)
    if holds(known.get("NamesAccepted")) and holds(known.get("Established")):
        return ready()
    trouble = custom.custom_resource_definition(obj, neighbours, now)
    return because(trouble) if trouble else not_yet("is not served yet")


def api_service(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready when Available; a local one, served by the API server itself, is that at once."""
    trouble = custom.api_service(obj, neighbours, now)
    if trouble:
        return because(trouble)
    return ready() if conditions(obj) else not_yet("has not been asked yet")


def by_conditions(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Failed when ``Failed`` or ``Stalled`` holds; else the first present of ``Ready``, ``Available``,
    ``Succeeded``, ``Established`` decides; ready on existing when there is none of them."""
    trouble = custom.by_conditions(obj, neighbours, now)
    return ready() if trouble is None or trouble.cause == Cause.NO_CONDITIONS else because(trouble)
