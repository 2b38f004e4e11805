"""Kubernetes Events about certain objects as a list, oldest first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allup.diagnosis.events import elapsed, seen, times
from allup.fields import section, text
from allup.refs import ObjectRef

_NAMED_AFTER = frozenset(("Pod", "ReplicaSet", "Job", "PersistentVolumeClaim", "ControllerRevision"))


@dataclass(frozen=True)
class EventLine:
    """One Event: about which object of which component, how often, and when it was seen last."""

    about: str
    component: str
    warning: bool
    reason: str
    message: str
    count: int
    last: datetime | None

    def age(self, now: datetime) -> str:
        """``12 s``, or ``""`` when the Event carries no time."""
        return elapsed((now - self.last).total_seconds()) if self.last else ""


class Claimants:
    """Which component an Event is about.

    *objects* maps each object that was seen to its component. A pod that is long gone is known by its name:
    controllers name what they make after themselves.
    """

    def __init__(self, objects: Mapping[ObjectRef, str]) -> None:
        self._known = {(ref.kind, ref.namespace, ref.name): name for ref, name in objects.items()}
        stems = {(ref.namespace, ref.name): name for ref, name in objects.items()}
        self._stems = sorted(stems.items(), key=lambda item: -len(item[0][1]))

    def component(self, event: Mapping[str, Any]) -> str | None:
        """The component, None when the Event is about nothing of ours."""
        about = section(event, "involvedObject") or section(event, "regarding")
        kind, namespace, name = (text(about, key) for key in ("kind", "namespace", "name"))
        known = self._known.get((kind, namespace, name))
        if known is not None or kind not in _NAMED_AFTER:
            return known
        return next(
            (
                component
                for (where, stem), component in self._stems
                if where == namespace and name.startswith(f"{stem}-")
            ),
            None,
        )


def event_lines(
    events: Iterable[Mapping[str, Any]],
    claimants: Claimants,
    *,
    component: str = "",
    since: datetime | None = None,
) -> Sequence[EventLine]:
    """The Events about those objects (of *component* only, when named; seen after *since*), oldest first."""
    lines = []
    for event in events:
        owner = claimants.component(event)
        last = seen(event)
        if owner is None or component not in ("", owner) or (since and last and last < since):
            continue
        about = section(event, "involvedObject") or section(event, "regarding")
        lines.append(
            EventLine(
                about=f"{text(about, 'kind')}/{text(about, 'name')}",
                component=owner,
                warning=event.get("type") == "Warning",
                reason=text(event, "reason"),
                message=" ".join((text(event, "message") or text(event, "note")).split()),
                count=times(event),
                last=last,
            )
        )
    return sorted(lines, key=lambda line: (line.last.timestamp() if line.last else 0.0, line.about))
