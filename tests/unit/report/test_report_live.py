import re
import threading

import pytest
from rich.console import Console

from allup.report.live import LiveReport
from allup.run.progress import Finding, Note, Phase, Progress
from tests.unit.report.report_samples import (
    Clock,
    Tape,
    failed_up,
    feed,
    finished,
    moved,
    ref,
    result,
    started,
)

SHOW_CURSOR = "\x1b[?25h"
HIDE_CURSOR = "\x1b[?25l"


def console(width: int = 80, height: int = 24, colour: bool = False) -> Console:
    return Console(
        file=Tape(),
        force_terminal=True,
        width=width,
        height=height,
        color_system="standard" if colour else None,
        no_color=not colour,
        highlight=False,
    )


def written(screen: Console) -> str:
    assert isinstance(screen.file, Tape)
    return screen.file.getvalue()


def frame(run: list[Progress], width: int = 80, height: int = 24, at: float = 108.0) -> list[str]:
    """The live table after *run*, without starting the thread that draws it."""
    report = LiveReport(Tape(), now=Clock(at), console=console(width, height))
    with report:
        feed(report, run)
        screen = console(width, height)
        with screen.capture() as capture:
            screen.print(report.frame(width, height))
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capture.get()).splitlines()
    return [line.rstrip() for line in lines]


def after_the_end(run: tuple[Progress, ...] | list[Progress], width: int = 80) -> str:
    """What stands on the terminal when the live table is gone."""
    screen = console(width)
    clock = Clock(108.0)
    with LiveReport(Tape(), now=clock, console=screen) as report:
        feed(report, run)
    after = written(screen).rsplit(SHOW_CURSOR, 1)[1]
    lines = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", after).replace("\r", "").splitlines()
    return "\n".join(line.rstrip() for line in lines)


def sixty() -> list[Progress]:
    names = tuple(f"service-{i:02d}" for i in range(60))
    run: list[Progress] = [started(*names, platform="qed", instance="qed")]
    for i, name in enumerate(names):
        if i < 37:
            run += [moved(101, name, Phase.READY)]
        elif i < 55:
            run += [moved(101, name, Phase.WAITING, "0/1 pods ready")]
    return run


def test_a_run_under_way_shows_state_reason_elapsed_and_expected() -> None:
    run = list(failed_up())[:11]
    assert frame(run) == [
        "rstudio up  1 of 3 ready  00:08  context kind-lab, namespace rstudio",
        "worker_replicas 4 → 1 (last up: flag)",
        "",
        "component  state                                               elapsed  expected",
        "nfs        ✓ ready     1 created, 1 unchanged, 1 check skipp…    3.0 s",
        "ldap       ▸ waiting   Deployment/rstudio/ldap: 0/1 pods rea…      5 s     ~12 s",
        "rsp        · pending   after ldap",
    ]


def test_an_expectation_of_less_than_a_second_is_not_nothing() -> None:
    shown = frame([started("nfs", "ldap", expected={"nfs": 0.31, "ldap": 0.01})])
    assert [line.split("~")[1] for line in shown if "~" in line] == ["0.3 s", "0.1 s"]


def test_a_warning_from_before_the_start_is_said_once() -> None:
    early = "an evaluation value takes the licence's place"
    screen = console()
    with LiveReport(Tape(), now=Clock(108.0), console=screen) as report:
        report(Note(at=99.9, text=early, warning=True))
        feed(report, [started("nfs"), moved(100.1, "nfs", Phase.READY)])
        report(finished("done", result("nfs", Phase.READY), warnings=(early, "another")))
    assert written(screen).count(early) == written(screen).count("another") == 1


def test_without_earlier_runs_there_is_no_expected_column() -> None:
    assert "expected" not in "\n".join(frame([started("nfs")]))


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("height", [4, 10, 24, 100])
def test_no_frame_is_ever_larger_than_the_terminal(width: int, height: int) -> None:
    lines = frame(sixty(), width, height)
    assert len(lines) <= height
    assert max(len(line) for line in lines) <= width


def test_sixty_components_on_24_lines_show_those_that_move_and_count_the_rest() -> None:
    lines = frame(sixty())
    assert sum("▸ waiting" in line for line in lines) == 18
    assert lines[-1].startswith("… ")
    assert lines[-1].endswith(" ready")
    assert "37 ready" in lines[0] or "37 of 60 ready" in lines[0]


def test_when_only_ready_ones_are_left_out_the_count_says_so() -> None:
    run = [*sixty(), *(moved(102, f"service-{i}", Phase.WAITING) for i in range(55, 60))]
    shown = frame(run, height=27)
    assert shown[-1] == "… 37 more ready"


def test_a_broken_component_is_never_among_those_left_out() -> None:
    run = [*sixty(), moved(109, "service-59", Phase.FAILED, "image not found")]
    assert any("service-59" in line for line in frame(run, height=8))


def test_the_end_is_the_table_once_then_what_went_wrong_then_the_sentence() -> None:
    text = after_the_end(failed_up())
    assert text.splitlines() == [
        "worker_replicas 4 → 1 (last up: flag)",
        "rstudio up  1 of 3 ready  00:09  context kind-lab, namespace rstudio",
        "",
        "component  state                                               elapsed  expected",
        "nfs        ✓ ready     1 created, 1 unchanged, 1 check skipp…    3.0 s",
        "ldap       ✗ failed    image not found                           5.8 s     ~12 s",
        "rsp        – skipped   needs ldap",
        "",
        "ldap failed after 5.8 s: image not found",
        "  Pod/rstudio/ldap-7d9c",
        "    the image ldap:1.5 of container ldap does not exist",
        '    last event  Failed to pull image "ldap:1.5": not found',
        "    log         | starting slapd",
        "                | bdb_db_open: locked",
        "    next        inv k8s.describe --component ldap",
        "",
        "Warning: ldap: the tag latest moves",
        "Warning: RSP_LICENSE wins over the file",
        "",
        "rstudio is not up: ldap failed, 1 skipped, 1 ready (9.4 s). 1 check skipped:",
        "simulated node.",
    ]


def test_the_end_lists_all_sixty() -> None:
    run = [*sixty(), finished("interrupted", *(result(f"service-{i:02d}", Phase.READY) for i in range(60)))]
    assert after_the_end(run).count("service-") >= 60


def test_text_in_brackets_is_text_and_not_markup() -> None:
    finding = Finding(ref=ref("Pod", "a"), cause="x", message="[red]not red[/red] :smile: [/]")
    failed = result("a", Phase.FAILED, message="[bold]", findings=(finding,))
    text = after_the_end([started("a"), finished("failed", failed)])
    assert "[red]not red[/red] :smile: [/]" in text
    assert "[bold]" in text


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_run_leaves_the_terminal_clean_and_its_last_state(error: type[BaseException]) -> None:
    screen = console()
    before = set(threading.enumerate())

    def run() -> None:
        with LiveReport(Tape(), now=Clock(108.0), console=screen) as report:
            feed(report, [started("nfs"), moved(101, "nfs", Phase.WAITING, "0/1 pods ready")])
            assert HIDE_CURSOR in written(screen)
            raise error

    with pytest.raises(error):
        run()
    tail = written(screen).rsplit(SHOW_CURSOR, 1)
    assert HIDE_CURSOR not in tail[1]
    assert "0/1 pods ready" in tail[1]
    for thread in set(threading.enumerate()) - before:
        thread.join(5.0)
        assert not thread.is_alive()


def test_nothing_is_drawn_for_a_run_that_never_started() -> None:
    screen = console()
    with LiveReport(Tape(), now=Clock(0.0), console=screen):
        pass
    assert written(screen) == ""


def test_a_note_before_the_start_is_a_line_of_its_own() -> None:
    screen = console()
    report = LiveReport(Tape(), now=Clock(0.0), console=screen)
    report(Note(at=1, text="waiting for the lock held by host a"))
    assert written(screen).strip() == "waiting for the lock held by host a"


def test_without_colour_no_colour_is_written() -> None:
    tape = Tape()
    with LiveReport(tape, now=Clock(108.0), colour=False) as report:
        feed(report, failed_up())
    codes = {code for codes in re.findall(r"\x1b\[([0-9;]*)m", tape.getvalue()) for code in codes.split(";")}
    assert not [code for code in codes if code and 30 <= int(code) < 110]


def test_with_colour_ready_is_green_and_failed_is_red() -> None:
    screen = console(colour=True)
    with LiveReport(Tape(), now=Clock(108.0), console=screen) as report:
        feed(report, failed_up())
    assert "\x1b[32m✓ ready" in written(screen)
    assert "\x1b[31m✗ failed" in written(screen)


def test_when_the_terminal_is_made_narrower_the_broken_lines_are_taken_away_too() -> None:
    screen = console(width=100)
    with LiveReport(Tape(), now=Clock(108.0), console=screen) as report:
        feed(report, [started("nfs"), moved(101, "nfs", Phase.WAITING, "0/1 pods ready")])
        live = report._live
        assert live is not None
        with live._lock:  # so that the drawing thread does not draw a frame in between
            live.refresh()
            drawn = len(written(screen))
            screen.width = 50
            live.refresh()
            redrawn = written(screen)[drawn:]
    # headline, blank, heads and one row, of which heads and row (100 columns) now take two lines each,
    # and the headline (68 columns) two as well: three more lines than rich would take away.
    assert redrawn.count("\x1b[1A") == 3 + 3
