"""Runs as the engine reports them, for the tests of every report."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from allup.refs import ObjectRef
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

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that stands until it is told."""

    at: float = 0.0

    def __call__(self) -> float:
        return self.at


class Tape(io.StringIO):
    """A stream in memory that has an encoding, as real ones have."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._name = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._name


def ref(kind: str, name: str, group: str = "") -> ObjectRef:
    return ObjectRef(group, kind, "rstudio", name)


def started(*components: str, verb: str = "up", **more: object) -> RunStarted:
    fields: dict[str, object] = {
        "at": 100.0,
        "verb": verb,
        "platform": "rstudio",
        "instance": "rstudio",
        "namespace": "rstudio",
        "context": "kind-lab",
        "components": components or ("nfs", "ldap", "rsp"),
    }
    return RunStarted(**{**fields, **more})  # type: ignore[arg-type]


def moved(at: float, component: str, phase: Phase, message: str = "") -> ComponentMoved:
    return ComponentMoved(at=at, component=component, phase=phase, message=message)


def made(at: float, component: str, what: ObjectRef, action: Action = Action.CREATED) -> ObjectDone:
    return ObjectDone(at=at, component=component, ref=what, action=action)


def result(
    name: str, phase: Phase, seconds: float = 1.0, message: str = "", **more: object
) -> ComponentResult:
    return ComponentResult(name=name, phase=phase, seconds=seconds, message=message, **more)  # type: ignore[arg-type]


def finished(
    outcome: str, *components: ComponentResult, verb: str = "up", seconds: float = 9.4, **more: object
) -> RunFinished:
    fields: dict[str, object] = {"at": 100.0 + seconds, "verb": verb, "outcome": outcome, "seconds": seconds}
    return RunFinished(**{**fields, "components": components, **more})  # type: ignore[arg-type]


NO_IMAGE = Finding(
    ref=ref("Pod", "ldap-7d9c"),
    cause="image-not-found",
    message="the image ldap:1.5 of container ldap does not exist",
    hopeless=True,
    last_event='Failed to pull image "ldap:1.5": not found',
    log_lines=("starting slapd", "bdb_db_open: locked"),
    next_step="inv k8s.describe --component ldap",
)
SKIPPED_CHECK = CheckDone(
    at=103.1,
    component="nfs",
    check="connect Service/nfs01:2049",
    outcome=CheckOutcome.SKIPPED,
    detail="simulated node",
)


def failed_up() -> tuple[Progress, ...]:
    """nfs comes up, ldap's image is missing, rsp is skipped for it."""
    return (
        started(needs={"ldap": ("nfs",), "rsp": ("ldap",)}, expected={"ldap": 12.0}),
        Note(at=100.1, text="worker_replicas 4 → 1 (last up: flag)"),
        moved(100.2, "nfs", Phase.APPLYING),
        made(100.3, "nfs", ref("Deployment", "nfs", "apps")),
        made(100.3, "nfs", ref("Service", "nfs01"), Action.UNCHANGED),
        moved(100.4, "nfs", Phase.WAITING, "Deployment/rstudio/nfs: 0/1 pods ready"),
        SKIPPED_CHECK,
        moved(103.2, "nfs", Phase.READY),
        moved(103.2, "ldap", Phase.APPLYING),
        made(103.3, "ldap", ref("Deployment", "ldap", "apps")),
        moved(103.4, "ldap", Phase.WAITING, "Deployment/rstudio/ldap: 0/1 pods ready"),
        Note(at=103.5, component="ldap", text="the tag latest moves", warning=True),
        moved(109.0, "ldap", Phase.FAILED, "image not found"),
        moved(109.1, "rsp", Phase.SKIPPED, "needs ldap"),
        finished(
            "failed",
            result(
                "nfs",
                Phase.READY,
                3.0,
                actions={Action.CREATED: 1, Action.UNCHANGED: 1},
                checks=(SKIPPED_CHECK,),
            ),
            result(
                "ldap",
                Phase.FAILED,
                5.8,
                "image not found",
                actions={Action.CREATED: 1},
                findings=(NO_IMAGE,),
            ),
            result("rsp", Phase.SKIPPED, 0.0, "needs ldap"),
            warnings=("RSP_LICENSE wins over the file",),
            requests=88,
        ),
    )


def feed(report: object, run: Iterable[Progress]) -> None:
    assert callable(report)
    for progress in run:
        report(progress)
