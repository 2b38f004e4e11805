"""Reading raw objects: what is absent, null or of a strange shape counts as empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Object = Mapping[str, Any]


def section(obj: Object, *path: str) -> Mapping[str, Any]:
    """The mapping at *path*, or an empty one."""
    found: Any = obj
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def items(obj: Object, *path: str) -> Sequence[Mapping[str, Any]]:
    """The mappings in the list at *path*, or none."""
    found = section(obj, *path[:-1]).get(path[-1])
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list | tuple) else []


def count(mapping: Mapping[str, Any], key: str, default: int = 0) -> int:
    """A whole number; *default* when it is not there (Go leaves zero out of what it serialises)."""
    value = mapping.get(key)
    return value if isinstance(value, int) else default


def text(mapping: Mapping[str, Any], key: str) -> str:
    """A text, or ``""``."""
    value = mapping.get(key)
    return value if isinstance(value, str) else ""


def conditions(obj: Object) -> dict[str, Mapping[str, Any]]:
    """``status.conditions`` by type."""
    return {text(condition, "type"): condition for condition in items(obj, "status", "conditions")}


def holds(condition: Mapping[str, Any] | None) -> bool:
    """True when the condition is there with status True."""
    return condition is not None and condition.get("status") == "True"


def controller(obj: Object) -> Mapping[str, Any]:
    """The owner reference of the object's controller, or an empty mapping."""
    for owner in items(obj, "metadata", "ownerReferences"):
        if owner.get("controller"):
            return owner
    return {}


def moment(stamp: object) -> datetime | None:
    """An API timestamp (RFC 3339, with or without microseconds) as an aware datetime, or None."""
    if not isinstance(stamp, str):
        return None
    try:
        parsed = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def age(stamp: object, now: datetime) -> float:
    """Seconds from an API timestamp to *now*; 0 when there is none or it lies ahead."""
    then = moment(stamp)
    return max(0.0, (now - then).total_seconds()) if then else 0.0


def shorten(words: str, limit: int = 160) -> str:
    """One line of at most *limit* characters."""
    line = " ".join(words.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
