"""Runs one call per component along a graph: each starts as soon as what it needs is done. No phases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Needs = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Skipped:
    """A component that was not started because *needed* did not come up."""

    name: str
    needed: str


class Schedule:
    """The order of a run. *call* returns True when a component succeeded; it must not raise.

    *on_skip* hears of each component that cannot start; *on_tick* is called about once a second.
    Components that do not depend on a failed one go on.
    """

    def __init__(
        self,
        needs: Needs,
        call: Callable[[str], bool],
        on_skip: Callable[[Skipped], None],
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._needs = {name: tuple(n for n in needed if n in needs) for name, needed in needs.items()}
        self._call = call
        self._on_skip = on_skip
        self._on_tick = on_tick
        self._changed = threading.Condition()
        self._outcome: dict[str, bool] = {}
        self._started: set[str] = set()
        self._crash: BaseException | None = None

    def run(self) -> bool:
        """True when every component succeeded. Ctrl-C passes through at once."""
        with self._changed:
            while True:
                self._start_what_can()
                if len(self._outcome) == len(self._needs):
                    return all(self._outcome.values())
                self._changed.wait(timeout=1.0)
                self._on_tick()
                if self._crash is not None:
                    raise self._crash

    def _start_what_can(self) -> None:
        moved = True
        while moved:
            moved = False
            for name, needed in self._needs.items():
                if name in self._started:
                    continue
                failed = next((n for n in needed if self._outcome.get(n) is False), None)
                if failed is not None:
                    self._started.add(name)
                    self._outcome[name] = False
                    self._on_skip(Skipped(name, failed))
                    moved = True
                elif all(self._outcome.get(n) for n in needed):
                    self._started.add(name)
                    threading.Thread(target=self._drive, args=(name,), name=name, daemon=True).start()

    def _drive(self, name: str) -> None:
        crash: BaseException | None = None
        succeeded = False
        try:
            succeeded = self._call(name)
        except BaseException as error:
            crash = error
        with self._changed:
            self._outcome[name] = succeeded
            self._crash = self._crash or crash
            self._changed.notify_all()
