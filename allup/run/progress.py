"""What a run reports: typed values, consumed by ``allup.report``. The one word for it is progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from allup.diagnosis.finding import Finding as Finding
from allup.refs import ObjectRef

THE_REST = "the rest"
"""Instead of a component's name: what belongs to none, such as the namespace. No component is called so."""


class Action(StrEnum):
    """What was done to one object."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REPLACED = "replaced"
    PRUNED = "pruned"
    DELETED = "deleted"
    GIVEN_BACK = "given back"
    KEPT = "kept"
    MISSING = "missing"


class Phase(StrEnum):
    """Where a component stands. The first four move on; the others are final."""

    PENDING = "pending"
    APPLYING = "applying"
    WAITING = "waiting"
    CHECKING = "checking"
    DELETING = "deleting"
    READY = "ready"
    FAILED = "failed"
    SKIPPED = "skipped"
    DISABLED = "disabled"
    GONE = "gone"
    STUCK = "stuck"

    @property
    def final(self) -> bool:
        """True when the component will not move any more in this run."""
        return self in (
            Phase.READY,
            Phase.FAILED,
            Phase.SKIPPED,
            Phase.DISABLED,
            Phase.GONE,
            Phase.STUCK,
        )


class CheckOutcome(StrEnum):
    """A check that was not run is never called passed."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class RunStarted:
    """*verb* is up or down; *components* in graph order; *expected* seconds to ready from earlier runs.

    *only* are the components that were asked for by name, when not the whole platform was.
    """

    at: float
    verb: str
    platform: str
    instance: str
    namespace: str
    context: str
    components: tuple[str, ...]
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    expected: Mapping[str, float] = field(default_factory=dict)
    only: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something worth a line that belongs to no component, or a *warning*."""

    at: float
    text: str
    component: str = ""
    warning: bool = False


@dataclass(frozen=True, kw_only=True)
class ComponentMoved:
    """A component entered a phase; *message* says what it waits for, why it failed or was skipped."""

    at: float
    component: str
    phase: Phase
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class ObjectDone:
    """One object was created, left unchanged, deleted, kept … *reason* says why it was kept."""

    at: float
    component: str
    ref: ObjectRef
    action: Action
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class CheckDone:
    """A health check has its outcome; *detail* is the answer, or why it was skipped."""

    at: float
    component: str
    check: str
    outcome: CheckOutcome
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class ComponentResult:
    """How a component ended. *seconds* from its start to its final phase."""

    name: str
    phase: Phase
    seconds: float
    message: str = ""
    actions: Mapping[Action, int] = field(default_factory=dict)
    checks: tuple[CheckDone, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def verdict(self) -> str:
        """What a down left of it: ``clean``, ``kept`` (on purpose) or ``stuck``; ``""`` where that is no
        question: it was not taken down."""
        if self.phase is Phase.GONE:
            return "kept" if self.actions.get(Action.KEPT) else "clean"
        return "stuck" if self.phase is Phase.STUCK else ""


@dataclass(frozen=True, kw_only=True)
class RunFinished:
    """The end of a run, whatever its end. *outcome* is done, failed, interrupted or stuck.

    *kept* are objects left on purpose with the reason; *warnings* are sentences to end on.
    """

    at: float
    verb: str
    outcome: str
    seconds: float
    components: tuple[ComponentResult, ...]
    kept: tuple[tuple[ObjectRef, str], ...] = ()
    warnings: tuple[str, ...] = ()
    requests: int = 0

    def count(self, action: Action) -> int:
        """How many objects had that action, over all components."""
        return sum(component.actions.get(action, 0) for component in self.components)


Progress = RunStarted | Note | ComponentMoved | ObjectDone | CheckDone | RunFinished


class Reporter(Protocol):
    """Consumes progress; called from several threads, one call at a time."""

    def __call__(self, progress: Progress) -> None:
        """Shows or records one piece of progress; must not raise."""

    def tick(self) -> None:
        """Called about once a second: a heartbeat may be due."""


class Silent:
    """A reporter that shows nothing."""

    def __call__(self, progress: Progress) -> None:
        """Forgets it."""

    def tick(self) -> None:
        """Does nothing."""
