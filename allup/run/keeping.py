"""What stays when things go: data, what was made once, what is borrowed. One rule for down and prune."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allup.model import labels
from allup.refs import ObjectRef


def why_kept(obj: Mapping[str, Any]) -> str:
    """The reason why an object survives everything but ``--purge``, ``""`` when it does not."""
    if obj["kind"] == "PersistentVolumeClaim":
        return "a claim holds data"
    if obj["kind"] == "PersistentVolume":
        return "a volume holds data"
    marked = (obj["metadata"].get("annotations") or {}).get(labels.KEEP)
    if marked == "generated":
        return "generated once: passwords and keys must stay the same"
    if marked:
        return "the platform keeps it for the next up"
    return ""


def that_go(
    objects: Mapping[ObjectRef, Mapping[str, Any]], *, everything: bool
) -> dict[ObjectRef, Mapping[str, Any]]:
    """Those of a component's *objects* that go when it goes down: *everything*, or all but what is kept."""
    return {ref: obj for ref, obj in objects.items() if everything or not why_kept(obj)}


def is_borrowed(obj: Mapping[str, Any]) -> bool:
    """True for an object that exists without us: it is never deleted, it only gives our fields back."""
    return bool((obj["metadata"].get("annotations") or {}).get(labels.BORROWED))
