"""Progress as JSON lines, for machines. The contract is docs/json.md and docs/progress.schema.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from allup.refs import ObjectRef
from allup.report.part import Part
from allup.run.progress import (
    CheckDone,
    ComponentMoved,
    ComponentResult,
    Finding,
    Note,
    ObjectDone,
    Progress,
    RunFinished,
    RunStarted,
)

SCHEMA = 1


class JsonReport(Part):
    """Writes one JSON object a line to *stream*, each at once. *wall* is the time of day, with a zone."""

    def __init__(self, stream: TextIO, *, wall: Callable[[], datetime]) -> None:
        self._stream = stream
        self._wall = wall
        self._zero: float | None = None
        self._at = 0.0
        self._finished = False

    def __call__(self, progress: Progress) -> None:
        """Writes the piece of progress as one line."""
        if self._zero is None or isinstance(progress, RunStarted):
            self._zero = progress.at
        self._finished = self._finished or isinstance(progress, RunFinished)
        self._at = progress.at - self._zero
        self._write(as_json(progress))

    def close(self, error: str = "") -> None:
        """Writes why the run was left, when it was left without an end."""
        if error and not self._finished:
            self._write({"type": "error", "message": error})

    def _write(self, fields: Mapping[str, Any]) -> None:
        moment = self._wall().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        head = {"schema": SCHEMA, "type": fields["type"], "at": _number(self._at), "time": moment}
        self._stream.write(json.dumps({**head, **fields}, allow_nan=False) + "\n")
        self._stream.flush()


def as_json(progress: Progress) -> dict[str, Any]:
    """The fields of one piece of progress, ``type`` among them; every field always stands there."""
    match progress:
        case RunStarted():
            return {
                "type": "run-started",
                "verb": progress.verb,
                "platform": progress.platform,
                "instance": progress.instance,
                "namespace": progress.namespace,
                "context": progress.context,
                "components": list(progress.components),
                "needs": {name: list(needed) for name, needed in progress.needs.items()},
                "expected": {name: _number(seconds) for name, seconds in progress.expected.items()},
            }
        case Note():
            return {
                "type": "note",
                "component": progress.component,
                "text": progress.text,
                "warning": progress.warning,
            }
        case ComponentMoved():
            return {
                "type": "component",
                "component": progress.component,
                "phase": progress.phase,
                "message": progress.message,
            }
        case ObjectDone():
            return {
                "type": "object",
                "component": progress.component,
                "ref": _ref(progress.ref),
                "action": progress.action,
                "reason": progress.reason,
            }
        case CheckDone():
            return {"type": "check", "component": progress.component, **_check(progress)}
        case RunFinished():
            return {
                "type": "run-finished",
                "verb": progress.verb,
                "outcome": progress.outcome,
                "seconds": _number(progress.seconds),
                "components": [_result(result) for result in progress.components],
                "kept": [{"ref": _ref(ref), "reason": reason} for ref, reason in progress.kept],
                "warnings": list(progress.warnings),
                "requests": progress.requests,
            }


def _result(result: ComponentResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "phase": result.phase,
        "verdict": result.verdict,
        "seconds": _number(result.seconds),
        "message": result.message,
        "actions": {str(action): number for action, number in result.actions.items()},
        "checks": [_check(check) for check in result.checks],
        "findings": [_finding(finding) for finding in result.findings],
    }


def _check(check: CheckDone) -> dict[str, Any]:
    return {"check": check.check, "outcome": check.outcome, "detail": check.detail}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "ref": _ref(finding.ref),
        "cause": finding.cause,
        "message": finding.message,
        "hopeless": finding.hopeless,
        "culprit": _ref(finding.culprit) if finding.culprit else None,
        "evidence": finding.evidence,
        "consequences": list(finding.consequences),
        "last_event": finding.last_event,
        "log_lines": list(finding.log_lines),
        "previous_lines": list(finding.previous_lines),
        "next_step": finding.next_step,
    }


def _ref(ref: ObjectRef) -> dict[str, str]:
    return {"group": ref.group, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def _number(seconds: float) -> float:
    """To the millisecond: finer is noise."""
    return round(seconds, 3)
