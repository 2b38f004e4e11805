"""Services that lead nowhere."""

from __future__ import annotations

from typing import Any

from tests.cluster.recording.scenario import (
    CASE,
    REAL,
    Scenario,
    both,
    container,
    deployment,
    of_fate,
    played,
    service,
)


def _slices(scene: Any) -> bool:
    return bool(scene.of_kind("EndpointSlice"))


def _available(scene: Any) -> bool:
    return all(
        (one.get("status") or {}).get("availableReplicas") == 1 for one in scene.of_kind("Deployment")
    ) and bool(scene.of_kind("Deployment"))


def _ports(number: int) -> dict[str, Any]:
    return {"ports": [{"name": "web", "containerPort": number}]}


SCENARIOS = [
    Scenario(
        name="service-selects-nothing",
        family="service",
        cause="selects-nothing",
        hopeless=False,
        words=("app=misspelt",),
        subject=f"Service/{CASE}",
        objects=(service(selector={"app": "misspelt"}), deployment()),
        visible=both(_slices, _available),
    ),
    Scenario(
        name="service-selects-pods-that-are-not-ready",
        family="service",
        cause="selects-unready",
        hopeless=False,
        words=("ready",),
        subject=f"Service/{CASE}",
        objects=(service(), container(deployment(fate="not-ready-yet"), **_ports(80))),
        visible=both(_slices, played),
        source=f"{REAL}; pod status: {of_fate('not-ready-yet')}",
    ),
    Scenario(
        name="service-of-pods-that-crash",
        family="service",
        cause="crash-loop",
        hopeless=False,
        words=("exit code 3",),
        subject=f"Service/{CASE}",
        objects=(service(), container(deployment(fate="crash-exit-3"), **_ports(80))),
        visible=both(_slices, played),
        source=f"{REAL}; pod status: {of_fate('crash-exit-3')}",
    ),
    Scenario(
        name="service-port-of-another-name",
        family="service",
        cause="no-such-port",
        hopeless=True,
        words=("http",),
        subject=f"Service/{CASE}",
        objects=(
            service(ports=[{"port": 80, "targetPort": "http"}]),
            container(deployment(), **_ports(8080)),
        ),
        visible=both(_slices, _available),
    ),
    Scenario(
        name="service-port-that-no-container-opens",
        family="service",
        cause="no-such-port",
        hopeless=False,
        words=("8000", "8080"),
        subject=f"Service/{CASE}",
        objects=(
            service(ports=[{"port": 80, "targetPort": 8000}]),
            container(deployment(), **_ports(8080)),
        ),
        visible=both(_slices, _available),
    ),
    Scenario(
        name="service-link-takes-the-variable",
        family="service",
        cause="service-link-collision",
        hopeless=False,
        words=("REDIS_PORT", "redis"),
        subject=f"Deployment/{CASE}",
        objects=(
            service(name="redis", clusterIP="10.96.200.200", ports=[{"port": 6379}]),
            container(
                deployment(fate="crash-service-link"),
                terminationMessagePolicy="FallbackToLogsOnError",
            ),
        ),
        visible=both(played, _slices),
        source=f"{REAL}; pod status: {of_fate('crash-service-link')}",
    ),
]
