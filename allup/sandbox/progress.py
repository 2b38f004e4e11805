"""What the sandbox is doing, as values, and the two ways of writing it for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True)
class Step:
    """One thing that goes on: *elapsed* seconds of it, *expected* seconds if it was ever done before."""

    what: str
    elapsed: float = 0.0
    expected: float | None = None
    done: bool = False


Progress = Callable[[Step], None]


def silent(step: Step) -> None:
    """The progress of those who do not look."""


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``4 min 10 s``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def sentence(step: Step) -> str:
    """``building etcd: 12 s (last time 24 s)``, and ``building etcd: done in 24 s``."""
    if step.done:
        return f"{step.what}: done in {duration(step.elapsed)}"
    if step.expected is not None:
        return f"{step.what}: {duration(step.elapsed)} (last time {duration(step.expected)})"
    return f"{step.what}: {duration(step.elapsed)}" if step.elapsed >= 1 else step.what


class TerminalProgress:
    """One line that is written over again; a step that took a second or more leaves its last line."""

    def __init__(self, stream: TextIO, *, width: int = 80) -> None:
        self._stream = stream
        self._width = width

    def __call__(self, step: Step) -> None:
        text = sentence(step)[: self._width - 1]
        stays = step.done and step.elapsed >= 1
        self._stream.write("\r\x1b[K" + ("" if step.done and not stays else text) + ("\n" if stays else ""))
        self._stream.flush()

    def close(self) -> None:
        """Leave an empty line for whatever is written next."""
        self._stream.write("\r\x1b[K")
        self._stream.flush()


class LineProgress:
    """Plain lines: a step's first, then one every *every* seconds, then its last if that says more."""

    def __init__(self, stream: TextIO, *, every: float = 15.0) -> None:
        self._stream = stream
        self._every = every
        self._what = ""
        self._written = 0.0

    def __call__(self, step: Step) -> None:
        new = step.what != self._what
        if new or step.elapsed - self._written >= self._every or (step.done and step.elapsed >= 1):
            self._what, self._written = step.what, step.elapsed
            self._stream.write(sentence(step) + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Nothing is left to do."""


def progress_to(stream: TextIO, environ: Mapping[str, str]) -> TerminalProgress | LineProgress:
    """The way that fits *stream*: a line written over on a terminal that can, plain lines else and in CI."""
    import shutil

    able = stream.isatty() and environ.get("TERM", "dumb") != "dumb" and not environ.get("CI")
    if able:
        return TerminalProgress(stream, width=shutil.get_terminal_size().columns)
    return LineProgress(stream)
