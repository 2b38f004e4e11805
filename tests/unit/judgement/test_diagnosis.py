"""What a person is told about an object that is not right."""

from __future__ import annotations

import re
from typing import Any

import pytest

from allup.diagnosis import Cause, Finding, Recorded, diagnose
from allup.diagnosis.events import elapsed
from allup.diagnosis.next_steps import next_step
from allup.diagnosis.rollout import REVISION
from allup.refs import ObjectRef
from allup.run import progress
from tests.unit.judgement.judgement_objects import NOW, Json, ago, thing, unscheduled

DEPLOYMENT = ObjectRef("apps", "Deployment", "demo", "web")
POD = ObjectRef("", "Pod", "demo", "web-1")
OWNED = {"uid": "uid-web", "kind": "Deployment", "name": "web", "controller": True}
WEB = thing(
    "apps/v1",
    "Deployment",
    metadata={"annotations": {REVISION: "1"}},
    spec={"replicas": 1},
    status={"observedGeneration": 1},
)
NEWEST = thing(
    "apps/v1", "ReplicaSet", "web-7", metadata={"ownerReferences": [OWNED], "annotations": {REVISION: "1"}}
)


def event(reason: str, message: str, seconds: float, ref: ObjectRef = POD, **more: Any) -> Json:
    return {
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": ago(seconds),
        "involvedObject": {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name},
        **more,
    }


def explained(*events: Json) -> Finding:
    """A Deployment whose one pod no node takes."""
    one = unscheduled("0/2 nodes are available: 2 Too many pods.")
    one["metadata"]["ownerReferences"] = [{"uid": "uid-web-7", "kind": "ReplicaSet", "controller": True}]
    scene = Recorded([WEB, NEWEST, one], events, NOW)
    [found] = diagnose(DEPLOYMENT, scene, collection="k8s", component="web")
    return found


def test_a_finding_tells_object_state_event_and_what_to_do() -> None:
    assert explained(event("FailedScheduling", "0/2 nodes are available", 12, count=3)) == Finding(
        ref=DEPLOYMENT,
        cause="insufficient-resources",
        message="no node fits: 2 Too many pods",
        last_event="FailedScheduling: 0/2 nodes are available (3×, 12 s ago)",
        next_step="Lower the requests, free some, or add a node: kubectl describe nodes",
        culprit=POD,
        evidence="status.conditions[PodScheduled].reason Unschedulable",
        consequences=("Deployment/web is not ready",),
    )


def test_the_last_warning_about_the_culprit_is_told() -> None:
    found = explained(
        event("BackOff", "older", 90),
        event("FailedMount", "newest", 5),
        event("Scheduled", "no warning", 1, type="Normal"),
        event("BackOff", "another pod", 1, ObjectRef("", "Pod", "demo", "other")),
        event("FailedCreate", "the Deployment itself", 1, DEPLOYMENT),
    )
    assert found.last_event == "FailedMount: newest (5 s ago)"


def test_without_one_the_object_itself_is_asked() -> None:
    assert (
        explained(event("FailedCreate", "quota", 5, DEPLOYMENT)).last_event == "FailedCreate: quota (5 s ago)"
    )
    assert explained().last_event == ""


def test_the_newer_shape_of_events_is_read_too() -> None:
    newer = {
        "type": "Warning",
        "reason": "FailedScheduling",
        "note": "no node",
        "eventTime": "2026-03-01T11:00:00.000000Z",
        "series": {"count": 7, "lastObservedTime": "2026-03-01T11:59:00.500000Z"},
        "regarding": {"apiVersion": "v1", "kind": "Pod", "namespace": "demo", "name": "web-1"},
    }
    assert explained(newer).last_event == "FailedScheduling: no node (7×, 60 s ago)"


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_a_next_step_that_can_be_typed(cause: Cause) -> None:
    step = next_step(cause, POD, collection="arl", component="worker")
    assert step
    assert not re.search(r"[{}]", step)


def test_the_logs_of_the_run_before_explain_a_crash() -> None:
    assert next_step("crash-loop", POD, collection="arl", component="worker") == (
        "inv arl.logs worker --previous"
    )


def test_an_unknown_cause_leads_to_the_description() -> None:
    assert next_step("", POD, collection="arl", component="worker") == "inv arl.describe --component worker"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (12.4, "12 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_an_age_is_told_in_one_unit(seconds: float, words: str) -> None:
    assert elapsed(seconds) == words


def test_a_run_reports_the_findings_of_the_diagnosis() -> None:
    assert progress.Finding is Finding
