"""What is ready by being there: namespaces, identities, rules, settings."""

from __future__ import annotations

from datetime import datetime

from allup.readiness.causes import Cause
from allup.readiness.fields import Object, conditions, holds, section, shorten, text
from allup.readiness.verdict import Neighbours, Readiness, not_yet, ready

_LEFT_BEHIND = (
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionContentFailure",
    "NamespaceFinalizersRemaining",
    "NamespaceContentRemaining",
)


def namespace(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready unless Terminating."""
    if text(section(obj, "status"), "phase") == "Terminating":
        return being_deleted(obj)
    return ready()


def existing(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready."""
    return ready()


def being_deleted(obj: Object) -> Readiness:
    """NOT_YET for an object that goes while it is wanted, with what holds it when it says so."""
    known = conditions(obj)
    for name in _LEFT_BEHIND:
        if holds(known.get(name)):
            said = shorten(text(known[name], "message"))
            return not_yet(f"is being deleted: {said}", Cause.TERMINATING)
    finalizers = section(obj, "metadata").get("finalizers") or ()
    held = f", held by {', '.join(map(str, finalizers))}" if finalizers else ""
    return not_yet(f"is being deleted{held}", Cause.TERMINATING)
