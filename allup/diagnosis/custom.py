"""Custom resources, their definitions, and aggregated APIs."""

from __future__ import annotations

import re
from datetime import datetime

from allup.diagnosis.causes import Cause
from allup.diagnosis.scene import Neighbours
from allup.diagnosis.trouble import Trouble, hopeless, may_heal, ordinary
from allup.fields import Object, age, conditions, count, holds, section, shorten, text

WELL = ("Ready", "Available", "Succeeded", "Established")
BROKEN = ("Failed", "Stalled")
SILENCE = 30.0
"""Seconds a custom resource may be without any condition before somebody asks for its controller."""

_CONVERSION = re.compile(r"conversion webhook for (?P<kind>.+?) failed: (?P<rest>.*)", re.S)


def custom_resource_definition(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """A kind that is not served yet, and why."""
    known = conditions(obj)
    names = known.get("NamesAccepted")
    if names and names.get("status") == "False":
        words = f"names not accepted: {shorten(text(names, 'message'))}"
        return hopeless(words, Cause.CRD_NOT_ESTABLISHED, "status.conditions[NamesAccepted]")
    if holds(known.get("Established")):
        return None
    said = known.get("Established", {})
    told = f": {shorten(text(said, 'message'))}" if text(said, "message") else ""
    return ordinary(f"is not served yet{told}", Cause.CRD_NOT_ESTABLISHED, "status.conditions[Established]")


def api_service(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """An aggregated API that nobody serves: its kinds are unknown, and namespaces cannot go."""
    available = conditions(obj).get("Available", {})
    if not available or available.get("status") == "True":
        return None
    service = section(obj, "spec", "service")
    behind = f" (Service {text(service, 'namespace')}/{text(service, 'name')})" if service else ""
    reason, said = text(available, "reason"), shorten(text(available, "message"))
    words = f"API {text(section(obj, 'metadata'), 'name')}{behind} is not available: {reason}: {said}"
    return may_heal(words, Cause.APISERVICE_UNAVAILABLE, f"status.conditions[Available].reason {reason}")


def conversion_failure(message: str) -> Trouble | None:
    """A conversion webhook that does not answer, from the text of an error; None when it is about something
    else."""
    found = _CONVERSION.search(message)
    if not found:
        return None
    words = f"conversion webhook of {found['kind']} does not answer: {shorten(found['rest'])}"
    return may_heal(words, Cause.CONVERSION_WEBHOOK_DOWN, "the API server's answer")


def by_conditions(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """What its conditions say; None when nothing is wrong: one of ``WELL`` holds.

    A condition that tells its ``observedGeneration`` counts only for that generation.
    """
    known, current = conditions(obj), current_conditions(obj)
    for name in BROKEN:
        if holds(current.get(name)):
            where = f"status.conditions[{name}]"
            return hopeless(_words(name, current[name]), Cause.CONDITION_FAILED, where)
    for name in WELL:
        if holds(current.get(name)):
            return None
        if name in known:
            said = current.get(name, {})
            words = _words(f"not {name}", said)
            conversion = conversion_failure(text(said, "message"))
            reason = f".reason {said['reason']}" if said.get("reason") else ""
            where = f"status.conditions[{name}]{reason}"
            return conversion or ordinary(words, Cause.CONDITION_FAILED, where)
    if known or "." not in str(obj.get("apiVersion", "")).partition("/")[0]:
        return None
    seconds = age(section(obj, "metadata").get("creationTimestamp"), now)
    words = f"has no condition after {seconds:.0f} s: does the controller of {obj.get('kind')} run?"
    return ordinary(words, Cause.NO_CONDITIONS, "status.conditions") if seconds > SILENCE else None


def current_conditions(obj: Object) -> dict[str, Object]:
    """The conditions that are about the newest generation, by type."""
    generation = count(section(obj, "metadata"), "generation")
    return {
        name: one
        for name, one in conditions(obj).items()
        if count(one, "observedGeneration", generation) >= generation
    }


def _words(verdict: str, condition: Object) -> str:
    said = shorten(text(condition, "message")) or text(condition, "reason")
    return f"{verdict}: {said}" if said else verdict
