import json
from collections.abc import Iterable
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from allup.refs import ObjectRef
from allup.report.jsonl import JsonReport
from allup.run.progress import (
    Action,
    ObjectDone,
    Phase,
    Progress,
)
from tests.unit.report.progress_strategies import anything
from tests.unit.report.report_samples import NOON, Tape, failed_up, feed, moved, started

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs" / "progress.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


def lines_of(run: Iterable[Progress], error: str = "") -> list[dict[str, Any]]:
    tape = Tape()
    report = JsonReport(tape, wall=lambda: NOON.astimezone(timezone(timedelta(hours=2))))
    feed(report, run)
    report.close(error)
    return [json.loads(line) for line in tape.getvalue().splitlines()]


def test_a_whole_run_holds_the_documented_schema() -> None:
    lines = lines_of(failed_up())
    for line in lines:
        VALIDATOR.validate(line)
    assert [lines[0]["type"], lines[-1]["type"]] == ["run-started", "run-finished"]
    assert len(lines) == len(failed_up())


def test_every_line_says_schema_type_seconds_since_the_start_and_the_time_of_day_in_utc() -> None:
    line = lines_of([started("nfs"), moved(102.5, "nfs", Phase.APPLYING)])[1]
    assert line == {
        "schema": 1,
        "type": "component",
        "at": 2.5,
        "time": "2026-03-01T12:00:00.000Z",
        "component": "nfs",
        "phase": "applying",
        "message": "",
    }


def test_an_object_is_named_by_group_kind_namespace_and_name() -> None:
    done = ObjectDone(at=1, component="a", ref=ObjectRef("apps", "Deployment", "x", "y"), action=Action.KEPT)
    assert lines_of([done])[0]["ref"] == {
        "group": "apps",
        "kind": "Deployment",
        "namespace": "x",
        "name": "y",
    }


def test_a_run_left_without_an_end_says_why_in_a_last_line() -> None:
    lines = lines_of([started("nfs")], error="cluster kind-lab: does not answer.")
    VALIDATOR.validate(lines[-1])
    assert lines[-1]["message"] == "cluster kind-lab: does not answer."


def test_a_finished_run_has_no_second_ending() -> None:
    assert lines_of(failed_up(), error="rstudio is not up")[-1]["type"] == "run-finished"


def test_the_schema_refuses_a_field_it_does_not_document() -> None:
    line = lines_of([started("nfs")])[0]
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({**line, "surprise": 1})


def test_the_page_about_json_names_every_type_and_every_field() -> None:
    page = (ROOT / "docs" / "json.md").read_text()
    names = set(SCHEMA["properties"]["type"]["enum"])
    for definition in SCHEMA["$defs"].values():
        names |= set(definition.get("properties", ())) | set(definition.get("enum", ()))
    assert {name for name in names if f"`{name}`" not in page} - {"group", "kind", "name"} == set()


@given(anything)
def test_whatever_is_reported_is_one_valid_line(progress: Progress) -> None:
    (line,) = lines_of([progress])
    VALIDATOR.validate(line)
