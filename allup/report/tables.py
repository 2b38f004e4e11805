"""Plain tables for what is asked once: status, plan, secrets, settings, history."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from allup.report.text import one_line, plain

_GOOD, _BAD, _BUSY, _QUIET = "32", "31", "33", "2"
_COLOURS = {
    **dict.fromkeys(("ready", "passed", "created", "gone", "create"), _GOOD),
    **dict.fromkeys(
        ("failed", "stuck", "missing", "delete", "deleted", "prune", "pruned", "given back", "give back"),
        _BAD,
    ),
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

    cells = [list(headers)] if headers else []
    cells += [["" if cell is None else one_line(plain(str(cell))) for cell in row] for row in rows]
    if width and cells:
        _cut_last_column(cells, width)
    if colour:
        cells = [[_coloured(cell) for cell in row] for row in cells]
    align = ["right" if header in right else "left" for header in headers]
    # The headers go in as a row: as headers tabulate would give them two blanks more than they need.
    text = tabulate(cells, tablefmt="plain", disable_numparse=True, colalign=align or None)
    return "\n".join(line.rstrip() for line in text.splitlines())


def _cut_last_column(rows: list[list[str]], width: int) -> None:
    *before, last = zip(*rows, strict=True)
    room = width - sum(2 + max(map(len, column)) for column in before)
    for row, cell in zip(rows, last, strict=True):
        if len(cell) > max(room, 1):
            row[-1] = cell[: max(room - 1, 0)].rstrip() + "…"


def _coloured(cell: str) -> str:
    code = _COLOURS.get(cell)
    return f"\x1b[{code}m{cell}\x1b[0m" if code else cell
