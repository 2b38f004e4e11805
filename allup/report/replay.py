"""A recorded run read back: the lines of ``--json`` as the progress they were written from. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from allup.refs import ObjectRef
from allup.report.jsonl import SCHEMA
from allup.run.progress import (
    Action,
    CheckDone,
    CheckOutcome,
    ComponentMoved,
    ComponentResult,
    Finding,
    Note,
    ObjectDone,
    Phase,
    Progress,
    RunFinished,
    RunStarted,
)


def replayed(lines: Iterable[str]) -> Iterator[Progress]:
    """The progress of a recording, in its order; ``at`` counts from the first line and never goes back.

    What a run left without an end says last (``error``) is no progress and is left out. Raises ValueError on
    a line of another schema or type.
    """
    zero, at, written = 0.0, 0.0, None
    for line in lines:
        fields = json.loads(line)
        if fields["type"] == "error":
            continue
        moment = datetime.fromisoformat(fields["time"])
        if fields["type"] == "run-started" and written is not None:
            # Here the lines begin to count anew; how long it was since the last one, only the time says.
            zero = at + max((moment - written).total_seconds(), 0.0)
        at, written = zero + fields["at"], moment
        yield from_json(fields, at=at)


def from_json(fields: Mapping[str, Any], *, at: float) -> Progress:
    """The inverse of ``jsonl.as_json``, which keeps neither ``at`` nor ``only`` nor the culprit of a
    finding.

    Raises ValueError when *fields* are of another schema or of a type that is no progress.
    """
    if fields.get("schema", SCHEMA) != SCHEMA:
        raise ValueError(f"schema {fields['schema']} is not {SCHEMA}")
    match fields["type"]:
        case "run-started":
            return RunStarted(
                at=at,
                verb=fields["verb"],
                platform=fields["platform"],
                instance=fields["instance"],
                namespace=fields["namespace"],
                context=fields["context"],
                components=tuple(fields["components"]),
                needs={name: tuple(needed) for name, needed in fields["needs"].items()},
                expected=dict(fields["expected"]),
            )
        case "note":
            return Note(at=at, text=fields["text"], component=fields["component"], warning=fields["warning"])
        case "component":
            return ComponentMoved(
                at=at,
                component=fields["component"],
                phase=Phase(fields["phase"]),
                message=fields["message"],
            )
        case "object":
            return ObjectDone(
                at=at,
                component=fields["component"],
                ref=_ref(fields["ref"]),
                action=Action(fields["action"]),
                reason=fields["reason"],
            )
        case "check":
            return _check(fields, fields["component"], at)
        case "run-finished":
            return RunFinished(
                at=at,
                verb=fields["verb"],
                outcome=fields["outcome"],
                seconds=fields["seconds"],
                components=tuple(_result(result, at) for result in fields["components"]),
                kept=tuple((_ref(kept["ref"]), kept["reason"]) for kept in fields["kept"]),
                warnings=tuple(fields["warnings"]),
                requests=fields["requests"],
            )
        case other:
            raise ValueError(f"{other!r} is no type of progress")


def _result(fields: Mapping[str, Any], at: float) -> ComponentResult:
    return ComponentResult(
        name=fields["name"],
        phase=Phase(fields["phase"]),
        seconds=fields["seconds"],
        message=fields["message"],
        actions={Action(action): number for action, number in fields["actions"].items()},
        checks=tuple(_check(check, fields["name"], at) for check in fields["checks"]),
        findings=tuple(_finding(finding) for finding in fields["findings"]),
    )


def _check(fields: Mapping[str, Any], component: str, at: float) -> CheckDone:
    return CheckDone(
        at=at,
        component=component,
        check=fields["check"],
        outcome=CheckOutcome(fields["outcome"]),
        detail=fields["detail"],
    )


def _finding(fields: Mapping[str, Any]) -> Finding:
    return Finding(
        ref=_ref(fields["ref"]),
        cause=fields["cause"],
        message=fields["message"],
        hopeless=fields["hopeless"],
        culprit=_ref(fields["culprit"]) if fields.get("culprit") else None,
        evidence=fields.get("evidence", ""),
        consequences=tuple(fields.get("consequences", ())),
        last_event=fields["last_event"],
        log_lines=tuple(fields["log_lines"]),
        previous_lines=tuple(fields.get("previous_lines", ())),
        next_step=fields["next_step"],
    )


def _ref(fields: Mapping[str, str]) -> ObjectRef:
    return ObjectRef(fields["group"], fields["kind"], fields["namespace"], fields["name"])
