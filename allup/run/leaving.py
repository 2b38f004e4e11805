"""Waits until objects, and the pods under them, are gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

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
        self,
        going: Mapping[ObjectRef, str],
        deadline: float,
        pods: Callable[[], Sequence[ObjectRef]] | None = None,
    ) -> Sequence[ObjectRef]:
        """Waits until the objects of those uids are gone and *pods* (all of the component) are none, or until
        *deadline*; returns what is left. Another object of the same name does not count."""
        pods = pods or self.pods
        left = dict(going)
        waiting = self._switchboard.subscribe(self._component)
        said = ""
        try:
            changed: Iterable[ObjectRef] = tuple(left)
            while True:
                for ref in changed:
                    if ref in left and not self._is_there(ref, left[ref]):
                        del left[ref]
                still_there = [*left, *pods()]
                if not still_there:
                    return ()
                others = f", and {len(still_there) - 1} more" if still_there[1:] else ""
                message = f"{still_there[0]} is being deleted{others}"
                if message != said:
                    said = message
                    self._on_message(message)
                if self._clock.monotonic() >= deadline:
                    return still_there
                changed = self._switchboard.next_news(waiting, self._stop) or tuple(left)
        finally:
            self._switchboard.unsubscribe(self._component, waiting)

    def pods(self) -> Sequence[ObjectRef]:
        """The component's pod objects that still exist, whoever owns them."""
        return [ref for ref, _ in self._watches.store.of_component(self._component, ("Pod",))]

    def _is_there(self, ref: ObjectRef, uid: str) -> bool:
        seen = self._watches.store.get(ref)
        return seen is not None and seen["metadata"].get("uid", "") == uid
