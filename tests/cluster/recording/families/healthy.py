"""What is well, though it was not always or looks as if it were not: nothing is to be said of it."""

from __future__ import annotations

from typing import Any

from tests.cluster.platforms_for_tests import obj
from tests.cluster.recording.families.custom import OPERATOR, definition, make_one_that_says
from tests.cluster.recording.families.rollout import new_image
from tests.cluster.recording.scenario import (
    CASE,
    NAMESPACE,
    REAL,
    Scenario,
    available,
    both,
    claim,
    condition,
    container,
    deployment,
    event,
    has_slices,
    in_turn,
    job,
    mounted,
    of_fate,
    phase,
    played,
    pod,
    service,
    volume,
)

_CLASS = f"{NAMESPACE}-class"


def _case(name: str, subject: str, *objects: Any, visible: Any, **more: Any) -> Scenario:
    return Scenario(
        name=name,
        family="healthy",
        cause="",
        hopeless=False,
        words=(),
        subject=f"{subject}/{CASE}",
        objects=objects,
        visible=visible,
        **more,
    )


_WEB = container(deployment(replicas=2), ports=[{"name": "web", "containerPort": 80}])
_BOUND_LATE = volume(storageClassName=_CLASS)

SCENARIOS = [
    _case("service-with-ready-pods", "Service", service(), _WEB, visible=both(has_slices, available)),
    _case("deployment-with-ready-pods", "Deployment", _WEB, visible=available, seen_after=600),
    _case(
        "service-of-a-deployment-scaled-to-zero",
        "Service",
        service(),
        deployment(replicas=0),
        visible=both(has_slices, available),
        seen_after=600,
    ),
    _case(
        "service-without-a-selector",
        "Service",
        obj("Service", CASE, spec={"ports": [{"port": 80}]}),
        visible=lambda scene: True,
        seen_after=600,
    ),
    _case(
        "deployment-that-waited-for-its-claim",
        "Deployment",
        claim(storageClassName=_CLASS),
        deployment(**mounted()),
        then=in_turn(
            lambda place: place.until_seen(event("FailedScheduling"), "the pod to be refused"),
            lambda place: place.create(_BOUND_LATE),
        ),
        also=("PersistentVolume",),
        visible=both(available, event("FailedScheduling")),
    ),
    _case(
        "claim-bound-after-its-class-was-missing",
        "PersistentVolumeClaim",
        claim(storageClassName=_CLASS),
        then=in_turn(
            lambda place: place.until_seen(event("ProvisioningFailed"), "the class to be missed"),
            lambda place: place.create(_BOUND_LATE),
        ),
        also=("PersistentVolume",),
        visible=both(phase("PersistentVolumeClaim", "Bound"), event("ProvisioningFailed")),
    ),
    _case(
        "deployment-that-waited-for-its-quota",
        "Deployment",
        deployment(),
        guards=(obj("ResourceQuota", "tight", spec={"hard": {"pods": "0"}}),),
        probe=pod(),
        then=in_turn(
            lambda place: place.until_seen(event("FailedCreate"), "the pod to be refused"),
            lambda place: place.patch("ResourceQuota/tight", {"spec": {"hard": {"pods": "5"}}}),
        ),
        visible=both(available, event("FailedCreate")),
    ),
    _case(
        "pod-that-became-ready-at-last",
        "Deployment",
        deployment(fate="ready-at-last"),
        visible=available,
        source=f"{REAL}; pod status: {of_fate('ready-at-last')}",
    ),
    _case(
        "pod-that-runs-again-after-two-crashes",
        "Deployment",
        deployment(fate="runs-again"),
        visible=available,
        source=f"{REAL}; pod status: {of_fate('runs-again')}",
    ),
    _case(
        "deployment-that-has-just-been-made",
        "Deployment",
        deployment(fate="silent"),
        visible=played,
        source=f"{REAL}; pod status: {of_fate('silent')}",
        seen_after=2,
    ),
    _case(
        "rollout-on-its-way",
        "Deployment",
        deployment(replicas=2),
        then=in_turn(
            lambda place: place.until_ready(f"Deployment/{CASE}"),
            lambda place: new_image(place, allup_fault="not-ready-yet"),
        ),
        visible=lambda scene: any(
            (one.get("status") or {}).get("containerStatuses")
            for one in scene.of_kind("Pod")
            if "allup-fault" in one["metadata"]["labels"]
        ),
        source=f"{REAL}; pod status: {of_fate('not-ready-yet')}",
        seen_after=2,
    ),
    _case("job-that-is-done", "Job", job(), visible=condition("Job", "Complete"), seen_after=600),
    _case(
        "custom-resource-that-is-ready",
        "Widget",
        definition(),
        then=lambda place: make_one_that_says(
            place,
            type="Ready",
            status="True",
            reason="Up",
            message="",
            lastTransitionTime="2026-01-01T00:00:00Z",
        ),
        also=("Widget",),
        visible=condition("Widget", "Ready"),
        source=OPERATOR,
        seen_after=600,
    ),
]
