"""Plain tables for what is asked once: status, plan, secrets, settings, history."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from allup.report.text import one_line, plain

_GOOD, _BAD, _BUSY, _QUIET = "32", "31", "33", "2"
_COLOURS = {
    **dict.fromkeys(("ready", "passed", "created", "gone", "create"), _GOOD),
    **dict.fromkeys(("failed", "stuck", "missing", "delete", "deleted", "prune", "pruned"), _BAD),
    **dict.fromkeys(("not yet", "waiting", "applying", "checking", "deleting", "changed", "change"), _BUSY),
    **dict.fromkeys(("replace", "replaced"), _BUSY),
    **dict.fromkeys(("unchanged", "skipped", "disabled", "kept", "pending"), _QUIET),
}


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Collection[str] = (),
    colour: bool = False,
    width: int = 0,
) -> str:
    """The rows under their headers, columns aligned, no line ends in a blank; no newline at the end.

    A cell is printed as it is written: ``007`` stays ``007``, None is empty, a line break becomes a space.
    *right* names the columns of figures. With *colour* the words of a state or an action are coloured.
    With *width* the last column is cut, with an ellipsis, so that no line is longer.
    """
    from tabulate import tabulate

    cells = [["" if cell is None else one_line(plain(str(cell))) for cell in row] for row in rows]
    if width and headers:
        _cut_last_column(headers, cells, width)
    if colour:
        cells = [[_coloured(cell) for cell in row] for row in cells]
    align = ["right" if header in right else "left" for header in headers]
    text = tabulate(
        cells, headers, tablefmt="plain", disable_numparse=True, colalign=align if cells else None
    )
    return "\n".join(line.rstrip() for line in text.splitlines())


def _cut_last_column(headers: Sequence[str], cells: list[list[str]], width: int) -> None:
    before = sum(
        2 + max(len(header), *(len(row[column]) for row in cells), 0)
        for column, header in enumerate(headers[:-1])
    )
    room = max(width - before, len(headers[-1]), 2)
    for row in cells:
        if len(row[-1]) > room:
            row[-1] = row[-1][: room - 1].rstrip() + "…"


def _coloured(cell: str) -> str:
    code = _COLOURS.get(cell)
    return f"\x1b[{code}m{cell}\x1b[0m" if code else cell
