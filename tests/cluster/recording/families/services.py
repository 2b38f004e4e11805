"""Services that lead nowhere."""

from __future__ import annotations

from typing import Any

from tests.cluster.platforms_for_tests import obj
from tests.cluster.recording.scenario import (
    CASE,
    REAL,
    Scenario,
    available,
    both,
    container,
    deployment,
    has_slices,
    of_fate,
    played,
    service,
)


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
        visible=both(has_slices, available),
    ),
    Scenario(
        name="service-selects-pods-that-are-not-ready",
        family="service",
        cause="selects-unready",
        hopeless=False,
        words=("ready",),
        subject=f"Service/{CASE}",
        objects=(service(), container(deployment(fate="not-ready-yet"), **_ports(80))),
        visible=both(has_slices, played),
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
        visible=both(has_slices, played),
        source=f"{REAL}; pod status: {of_fate('crash-exit-3')}",
        live=True,
    ),
    Scenario(
        name="service-of-pods-without-their-secret-key",
        family="service",
        cause="config-missing",
        hopeless=True,
        words=("password", "database", CASE),
        subject=f"Service/{CASE}",
        objects=(
            service(),
            obj("Secret", "database", stringData={"user": "app"}),
            container(
                deployment(fate="no-key-in-secret"),
                **_ports(80),
                env=[
                    {
                        "name": "PASSWORD",
                        "valueFrom": {"secretKeyRef": {"name": "database", "key": "password"}},
                    }
                ],
            ),
        ),
        visible=both(has_slices, played),
        source=f"{REAL}; pod status: {of_fate('no-key-in-secret')}",
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
        visible=both(has_slices, available),
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
        visible=both(has_slices, available),
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
        visible=both(played, has_slices),
        source=f"{REAL}; pod status: {of_fate('crash-service-link')}",
    ),
]
