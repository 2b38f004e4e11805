"""Plain lines for CI and pipes: one for each thing worth it, in the order things happen, without colour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from allup.report import github
from allup.report.part import Part
from allup.report.state import BROKEN, RunView
from allup.report.summary import Closing, closing, done, facts, in_full
from allup.report.text import count, duration, one_line, plain, stopwatch
from allup.run.progress import (
    Action,
    CheckDone,
    CheckOutcome,
    ComponentMoved,
    Note,
    ObjectDone,
    Phase,
    Progress,
    RunFinished,
    RunStarted,
)

HEARTBEAT = 15.0
_WIDTH = 120
_NOT_LISTED = (Action.UNCHANGED, Action.MISSING)


class LineReport(Part):
    r"""Writes to *stream*; *now* is the clock of ``progress.at``.

    When nothing was said for 15 s, the next progress or ``tick`` makes it name what is still waited for.

    With *annotate* (GitHub Actions) a component's lines are held back until it is done and then written as
    one fold, since folds cannot interleave, and problems and warnings become annotations. Characters that the
    stream's encoding lacks are written as ``\u2192``.
    """

    def __init__(self, stream: TextIO, *, now: Callable[[], float], annotate: bool = False) -> None:
        self._stream = stream
        self._now = now
        self._annotate = annotate
        self._view = RunView()
        self._last_word = now()
        self._held: dict[str, list[str]] = {}

    def __call__(self, progress: Progress) -> None:
        """Writes what is worth a line."""
        before = self._phase_of(progress)
        self._view.fold(progress)
        match progress:
            case RunStarted():
                self._write(self._timed(progress.at, self._opening(progress)))
            case Note():
                self._note(progress)
            case ComponentMoved() if progress.phase is not before:
                self._moved(progress)
            case ObjectDone() if progress.action not in _NOT_LISTED:
                because = f" ({one_line(progress.reason)})" if progress.reason else ""
                self._say(progress.component, progress.at, f"{progress.action} {progress.ref}{because}")
            case CheckDone():
                self._check(progress)
            case RunFinished():
                self._finish()
                return
        self.tick()

    def tick(self) -> None:
        """Says what is still waited for when nothing was said for 15 s."""
        now = self._now()
        if self._view.finished or self._view.started is None or now - self._last_word < HEARTBEAT:
            return
        waiting = [
            f"{one.name} ({one_line(one.message) or one.phase})"
            for one in self._view.components.values()
            if one.moving
        ]
        text = "waiting for " + ", ".join(waiting) if waiting else "nothing is in progress"
        self._write(self._timed(now, text))

    def close(self, error: str = "") -> None:
        """Writes what was still held back."""
        for component in list(self._held):
            self._release(component, f"{component}: {self._view.component(component).phase}")

    def _phase_of(self, progress: Progress) -> Phase | None:
        if not isinstance(progress, ComponentMoved):
            return None
        known = self._view.components.get(progress.component)
        return known.phase if known else Phase.PENDING

    def _opening(self, start: RunStarted) -> str:
        where = [f"context {start.context}"] if start.context else []
        where += [f"namespace {start.namespace}"] if start.namespace else []
        parts = ", ".join([count(len(start.components), "component"), *where])
        return f"{self._view.title} {start.verb}: {parts}"

    def _note(self, note: Note) -> None:
        if note.warning and self._view.finished and self._annotate:
            self._command(github.warning(self._view.title, plain(note.text)))
        elif note.warning:
            self._say(note.component, note.at, f"warning: {one_line(note.text)}")
        else:
            self._say(note.component, note.at, one_line(note.text))

    def _moved(self, move: ComponentMoved) -> None:
        view = self._view.component(move.component)
        message = one_line(move.message)
        if not move.phase.final:
            if move.phase is not Phase.PENDING:
                self._say(view.name, move.at, f"{move.phase}{', ' + message if message else ''}")
            return
        text = f"{view.name}: {move.phase}"
        elapsed = view.elapsed(move.at)
        if elapsed is not None:
            text += f" {'after' if move.phase in BROKEN else 'in'} {duration(elapsed)}"
        if move.phase in (Phase.READY, Phase.GONE):
            text += f" ({what})" if (what := done(view)) else ""
        elif message:
            text += f": {message}"
        if self._annotate:
            self._release(view.name, self._timed(move.at, text))
        else:
            self._write(self._timed(move.at, text))

    def _check(self, check: CheckDone) -> None:
        detail = one_line(check.detail).removeprefix("skipped: ")
        why = f": {detail}" if detail and check.outcome is not CheckOutcome.PASSED else ""
        self._say(check.component, check.at, f"check {check.check} {check.outcome}{why}")

    def _finish(self) -> None:
        self.close()
        end = closing(self._view)
        if len(self._view.components) > 1:
            self._write("", *_overview(self._view))
        for block in blocks(end):
            self._write("", *block)
        if self._annotate:
            self._command(*self._annotations(end))
        elif end.warnings:
            self._write("", *(f"Warning: {one_line(text)}" for text in end.warnings))
        self._write("", end.sentence)

    def _annotations(self, end: Closing) -> Iterator[str]:
        for problem in end.problems:
            if not problem.findings:
                yield github.error(problem.title, plain(problem.message or problem.title))
            for finding in problem.findings:
                told = [
                    finding.message,
                    *(text for label, text in facts(finding) if label not in ("log", "")),
                ]
                yield github.error(f"{problem.title}: {finding.ref}", plain("\n".join(told)))
        for text in end.warnings:
            yield github.warning(self._view.title, plain(text))

    def _say(self, component: str, at: float, text: str) -> None:
        line = self._timed(at, f"{component}: {text}" if component else text)
        known = self._view.components.get(component)
        if self._annotate and known and not known.phase.final:
            self._held.setdefault(component, []).append(line)
        else:
            self._write(line)

    def _release(self, component: str, title: str) -> None:
        lines = self._held.pop(component, [])
        if not lines:
            self._write(title)
        elif self._view.component(component).phase in BROKEN:
            self._write(*lines, title)
        else:
            self._command(github.group(title))
            self._write(*lines)
            self._command(github.endgroup())

    def _timed(self, at: float, text: str) -> str:
        return f"{stopwatch(self._view.since_start(at))} {text}"

    def _write(self, *lines: str) -> None:
        texts = [plain(line).replace("\n", " ") for line in lines]
        self._put(*([github.inert(text) for text in texts] if self._annotate else texts))
        self._last_word = self._now()

    def _command(self, *commands: str) -> None:
        self._put(*commands)

    def _put(self, *lines: str) -> None:
        encoding = self._stream.encoding or "utf-8"  # None on a StringIO
        for line in lines:
            self._stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        self._stream.flush()


def _overview(view: RunView) -> Sequence[str]:
    """A line a component: where it stands in the end, after how long, and what was done or is wrong."""
    from allup.report.tables import table

    rows = []
    for component in view.components.values():
        elapsed = component.elapsed(component.ended) if component.ended is not None else None
        told = done(component) if component.phase in (Phase.READY, Phase.GONE) else component.message
        time = "" if elapsed is None else duration(elapsed)
        rows.append((component.name, component.phase, time, one_line(told)))
    return table(("component", "state", "elapsed", ""), rows, right=("elapsed",), width=_WIDTH).splitlines()


def blocks(end: Closing) -> Iterator[list[str]]:
    """The lines of each problem, then the table of what was kept."""
    for problem in end.problems:
        yield in_full(problem).splitlines()
    if end.kept:
        from allup.report.tables import table

        rows = table((), [(ref, reason) for ref, reason in end.kept])
        yield [f"Kept {len(end.kept)}:", *(f"  {row}" for row in rows.splitlines())]
