"""One live table on a terminal; at the end the same table once, what went wrong, and the closing words."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.control import Control
from rich.live import Live
from rich.padding import Padding
from rich.segment import ControlType, Segment
from rich.table import Table
from rich.text import Text

from allup.report.part import Part
from allup.report.state import BROKEN, MOVING, ComponentView, RunView
from allup.report.summary import Closing, Problem, closing, done, facts, heading
from allup.report.text import duration, one_line, plain, roughly, stopwatch, whole_seconds
from allup.run.progress import Note, Phase, Progress, RunFinished

FRAMES_PER_SECOND = 4
_LOOKS = {
    Phase.PENDING: ("·", "dim"),
    Phase.APPLYING: ("▸", "cyan"),
    Phase.WAITING: ("▸", "yellow"),
    Phase.CHECKING: ("▸", "cyan"),
    Phase.DELETING: ("▸", "yellow"),
    Phase.READY: ("✓", "green"),
    Phase.GONE: ("✓", "green"),
    Phase.FAILED: ("✗", "red"),
    Phase.STUCK: ("✗", "red"),
    Phase.SKIPPED: ("–", "yellow"),
    Phase.DISABLED: ("–", "dim"),
}
SYMBOLS = "".join(symbol for symbol, _ in _LOOKS.values()) + "…"
_URGENCY = (*BROKEN, *MOVING, Phase.PENDING, Phase.SKIPPED, Phase.READY, Phase.GONE, Phase.DISABLED)
_NOTES_WHILE_RUNNING = 2
_WIDEST = 100  # a figure at the far edge of a wide terminal is no longer read with its row
_WIDEST_STATE = 2 + len("applying")  # so that the columns stay where they are while states change


class LiveReport(Part):
    """Draws on *stream*, a terminal, four times a second from the start of the run to its end.

    *now* is the clock of ``progress.at``. *console* replaces the one made for *stream* (size and colours are
    then its own). Leaving the context always takes the live table away and gives the cursor back.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        now: Callable[[], float],
        colour: bool = True,
        console: Console | None = None,
    ) -> None:
        # Foreign text is never markup: everything is printed as Text, and nothing is highlighted.
        self._console = console or Console(
            file=stream, force_terminal=True, no_color=not colour, highlight=False, markup=False, emoji=False
        )
        self._now = now
        self._view = RunView()
        self._lock = threading.Lock()  # between folding and drawing, which is another thread's
        self._live: Live | None = None
        self._told: set[str] = set()  # warnings that stand above the table already

    def __call__(self, progress: Progress) -> None:
        """Takes one piece of progress; the next frame shows it."""
        with self._lock:
            outside = self._view.started is None or self._view.finished is not None
            self._view.fold(progress)
        if isinstance(progress, RunFinished):
            self._stop()
            self._print_end()
        elif isinstance(progress, Note) and outside:
            self._print_note(progress)
        elif self._view.started is not None and not self._view.finished and self._live is None:
            self._start()

    def close(self, error: str = "") -> None:
        """Takes the live table away; a run that was left without an end leaves its last state."""
        unfinished = self._live is not None
        self._stop()
        if unfinished and not self._view.finished:
            self._print_table()

    def frame(self, width: int, height: int) -> RenderableType:
        """What the live table is right now, no higher than *height* lines."""
        with self._lock:
            notes = self._view.notes[-_NOTES_WHILE_RUNNING:] if height >= 10 else []
            head = [self._headline(width), *(_quiet(note.text) for note in notes)]
            head += [Text("")] if height >= 10 else []
            return Group(*head, self._table(width, room=max(height - len(head) - 1, 1)))

    def _start(self) -> None:
        self._live = Live(
            _Frame(self),
            console=self._console,
            refresh_per_second=FRAMES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start(refresh=True)

    def _stop(self) -> None:
        # Not under our lock: the drawing thread holds rich's lock while it waits for ours.
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _print(self, what: RenderableType) -> None:
        self._console.print(what)

    def _print_note(self, note: Note) -> None:
        text = f"{note.component}: {note.text}" if note.component else note.text
        if note.warning:
            self._told.add(text)
        self._print(Text(f"Warning: {text}", "yellow") if note.warning else Text(text))

    def _print_table(self) -> None:
        width = self._console.width
        self._print(Group(self._headline(width), Text(""), self._table(width, whole=True)))

    def _print_end(self) -> None:
        end = closing(self._view)
        for note in self._view.notes:
            if self._view.started is not None and note.at >= self._view.started:
                self._print(Text(note.text))
        if self._view.components:
            self._print_table()
            self._print(Text(""))
        for problem in end.problems:
            self._print(_problem(problem))
            self._print(Text(""))
        if end.kept:
            self._print(_kept(end))
            self._print(Text(""))
        warnings = [warning for warning in end.warnings if warning not in self._told]
        for warning in warnings:
            self._print(Text.assemble(("Warning: ", "yellow"), warning))
        if warnings:
            self._print(Text(""))
        style = {"done": "green", "interrupted": "yellow"}.get(self._view.outcome, "red")
        self._print(Text(end.sentence, f"bold {style}"))

    def _headline(self, width: int) -> Text:
        view = self._view
        settled = Phase.GONE if view.verb == "down" else Phase.READY
        wanted = len(view.components) - len(view.in_phase(Phase.DISABLED))
        where = [f"context {view.context}"] if view.context else []
        where += [f"namespace {view.namespace}"] if view.namespace else []
        elapsed = view.finished.seconds if view.finished else view.since_start(self._now())
        line = Text.assemble(
            (f"{view.title} {view.verb}", "bold"),
            f"  {len(view.in_phase(settled))} of {wanted} {settled}",
            (f"  {stopwatch(elapsed)}", "dim"),
            (f"  {', '.join(where)}" if where else "", "dim"),
            no_wrap=True,
            overflow="ellipsis",
        )
        line.truncate(width, overflow="ellipsis")
        return line

    def _table(self, width: int, *, room: int = 0, whole: bool = False) -> Group:
        views = list(self._view.components.values())
        shown = views if whole else _most_urgent(views, room)
        heads = ["component", "state", "", "elapsed"]
        if any(view.expected is not None for view in views):
            heads.append("expected")
        rows = [self._row(view)[: len(heads)] for view in shown]
        parts: list[RenderableType] = [_aligned(heads, rows, min(width, _WIDEST))] if rows else []
        if len(shown) < len(views):
            chosen = {view.name for view in shown}
            parts.append(_quiet(_more([view for view in views if view.name not in chosen])))
        return Group(*parts)

    def _row(self, view: ComponentView) -> list[Text]:
        symbol, style = _LOOKS[view.phase]
        elapsed = view.elapsed(self._now())
        time = "" if elapsed is None else whole_seconds(elapsed)
        if elapsed is not None and view.ended is not None:
            time = duration(elapsed)
        quiet = "dim" if view.phase in (Phase.PENDING, Phase.DISABLED) else ""
        settled = "dim" if view.phase.final and view.phase not in BROKEN else quiet
        return [
            Text(view.name, quiet),
            Text(f"{symbol} {view.phase}", style),
            Text(self._message(view), settled),
            Text(time, settled),
            Text("" if view.expected is None else f"~{roughly(view.expected)}", "dim"),
        ]

    def _message(self, view: ComponentView) -> str:
        if view.phase is Phase.PENDING and not view.message:
            others = self._view.waits_for(view.name)
            return f"after {', '.join(others)}" if others else ""
        if view.phase in (Phase.READY, Phase.GONE):
            return done(view) or one_line(plain(view.message))
        return one_line(plain(view.message))


def _aligned(heads: list[str], rows: list[list[Text]], width: int) -> Table:
    """The rows set to *width*: the message has what the other columns leave, and is cut there."""
    widths = [max(cell_len(head), *(row[i].cell_len for row in rows)) for i, head in enumerate(heads)]
    widths[0] = min(widths[0], max(width // 4, len(heads[0])))
    widths[1] = max(widths[1], _WIDEST_STATE)
    widths[2] = max(width - sum(widths) + widths[2] - 2 * (len(heads) - 1), 4)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), collapse_padding=True, header_style="dim")
    for i, head in enumerate(heads):
        table.add_column(
            head, width=widths[i], no_wrap=True, overflow="ellipsis", justify="right" if i > 2 else "left"
        )
    for row in rows:
        table.add_row(*row)
    return table


class _Frame:
    """The live table as rich asks for it: drawn anew, to the size the terminal has at that moment."""

    def __init__(self, report: LiveReport) -> None:
        self._report = report
        self._drawn: list[int] = []

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = options.max_width, options.size.height
        wrapped = sum(max(drawn - 1, 0) // width for drawn in self._drawn)
        if wrapped:
            # The terminal was made narrower and has broken our lines: take the surplus lines away too.
            up = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2))
            yield Control(*(up * wrapped))
        # One line is left free: the last line feed must not scroll the first line out of reach.
        frame = console.render_lines(self._report.frame(width, height - 1), options, pad=False)
        lines = [_without_trailing_blanks(line) for line in frame]
        self._drawn = [sum(segment.cell_length for segment in line) for line in lines]
        for i, line in enumerate(lines):
            yield from line
            if i < len(lines) - 1:
                yield Segment.line()


def _without_trailing_blanks(line: list[Segment]) -> list[Segment]:
    """A shorter line is less often broken when the terminal is made narrower."""
    while line and not line[-1].text.strip():
        line = line[:-1]
    return line


def _most_urgent(views: list[ComponentView], room: int) -> list[ComponentView]:
    """The views that fit into *room* lines, in graph order: broken first, then those that move."""
    if len(views) <= room:
        return views
    ranked = sorted(views, key=lambda view: _URGENCY.index(view.phase))[: max(room - 1, 1)]
    chosen = {view.name for view in ranked}
    return [view for view in views if view.name in chosen]


def _more(rest: list[ComponentView]) -> str:
    counts = Counter(view.phase for view in rest)
    if len(counts) == 1:
        return f"… {len(rest)} more {rest[0].phase}"
    kinds = ", ".join(f"{counts[phase]} {phase}" for phase in _URGENCY if counts[phase])
    return f"… {len(rest)} more: {kinds}"


def _problem(problem: Problem) -> RenderableType:
    title, message = heading(problem)
    parts: list[RenderableType] = [Text(title, "bold red")]
    if message:
        parts.append(_indented(2, Text(message)))
    for finding in problem.findings:
        parts.append(_indented(2, Text(str(finding.ref), "bold")))
        parts.append(_indented(4, Text(finding.message)))
        if rows := facts(finding):
            parts.append(_indented(4, _facts(rows)))
    return Group(*parts)


def _facts(rows: tuple[tuple[str, str], ...]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True, min_width=10)
    grid.add_column(overflow="fold")
    for label, text in rows:
        log = label in ("log", "")
        grid.add_row(Text(label), Text(f"| {text}" if log else text, "cyan" if label == "next" else ""))
    return grid


def _kept(end: Closing) -> RenderableType:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(overflow="fold")
    grid.add_column(style="dim", overflow="fold")
    for ref, reason in end.kept:
        grid.add_row(Text(ref), Text(one_line(reason)))
    return Group(Text(f"Kept {len(end.kept)}:", "bold"), _indented(2, grid))


def _indented(columns: int, what: RenderableType) -> Padding:
    return Padding(what, (0, 0, 0, columns), expand=False)


def _quiet(text: str) -> Text:
    return Text(one_line(text), "dim", no_wrap=True, overflow="ellipsis")
