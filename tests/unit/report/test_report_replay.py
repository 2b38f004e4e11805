import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from allup.report.jsonl import JsonReport, as_json
from allup.report.replay import from_json, replayed
from allup.run.progress import Note, Phase, Progress, RunFinished, RunStarted
from tests.unit.report.progress_strategies import anything
from tests.unit.report.report_samples import NOON, Tape, failed_up, moved, started


def recorded(run: Iterable[Progress], error: str = "") -> list[str]:
    """The lines of a run, each written at the time of day that goes with its ``at``."""
    tape, at = Tape(), [0.0]
    report = JsonReport(tape, wall=lambda: NOON + timedelta(seconds=at[0]))
    for progress in run:
        at[0] = progress.at
        report(progress)
    report.close(error)
    return tape.getvalue().splitlines()


@given(anything)
def test_whatever_is_reported_is_read_back_as_what_it_was(progress: Progress) -> None:
    fields: dict[str, Any] = json.loads(json.dumps(as_json(progress)))
    back = from_json(fields, at=progress.at)
    assert type(back) is type(progress)
    assert back.at == progress.at
    assert as_json(back) == as_json(progress)


def test_a_whole_run_is_read_back_with_phases_and_times() -> None:
    run = failed_up()
    back = list(replayed(recorded(run)))
    zero = run[0].at
    assert [progress.at for progress in back] == pytest.approx([p.at - zero for p in run])
    assert [as_json(progress) for progress in back] == [json.loads(json.dumps(as_json(p))) for p in run]
    end = back[-1]
    assert isinstance(end, RunFinished)
    assert all(isinstance(component.phase, Phase) for component in end.components)


def test_what_was_noted_before_the_start_stays_before_it() -> None:
    run: list[Progress] = [
        Note(at=92.0, text="waits for the lock"),
        started("nfs"),
        moved(103.0, "nfs", Phase.READY),
    ]
    assert [progress.at for progress in replayed(recorded(run))] == pytest.approx([0.0, 8.0, 11.0])


def test_why_a_run_was_left_is_no_progress() -> None:
    (back,) = replayed(recorded([started("nfs")], error="cluster lab: does not answer."))
    assert isinstance(back, RunStarted)


@pytest.mark.parametrize("wrong", [{"schema": 2}, {"type": "surprise"}])
def test_a_line_of_another_schema_or_type_is_refused(wrong: dict[str, Any]) -> None:
    (line,) = recorded([started("nfs")])
    with pytest.raises(ValueError, match=r"schema 2|surprise"):
        list(replayed([json.dumps({**json.loads(line), **wrong})]))
