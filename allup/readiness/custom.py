"""CustomResourceDefinitions, custom resources, and every kind without a rule of its own: by conditions
(API conventions, "Typical status properties")."""

from __future__ import annotations

from datetime import datetime

from allup.readiness.causes import Cause
from allup.readiness.fields import Object, conditions, count, holds, section, shorten, text
from allup.readiness.verdict import Neighbours, Readiness, failed, not_yet, ready

_WELL = ("Ready", "Available", "Succeeded", "Established")
_BROKEN = ("Failed", "Stalled")


def custom_resource_definition(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready when its names are accepted and it is served."""
    known = conditions(obj)
    names = known.get("NamesAccepted")
    if names and names.get("status") == "False":
        return failed(f"names not accepted: {shorten(text(names, 'message'))}", Cause.CONDITION_FAILED)
    if names and holds(names) and holds(known.get("Established")):
        return ready()
    return not_yet("is not served yet")


def by_conditions(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Failed when ``Failed`` or ``Stalled`` holds; else the first present of ``Ready``, ``Available``,
    ``Succeeded``, ``Established`` decides; ready on existing when there is none of them.

    A condition that tells its ``observedGeneration`` counts only for that generation.
    """
    generation = count(section(obj, "metadata"), "generation")
    known = conditions(obj)
    current = {
        name: one for name, one in known.items() if count(one, "observedGeneration", generation) >= generation
    }
    for name in _BROKEN:
        if holds(current.get(name)):
            return failed(_words(name, current[name]), Cause.CONDITION_FAILED)
    for name in _WELL:
        if holds(current.get(name)):
            return ready()
        if name in known:
            return not_yet(_words(f"not {name}", current.get(name, {})))
    return ready()


def _words(verdict: str, condition: Object) -> str:
    said = shorten(text(condition, "message")) or text(condition, "reason")
    return f"{verdict}: {said}" if said else verdict
