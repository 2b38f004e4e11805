"""Jobs that do not finish."""

from __future__ import annotations

from typing import Any

from tests.cluster.recording.scenario import (
    CASE,
    REAL,
    Scenario,
    both,
    condition,
    container,
    job,
    of_fate,
    played,
)


def _case(
    name: str, cause: str, hopeless: bool, *words: str, job_: Any, visible: Any, fate: str, live: bool = True
) -> Scenario:
    return Scenario(
        name=name,
        family="jobs",
        cause=cause,
        hopeless=hopeless,
        words=words,
        subject=f"Job/{CASE}",
        objects=(job_,),
        visible=visible,
        source=f"{REAL}; pod status: {of_fate(fate)}" if fate else REAL,
        live=live,
    )


_FAILED = condition("Job", "Failed")
_RULE = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}

SCENARIOS = [
    _case(
        "job-uses-up-its-backoff-limit",
        "backoff-limit",
        True,
        "exit code 3",
        "migration 0007",
        job_=job(fate="failed-exit-3"),
        visible=_FAILED,
        fate="failed-exit-3",
    ),
    _case(
        "job-passes-its-deadline",
        "active-deadline",
        True,
        "activeDeadlineSeconds",
        job_=job(fate="silent", more={"activeDeadlineSeconds": 1}),
        visible=_FAILED,
        fate="silent",
    ),
    _case(
        "job-tries-again",
        "job-retrying",
        False,
        "1",
        "exit code 3",
        job_=job(fate="failed-exit-3", backoff_limit=6),
        visible=lambda scene: any((one.get("status") or {}).get("failed") for one in scene.of_kind("Job")),
        fate="failed-exit-3",
        live=False,
    ),
    _case(
        "job-suspended",
        "paused",
        False,
        "suspended",
        job_=job(more={"suspend": True}),
        visible=condition("Job", "Suspended"),
        fate="",
    ),
    _case(
        "job-given-up-by-its-failure-policy",
        "job-failed",
        True,
        "42",
        job_=job(fate="failed-exit-42", backoff_limit=6, more={"podFailurePolicy": {"rules": [_RULE]}}),
        visible=_FAILED,
        fate="failed-exit-42",
        live=False,
    ),
    _case(
        "job-whose-image-is-not-found",
        "image-not-found",
        True,
        "registry.example/team/migrate:7",
        job_=container(job(fate="image-not-found", backoff_limit=6), image="registry.example/team/migrate:7"),
        visible=both(played),
        fate="image-not-found",
    ),
]
