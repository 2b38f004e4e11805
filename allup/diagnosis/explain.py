"""One object that is not ready, explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from allup.diagnosis.events import last_warning, one_line
from allup.diagnosis.finding import Finding
from allup.diagnosis.next_steps import next_step
from allup.readiness.verdict import Readiness
from allup.refs import ObjectRef


def finding(
    ref: ObjectRef,
    readiness: Readiness,
    events: Sequence[Mapping[str, Any]],
    log_lines: Sequence[str],
    now: datetime,
    *,
    collection: str,
    component: str,
) -> Finding:
    """What is wrong with *ref*, with the last Warning about its culprit (else about itself).

    *events* may be those of the whole namespace. *collection* and *component* are the names a person
    types: ``inv <collection>.logs <component>``.
    """
    culprit = readiness.culprit or ref
    event = last_warning(events, culprit) or last_warning(events, ref)
    return Finding(
        ref=ref,
        cause=readiness.cause,
        message=readiness.message,
        hopeless=readiness.hopeless,
        last_event=one_line(event, now) if event else "",
        log_lines=tuple(log_lines),
        next_step=next_step(readiness.cause, culprit, collection=collection, component=component),
        culprit=readiness.culprit,
    )
