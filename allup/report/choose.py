"""Which reports a run gets, and the one through which all of them are fed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from allup.report.masked import masked, scrubber
from allup.report.part import Part
from allup.run.progress import Progress


class Report(Part):
    """Feeds several reports, one call at a time, whatever thread it comes from.

    All texts go through *mask* first. A report that raises is closed and left out from then on, which is said
    once on *complaints*; the run never notices.
    """

    def __init__(self, parts: Sequence[Part], *, mask: Callable[[str], str], complaints: TextIO) -> None:
        self._parts = list(parts)
        self._scrub = scrubber(mask)
        self._complaints = complaints
        self._lock = threading.RLock()

    def __call__(self, progress: Progress) -> None:
        """Hands the masked progress to every report."""
        with self._lock:
            safe: list[Progress] = []
            self._attempt(None, lambda: safe.append(masked(progress, self._scrub)))
            for part in list(self._parts):
                for one in safe:
                    self._attempt(part, part, one)

    def tick(self) -> None:
        """Lets every report say that time has passed."""
        with self._lock:
            for part in list(self._parts):
                self._attempt(part, part.tick)

    def close(self, error: str = "") -> None:
        """Closes every report; a second time does nothing."""
        with self._lock:
            reason: list[str] = []
            self._attempt(None, lambda: reason.append(self._scrub(error)))
            parts, self._parts = self._parts, []
            for part in parts:
                self._attempt(part, part.close, *reason)

    def _attempt(self, part: Part | None, what: Callable[..., object], *arguments: Any) -> None:
        try:
            what(*arguments)
        except Exception as error:
            if part in self._parts:
                self._parts = [other for other in self._parts if other is not part]
                self._attempt(None, part.close)
            self._complain(part, error)

    def _complain(self, part: Part | None, error: Exception) -> None:
        name = type(part).__name__ if part else "Report"
        try:
            self._complaints.write(self._scrub(f"{name} gave up; the run goes on: {error}") + "\n")
            self._complaints.flush()
        except Exception:
            pass  # nowhere left to say it


def reporter(
    out: TextIO,
    err: TextIO,
    *,
    environ: Mapping[str, str],
    mask: Callable[[str], str],
    now: Callable[[], float],
    wall: Callable[[], datetime],
    json: bool = False,
    junit: Path | None = None,
    is_terminal: Callable[[TextIO], bool] = lambda stream: stream.isatty(),
) -> Report:
    """The report of one run: a context manager to call with progress, from any thread.

    People read *out*; with *json*, JSON lines go there and people read *err*. On a terminal they get the live
    table, elsewhere (a pipe, CI, ``TERM=dumb``, an encoding without its symbols) plain lines. *now* is the
    clock of ``progress.at``. Raises InputError when *junit* cannot be written.
    """
    people = err if json else out
    parts: list[Part] = []
    if json:
        from allup.report.jsonl import JsonReport

        parts.append(JsonReport(out, wall=wall))
    if junit is not None:
        from allup.report.junit import JUnitReport

        parts.append(JUnitReport(junit, wall=wall))
    parts.append(_for_people(people, environ, now, is_terminal(people)))
    return Report(parts, mask=mask, complaints=err)


def _for_people(stream: TextIO, environ: Mapping[str, str], now: Callable[[], float], terminal: bool) -> Part:
    on_github = environ.get("GITHUB_ACTIONS") == "true"
    dumb = environ.get("TERM", "") in ("dumb", "unknown") or bool(environ.get("CI")) or on_github
    if terminal and not dumb:
        from allup.report.live import SYMBOLS, LiveReport

        if _can_write(stream, SYMBOLS):
            return LiveReport(stream, now=now, colour=not environ.get("NO_COLOR"))
    from allup.report.lines import LineReport

    return LineReport(stream, now=now, annotate=on_github)


def _can_write(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
