import dataclasses
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from allup.errors import InputError
from allup.report.choose import Report, reporter
from allup.report.lines import LineReport
from allup.report.masked import masked, scrubber
from allup.report.part import Part
from allup.run.progress import Finding, Note, Phase, Progress
from tests.unit.report.report_samples import (
    NOON,
    SKIPPED_CHECK,
    Clock,
    Tape,
    failed_up,
    feed,
    finished,
    made,
    moved,
    ref,
    result,
    started,
)

CANARY = "hunter2-canary"


def hide(text: str) -> str:
    return text.replace(CANARY, "***")


def choose(
    out: Tape,
    err: Tape,
    *,
    environ: Mapping[str, str] | None = None,
    terminal: bool = False,
    mask: Callable[[str], str] = hide,
    **more: Any,
) -> Report:
    return reporter(
        out,
        err,
        environ=environ or {"TERM": "xterm"},
        mask=mask,
        now=Clock(100.0),
        wall=lambda: NOON,
        is_terminal=lambda stream: terminal,
        **more,
    )


def parts(report: Report) -> list[str]:
    return [type(part).__name__ for part in report._parts]


@pytest.mark.parametrize(
    ("environ", "terminal", "chosen"),
    [
        ({"TERM": "xterm"}, True, "LiveReport"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, "LiveReport"),
        ({"TERM": "xterm"}, False, "LineReport"),
        ({"TERM": "dumb"}, True, "LineReport"),
        ({"TERM": "xterm", "CI": "true"}, True, "LineReport"),
        ({"TERM": "xterm", "GITHUB_ACTIONS": "true"}, True, "LineReport"),
    ],
)
def test_a_capable_terminal_gets_the_live_table_and_everything_else_lines(
    environ: dict[str, str], terminal: bool, chosen: str
) -> None:
    assert parts(choose(Tape(), Tape(), environ=environ, terminal=terminal)) == [chosen]


def test_a_terminal_that_cannot_write_the_symbols_gets_lines() -> None:
    assert parts(choose(Tape("latin-1"), Tape(), terminal=True)) == ["LineReport"]


def test_with_json_standard_output_holds_json_only_and_people_read_the_other_stream() -> None:
    out, err = Tape(), Tape()
    with choose(out, err, json=True) as report:
        feed(report, failed_up())
    assert all(json.loads(line)["schema"] == 1 for line in out.getvalue().splitlines())
    assert "rstudio is not up: ldap failed" in err.getvalue()


def test_without_json_people_read_standard_output() -> None:
    out, err = Tape(), Tape()
    with choose(out, err) as report:
        feed(report, failed_up())
    assert "rstudio is not up" in out.getvalue()
    assert err.getvalue() == ""


def with_canaries() -> list[Progress]:
    """A run with the secret in every text there is, in pieces where that can happen."""
    half = CANARY[:6] + "\x1b[0m" + CANARY[6:]
    finding = Finding(
        ref=ref("Pod", CANARY),
        cause="crash",
        message=f"password {CANARY} refused",
        last_event="x" * 30 + CANARY,
        log_lines=(half, f"a={CANARY}"),
        next_step=f"inv k8s.why {CANARY}",
    )
    check = dataclasses.replace(SKIPPED_CHECK, check=CANARY, detail=CANARY)
    return [
        started(
            CANARY, "b", needs={"b": (CANARY,)}, expected={CANARY: 3.0}, context=CANARY, namespace=CANARY
        ),
        Note(at=100, text=f"note {half}"),
        Note(at=100, text=CANARY, component="b", warning=True),
        moved(101, CANARY, Phase.WAITING, "Deployment/rstudio/with-a-name-to-be-cut " + CANARY),
        dataclasses.replace(made(102, CANARY, ref("Secret", CANARY)), reason=CANARY),
        check,
        finished(
            "failed",
            result(CANARY, Phase.FAILED, message=CANARY, checks=(check,), findings=(finding,)),
            result("b", Phase.SKIPPED, message=f"needs {CANARY}"),
            kept=((ref("Secret", CANARY), CANARY),),
            warnings=(CANARY,),
        ),
    ]


@pytest.mark.parametrize("environ", [{"TERM": "xterm"}, {"GITHUB_ACTIONS": "true"}])
@pytest.mark.parametrize("terminal", [True, False])
def test_no_format_lets_a_secret_through(tmp_path: Path, environ: dict[str, str], terminal: bool) -> None:
    out, err, path = Tape(), Tape(), tmp_path / "r.xml"
    report = choose(out, err, environ=environ, terminal=terminal, json=True, junit=path)
    with report:
        feed(report, with_canaries())
    everything = out.getvalue() + err.getvalue() + path.read_text()
    assert "***" in everything
    for piece in (CANARY, CANARY[:9], CANARY[-9:]):
        assert piece not in everything


def test_the_error_that_ends_a_run_is_masked_too(tmp_path: Path) -> None:
    out, err, path = Tape(), Tape(), tmp_path / "r.xml"
    with pytest.raises(InputError), choose(out, err, json=True, junit=path):
        raise InputError("setting password", f"is {CANARY}")
    everything = out.getvalue() + err.getvalue() + path.read_text()
    assert "setting password: is ***" in everything
    assert CANARY not in everything


def test_a_secret_equal_to_a_word_of_ours_does_not_change_what_happened() -> None:
    gone = finished("interrupted", verb="down")
    safe = masked(gone, scrubber(lambda text: text.replace("interrupted", "***")))
    assert (safe.outcome, safe.verb) == ("interrupted", "down")


class Breaks(Part):
    """A report that fails on its second piece of progress."""

    def __init__(self) -> None:
        self.taken = 0
        self.closed = 0

    def __call__(self, progress: Progress) -> None:
        self.taken += 1
        if self.taken > 1:
            raise BrokenPipeError(f"pipe {CANARY}")

    def close(self, error: str = "") -> None:
        self.closed += 1


def test_a_report_that_breaks_is_left_out_and_the_others_go_on() -> None:
    broken, tape, complaints = Breaks(), Tape(), Tape()
    with Report([broken, LineReport(tape, now=Clock(100.0))], mask=hide, complaints=complaints) as report:
        feed(report, failed_up())
    assert (broken.taken, broken.closed) == (2, 1)
    assert "rstudio is not up" in tape.getvalue()
    assert complaints.getvalue() == "Breaks gave up; the run goes on: pipe ***\n"


def test_a_stream_that_is_closed_under_us_never_breaks_the_run() -> None:
    out, err = Tape(), Tape()
    with choose(out, err, json=True) as report:
        out.close()
        err.close()
        feed(report, failed_up())


def test_a_mask_that_fails_lets_nothing_through() -> None:
    def fails(text: str) -> str:
        raise ValueError("no mask")

    out, err = Tape(), Tape()
    with choose(out, err, mask=fails) as report:
        feed(report, with_canaries())
    assert CANARY not in out.getvalue() + err.getvalue()


def test_threads_never_mix_their_lines() -> None:
    out = Tape()
    report = choose(out, Tape(), json=True)
    report(started(*(f"c{i}" for i in range(8))))

    def work(name: str) -> None:
        for i in range(50):
            report(made(101, name, ref("ConfigMap", str(i))))

    threads = [threading.Thread(target=work, args=(f"c{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report.close()
    assert sum(json.loads(line)["type"] == "object" for line in out.getvalue().splitlines()) == 400


def test_a_real_terminal_ends_with_its_cursor_shown(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    import os

    master, slave = pty.openpty()
    stream = io.TextIOWrapper(os.fdopen(slave, "wb", buffering=0), encoding="utf-8", write_through=True)
    read: list[bytes] = []

    def drain() -> None:
        try:
            while chunk := os.read(master, 65536):
                read.append(chunk)
        except OSError:
            pass  # Linux answers EIO when the other side is closed

    reader = threading.Thread(target=drain)
    reader.start()
    clock, environ = Clock(108.0), {"TERM": "xterm"}

    def run() -> None:
        with reporter(stream, stream, environ=environ, mask=hide, now=clock, wall=lambda: NOON) as report:
            feed(report, failed_up()[:9])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    stream.close()
    reader.join(10.0)
    os.close(master)
    text = b"".join(read).decode()
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_choosing_lines_loads_neither_rich_nor_tabulate_nor_xml() -> None:
    program = (
        "import sys, io, datetime\n"
        "from allup.report.choose import reporter\n"
        "reporter(io.StringIO(), io.StringIO(), environ={}, mask=str, now=lambda: 0.0,"
        " wall=datetime.datetime.now)\n"
        "print([m for m in ('rich', 'tabulate', 'xml.etree', 'jinja2', 'yaml') if m in sys.modules])\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
