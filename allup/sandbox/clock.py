"""Time, as something that can be handed in: the one place of the sandbox that sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """What waiting needs; seconds everywhere."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def poll(ask: Callable[[], T | None], *, clock: Clock, timeout: float, interval: float = 0.02) -> T | None:
    """Ask every *interval* seconds until the answer is not None; None once *timeout* seconds have passed.

    It is asked at least once, and once more right at the deadline.
    """
    deadline = clock.monotonic() + timeout
    while True:
        answer = ask()
        left = deadline - clock.monotonic()
        if answer is not None or left <= 0:
            return answer
        clock.sleep(min(interval, left))
