"""Kubernetes Events as one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from allup.readiness.fields import count, moment, section, shorten, text
from allup.refs import ObjectRef, group_of

_NEVER = datetime.min.replace(tzinfo=UTC)


def last_warning(events: Sequence[Mapping[str, Any]], ref: ObjectRef) -> Mapping[str, Any] | None:
    """The latest Warning about *ref*, in either Event shape (``v1`` or ``events.k8s.io/v1``), or None."""
    about = [event for event in events if event.get("type") == "Warning" and _concerns(event, ref)]
    return max(about, key=lambda event: seen(event) or _NEVER, default=None)


def seen(event: Mapping[str, Any]) -> datetime | None:
    """When the event happened last: a series counts before the stamps of its first time."""
    stamps = (
        section(event, "series").get("lastObservedTime"),
        event.get("lastTimestamp") or event.get("deprecatedLastTimestamp"),
        event.get("eventTime"),
        event.get("firstTimestamp") or event.get("deprecatedFirstTimestamp"),
        section(event, "metadata").get("creationTimestamp"),
    )
    return next((found for found in map(moment, stamps) if found), None)


def times(event: Mapping[str, Any]) -> int:
    """How often it happened."""
    return max(
        1, count(section(event, "series"), "count"), count(event, "count"), count(event, "deprecatedCount")
    )


def one_line(event: Mapping[str, Any], now: datetime) -> str:
    """``FailedScheduling: 0/2 nodes are available … (3×, 12 s ago)``."""
    words = shorten(text(event, "message") or text(event, "note"), 240)
    often = times(event)
    last = seen(event)
    notes = [f"{often}×"] if often > 1 else []
    notes += [f"{elapsed((now - last).total_seconds())} ago"] if last else []
    return f"{text(event, 'reason')}: {words}" + (f" ({', '.join(notes)})" if notes else "")


def elapsed(seconds: float) -> str:
    """``12 s``, ``5 min``, ``3 h``, ``2 d``: the largest unit of which there are two, or seconds."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _concerns(event: Mapping[str, Any], ref: ObjectRef) -> bool:
    about = section(event, "involvedObject") or section(event, "regarding")
    group = group_of(text(about, "apiVersion"))
    return (
        text(about, "kind") == ref.kind
        and text(about, "name") == ref.name
        and text(about, "namespace") == ref.namespace
        and (not about.get("apiVersion") or group == ref.group)
    )
