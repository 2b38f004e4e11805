"""The arithmetic of the measurements, and how a figure is written."""

from __future__ import annotations

from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two in the middle. Raises ValueError when there is none."""
    if not values:
        raise ValueError("no values")
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that at least *percent* (1 to 100) of all are not above: nearest rank, never a value
    that was not measured. Raises ValueError when there is none."""
    if not values:
        raise ValueError("no values")
    if not 1 <= percent <= 100:
        raise ValueError(f"{percent} is not between 1 and 100")
    rank = -(-len(values) * percent // 100)  # rounded up, in whole numbers: 0.95 * 20 is more than 19
    return sorted(values)[rank - 1]


def ratio(ours: float | None, theirs: float | None) -> float | None:
    """Ours in parts of theirs: below 1 is quicker; None without both, or when theirs is nothing."""
    return ours / theirs if ours is not None and theirs else None


def seconds(value: float | None) -> str:
    """Three figures or so: ``21.3 s``, ``0.31 s``; a dash for what was not measured."""
    return "–" if value is None else f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"


def milliseconds(value: float) -> str:
    """Whole milliseconds of a number of seconds."""
    return f"{value * 1000:.0f} ms"


def times(value: float | None) -> str:
    """A ratio: ``0.12``; a dash when there is none."""
    return "–" if value is None else f"{value:.2f}"


def megabytes(value: float | None) -> str:
    """Megabytes (10⁶ bytes) of a number of bytes."""
    return "–" if value is None else f"{value / 1e6:.0f} MB"
