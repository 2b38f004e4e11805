"""Kubernetes Events as one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from allup.fields import count, moment, section, shorten, text
from allup.refs import ObjectRef, group_of

_NEVER = datetime.min.replace(tzinfo=UTC)


def last_warning(events: Sequence[Mapping[str, Any]], ref: ObjectRef) -> Mapping[str, Any] | None:
    """The latest Warning about *ref*, in either Event shape (``v1`` or ``events.k8s.io/v1``), or None."""
    found = [event for event in events if event.get("type") == "Warning" and about(event, ref)]
    return max(found, key=lambda event: seen(event) or _NEVER, default=None)


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
    words = shorten(words_of(event), 240)
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


def about(event: Mapping[str, Any], ref: ObjectRef) -> bool:
    """True when the Event is about that object, by name."""
    concerned = _concerned(event)
    group = group_of(text(concerned, "apiVersion"))
    return (
        text(concerned, "kind") == ref.kind
        and text(concerned, "name") == ref.name
        and text(concerned, "namespace") == ref.namespace
        and (not concerned.get("apiVersion") or group == ref.group)
    )


def warnings_about(events: Sequence[Mapping[str, Any]], uid: str) -> list[Mapping[str, Any]]:
    """The Warnings of *events*, in order, without those about an earlier object of the same name."""
    return [
        event
        for event in events
        if event.get("type") == "Warning" and _concerned(event).get("uid") in (None, "", uid)
    ]


def with_reason(events: Sequence[Mapping[str, Any]], *reasons: str) -> list[Mapping[str, Any]]:
    """Those with one of *reasons*, in their order."""
    return [event for event in events if text(event, "reason") in reasons]


def of_container(events: Sequence[Mapping[str, Any]], container: str) -> list[Mapping[str, Any]]:
    """Those about that container of their pod, and those that name none."""
    return [
        event
        for event in events
        if text(_concerned(event), "fieldPath").rpartition("{")[2] in ("", f"{container}}}")
    ]


def words_of(event: Mapping[str, Any]) -> str:
    """What it says, in either shape."""
    return text(event, "message") or text(event, "note")


def _concerned(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return section(event, "involvedObject") or section(event, "regarding")
