"""Waits until objects, and the pods under them, are gone; says what holds those that stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from allup.cluster.store import component_of
from allup.cluster.watch import Watches
from allup.refs import ObjectRef
from allup.run.clock import Clock
from allup.run.waiting import Switchboard


class Leaving:
    """The wait of one component for the end of its objects."""

    def __init__(
        self,
        component: str,
        *,
        watches: Watches,
        switchboard: Switchboard,
        clock: Clock,
        stop: Any,
        on_message: Callable[[str], None],
    ) -> None:
        self._component = component
        self._watches = watches
        self._switchboard = switchboard
        self._clock = clock
        self._stop = stop
        self._on_message = on_message

    def await_gone(
        self, still_there: Callable[[], Sequence[ObjectRef]], deadline: float
    ) -> Sequence[ObjectRef]:
        """Waits until *still_there* answers nothing, or *deadline*; returns what is left."""
        waiting = self._switchboard.subscribe(self._component)
        said = ""
        try:
            while left := still_there():
                message = f"{left[0]} is being deleted" + (f", and {len(left) - 1} more" if left[1:] else "")
                if message != said:
                    said = message
                    self._on_message(message)
                if self._clock.monotonic() >= deadline:
                    return left
                self._switchboard.next_news(waiting, self._stop)
            return ()
        finally:
            self._switchboard.unsubscribe(self._component, waiting)

    def pods(self) -> Sequence[ObjectRef]:
        """The component's pod objects that still exist, whoever owns them."""
        return [
            ref
            for ref, obj in self._watches.store.all()
            if ref.kind == "Pod" and component_of(obj) == self._component
        ]


def holds(obj: Mapping[str, Any]) -> str:
    """What keeps an object that is being deleted, in words."""
    metadata = obj["metadata"]
    finalizers = metadata.get("finalizers") or ()
    parts = []
    if finalizers:
        parts.append(f"finalizer {', '.join(finalizers)}")
    if obj["kind"] == "Pod" and not finalizers:
        node = (obj.get("spec") or {}).get("nodeName")
        parts.append(f"its node {node} has not confirmed its end" if node else "it is not scheduled")
    if not metadata.get("deletionTimestamp"):
        parts.append("nobody has deleted it yet")
    return "; ".join(parts) or "no finalizer; the API server has not removed it yet"
