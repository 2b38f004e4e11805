"""Containers that start and do not stay, or stay and do not answer."""

from __future__ import annotations

from typing import Any

from tests.cluster.recording.scenario import (
    CASE,
    Scenario,
    container,
    deployment,
    of_fate,
    phase,
    played,
    pod,
)

_HTTP = {"httpGet": {"path": "/healthz", "port": 8080}}


def _case(
    name: str,
    fate: str,
    cause: str,
    *words: str,
    live: bool = False,
    seen_after: float = 5,
    replicas: int = 1,
    fields: dict[str, Any] | None = None,
    **spec: Any,
) -> Scenario:
    return Scenario(
        name=name,
        family="process",
        cause=cause,
        hopeless=False,
        words=words,
        subject=f"Deployment/{CASE}",
        objects=(container(deployment(fate=fate, replicas=replicas, **spec), **(fields or {})),),
        visible=played,
        source=of_fate(fate),
        seen_after=seen_after,
        live=live,
    )


SCENARIOS = [
    _case(
        "process-ends-with-code-3",
        "crash-exit-3",
        "crash-loop",
        "exit code 3",
        "settings.ini",
        live=True,
        fields={"terminationMessagePolicy": "FallbackToLogsOnError"},
    ),
    _case("three-replicas-end-alike", "crash-exit-3", "crash-loop", "exit code 3", replicas=3),
    _case("process-ends-by-a-signal", "crash-segmentation-fault", "crash-loop", "139", "SIGSEGV"),
    _case(
        "out-of-memory",
        "oom-killed",
        "oom-killed",
        "128Mi",
        live=True,
        fields={"resources": {"limits": {"memory": "128Mi"}}},
    ),
    _case("process-ends-well-again-and-again", "completed-again", "completed", "exit code 0", live=True),
    _case(
        "init-container-fails",
        "init-crash",
        "init-failed",
        "setup",
        "exit code 2",
        live=True,
        initContainers=[{"name": "setup", "image": "example.invalid/setup:1"}],
    ),
    _case(
        "startup-probe-fails",
        "startup-fails",
        "startup-probe-failing",
        "503",
        live=True,
        seen_after=60,
        fields={"startupProbe": _HTTP},
    ),
    _case(
        "readiness-probe-answers-500",
        "readiness-500",
        "probe-failing",
        "500",
        live=True,
        seen_after=90,
        fields={"readinessProbe": _HTTP},
    ),
    _case(
        "readiness-probe-refused",
        "readiness-refused",
        "probe-failing",
        "connection refused",
        seen_after=90,
        fields={"readinessProbe": {"tcpSocket": {"port": 8080}}},
    ),
    _case(
        "liveness-probe-restarts-it",
        "liveness-fails",
        "liveness-restarts",
        "/healthz",
        live=True,
        seen_after=20,
        fields={"livenessProbe": _HTTP},
    ),
    Scenario(
        name="pod-that-may-not-restart-fails",
        family="process",
        cause="pod-failed",
        hopeless=True,
        words=("exit code 3", "migration 0007"),
        subject=f"Pod/{CASE}",
        objects=(pod(fate="failed-exit-3", restartPolicy="Never"),),
        visible=phase("Pod", "Failed"),
        source=of_fate("failed-exit-3"),
        live=True,
    ),
]
