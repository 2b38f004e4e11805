"""Keeps the account of a run: reports each piece of progress once, and sums up per component."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from allup.diagnosis import Finding
from allup.refs import ObjectRef
from allup.run.clock import Clock
from allup.run.progress import (
    Action,
    CheckDone,
    CheckOutcome,
    ComponentMoved,
    ComponentResult,
    Note,
    ObjectDone,
    Phase,
    Progress,
    Reporter,
)


@dataclass
class _Account:
    started: float | None = None
    ended: float = 0.0
    phase: Phase = Phase.PENDING
    message: str = ""
    actions: Counter[Action] = field(default_factory=Counter)
    checks: dict[str, CheckDone] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


class Ledger:
    """Thread-safe; after ``close`` nothing more is reported (late threads of an interrupted run)."""

    def __init__(self, report: Reporter, clock: Clock) -> None:
        self._report = report
        self._clock = clock
        self._lock = threading.RLock()
        self._accounts: dict[str, _Account] = {}
        self._closed = False
        self.kept: list[tuple[ObjectRef, str]] = []
        self.warnings: list[str] = []

    def say(self, progress: Progress) -> None:
        """Reports, one at a time."""
        with self._lock:
            if not self._closed:
                self._report(progress)

    def note(self, text: str, component: str = "", *, warning: bool = False) -> None:
        """Reports a sentence; a warning is repeated at the end."""
        with self._lock:
            told = f"{component}: {text}" if component else text
            if warning and told not in self.warnings:
                self.warnings.append(told)
            self.say(Note(at=self._clock.monotonic(), text=text, component=component, warning=warning))

    def moved(self, component: str, phase: Phase, message: str = "") -> None:
        """A component enters a phase, or says something new in it."""
        with self._lock:
            account = self._accounts.setdefault(component, _Account())
            now = self._clock.monotonic()
            if account.started is None:
                account.started = now
            account.phase, account.message, account.ended = phase, message, now
            self.say(ComponentMoved(at=now, component=component, phase=phase, message=message))

    def did(self, component: str, ref: ObjectRef, action: Action, reason: str = "") -> None:
        """Something was done to an object."""
        with self._lock:
            self._accounts.setdefault(component, _Account()).actions[action] += 1
            if action is Action.KEPT:
                self.kept.append((ref, reason))
            now = self._clock.monotonic()
            self.say(ObjectDone(at=now, component=component, ref=ref, action=action, reason=reason))

    def checked(self, component: str, check: str, outcome: CheckOutcome, detail: str) -> None:
        """A check has its outcome."""
        with self._lock:
            now = self._clock.monotonic()
            done = CheckDone(at=now, component=component, check=check, outcome=outcome, detail=detail)
            self._accounts.setdefault(component, _Account()).checks[check] = done
            self.say(done)

    def found(self, component: str, finding: Finding) -> None:
        """Why a component failed."""
        with self._lock:
            self._accounts.setdefault(component, _Account()).findings.append(finding)

    def findings(self) -> tuple[Finding, ...]:
        """All that were found so far."""
        with self._lock:
            return tuple(finding for account in self._accounts.values() for finding in account.findings)

    def phase(self, component: str) -> Phase:
        """Where a component stands."""
        with self._lock:
            return self._accounts.get(component, _Account()).phase

    def tick(self) -> None:
        """Passes a second on."""
        with self._lock:
            if not self._closed:
                self._report.tick()

    def close(self) -> None:
        """Nothing more is reported."""
        with self._lock:
            self._closed = True

    def results(self, components: tuple[str, ...]) -> tuple[ComponentResult, ...]:
        """How each component stands, in the order given."""
        with self._lock:
            return tuple(self._result(name, self._accounts.get(name, _Account())) for name in components)

    def _result(self, name: str, account: _Account) -> ComponentResult:
        ended = account.ended if account.phase.final else self._clock.monotonic()
        return ComponentResult(
            name=name,
            phase=account.phase,
            seconds=max(0.0, ended - account.started) if account.started is not None else 0.0,
            message=account.message,
            actions=dict(account.actions),
            checks=tuple(account.checks.values()),
            findings=tuple(account.findings),
        )
