"""Draws the pictures of this folder: ``python docs/pictures/make.py``.

Each is a real run of RStudio on the sandbox, replayed through the live table that a terminal shows. The runs
are in tests/data/recordings as ``inv k8s.all-up --json`` and ``inv k8s.all-down --json`` wrote them; for the
failed one the pods of the directory carried the label ``allup-fault: cannot-pull``, which the stages in
tests/cluster/stages play. A test draws the pictures anew and holds the files against them.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
CHECKOUT = FOLDER.parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(CHECKOUT))

from rich.console import Console  # noqa: E402
from rich.terminal_theme import TerminalTheme  # noqa: E402

from allup.report.live import LiveReport  # noqa: E402
from allup.report.replay import replayed  # noqa: E402
from allup.run.progress import Progress  # noqa: E402

WIDTH = 100
RECORDINGS = CHECKOUT / "tests" / "data" / "recordings"

_THEME = TerminalTheme(
    background=(30, 32, 38),
    foreground=(214, 217, 224),
    normal=[
        (60, 64, 72),
        (240, 113, 120),
        (138, 201, 110),
        (232, 190, 92),
        (110, 168, 254),
        (201, 145, 225),
        (86, 200, 210),
        (214, 217, 224),
    ],
)
# rich's own template fetches a font; this one takes what the reader has, set to the width of the columns.
_SVG = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix, .{unique_id}-title {{
font-family: ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace;
font-size: {char_height}px;
}}
.{unique_id}-matrix {{ line-height: {line_height}px; }}
{styles}
</style>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""


@dataclass(frozen=True)
class Picture:
    """The *recording* it is of, the *command* in its title, and whether the run is *half* over."""

    name: str
    recording: str
    command: str
    half: bool = False

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return FOLDER / f"{self.name}.svg"


PICTURES = (
    Picture("up", "up", "k8s.all-up --context allup-sandbox"),
    Picture("in-progress", "up", "k8s.all-up --context allup-sandbox", half=True),
    Picture("unchanged", "unchanged", "k8s.all-up --context allup-sandbox"),
    Picture("down", "down", "k8s.all-down --context allup-sandbox"),
    Picture("failed", "failed", "k8s.all-up --context allup-sandbox --ldap-image osixia/openldap:1.5.01"),
)


def drawn(picture: Picture) -> str:
    """The picture as an SVG: the same text whenever, and wherever, it is drawn."""
    lines = (RECORDINGS / f"{picture.recording}.jsonl").read_text().splitlines()
    run = tuple(replayed(lines))
    # Not a terminal: there the frames of the live table, which a terminal takes back, would stay recorded.
    paper = Console(
        file=io.StringIO(),
        record=True,
        width=WIDTH,
        height=40,
        force_terminal=False,
        color_system=None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    if picture.half:
        _print_half_way(run, paper)
    else:
        _print_to_the_end(run, paper)
    svg = paper.export_svg(
        title=f"$ inv {picture.command}",
        theme=_THEME,
        code_format=_SVG,
        font_aspect_ratio=0.6,
        unique_id=picture.name,
    )
    return "".join(f"{line}\n" for line in _lean(svg))


def main() -> None:
    """Writes every picture."""
    for picture in PICTURES:
        picture.file.write_text(drawn(picture), encoding="utf-8")


@dataclass
class _Clock:
    """The clock of the recording: it stands where the progress that was last told stands."""

    at: float = 0.0

    def __call__(self) -> float:
        return self.at


def _print_to_the_end(run: Sequence[Progress], paper: Console) -> None:
    clock = _Clock()
    with LiveReport(io.StringIO(), now=clock, console=paper) as report:
        for progress in run:
            clock.at = progress.at
            report(progress)


def _print_half_way(run: Sequence[Progress], paper: Console) -> None:
    clock = _Clock((run[0].at + run[-1].at) / 2)
    elsewhere = Console(file=io.StringIO(), width=WIDTH, force_terminal=False, _environ={})
    with LiveReport(io.StringIO(), now=clock, console=elsewhere) as report:
        for progress in run:
            if progress.at <= clock.at:
                report(progress)
        paper.print(report.frame(WIDTH, paper.height))


def _lean(svg: str) -> Iterator[str]:
    """The lines of *svg* without what ours do not need: none has to be cut, and line ends draw nothing."""
    svg = re.sub(r' clip-path="url\(#[\w-]+\)"', "", svg)
    svg = re.sub(r"<text [^>]*>\s*</text>", "", svg.replace("&#160;", " "))
    for line in svg.replace("><text", ">\n<text").split("\n"):
        if line.strip(" "):
            yield line.strip(" ")


if __name__ == "__main__":
    main()
