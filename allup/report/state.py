"""A run as it stands: progress folded into what there is to show. No I/O, no clock of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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

MOVING = (Phase.APPLYING, Phase.WAITING, Phase.CHECKING, Phase.DELETING)
BROKEN = (Phase.FAILED, Phase.STUCK)


@dataclass
class ComponentView:
    """One component as last seen. ``started`` and ``ended`` are on the clock of ``progress.at``."""

    name: str
    phase: Phase = Phase.PENDING
    message: str = ""
    started: float | None = None
    ended: float | None = None
    expected: float | None = None
    actions: Counter[Action] = field(default_factory=Counter)
    checks: list[CheckDone] = field(default_factory=list)
    findings: tuple[Finding, ...] = ()

    def elapsed(self, now: float) -> float | None:
        """Seconds since it started, or from start to end; None before it started."""
        if self.started is None:
            return None
        return max((now if self.ended is None else self.ended) - self.started, 0.0)

    @property
    def moving(self) -> bool:
        """True when something is being done for it right now."""
        return self.phase in MOVING

    def checks_with(self, outcome: CheckOutcome) -> list[CheckDone]:
        """Its checks that ended so."""
        return [check for check in self.checks if check.outcome is outcome]


@dataclass
class RunView:
    """Everything known of one run; ``fold`` adds one piece of progress.

    A run may end without having started (nothing to do) and progress may name components that the start
    did not list; both are shown as they come.
    """

    verb: str = ""
    platform: str = ""
    instance: str = ""
    namespace: str = ""
    context: str = ""
    started: float | None = None
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    components: dict[str, ComponentView] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    finished: RunFinished | None = None

    def fold(self, progress: Progress) -> None:
        """Takes one piece of progress into account."""
        match progress:
            case RunStarted():
                self._start(progress)
            case Note():
                self._note(progress)
            case ComponentMoved():
                self._move(progress)
            case ObjectDone():
                self.component(progress.component).actions[progress.action] += 1
            case CheckDone():
                self._check(progress)
            case RunFinished():
                self._finish(progress)

    def component(self, name: str) -> ComponentView:
        """The component of that name, new when it was not known."""
        return self.components.setdefault(name, ComponentView(name))

    @property
    def title(self) -> str:
        """What is brought up or down: the platform, and its instance when that has another name."""
        if self.instance and self.instance != self.platform:
            return f"{self.platform} ({self.instance})" if self.platform else self.instance
        return self.platform or "the platform"

    @property
    def outcome(self) -> str:
        """How the run ended, ``""`` while it has not."""
        return self.finished.outcome if self.finished else ""

    def since_start(self, at: float) -> float:
        """Seconds from the start of the run to *at*; 0 before it started."""
        return 0.0 if self.started is None else max(at - self.started, 0.0)

    def in_phase(self, *phases: Phase) -> list[ComponentView]:
        """The components in one of those phases, in graph order."""
        return [view for view in self.components.values() if view.phase in phases]

    def waits_for(self, name: str) -> tuple[str, ...]:
        """The components that a pending one waits for: on the way down, those that depend on it."""
        if self.verb == "down":
            others: Iterable[str] = (one for one, needed in self.needs.items() if name in needed)
        else:
            others = self.needs.get(name, ())
        settled = (Phase.READY, Phase.GONE, Phase.DISABLED)
        return tuple(o for o in others if o in self.components and self.components[o].phase not in settled)

    def objects(self, action: Action) -> int:
        """How many objects had that action."""
        return sum(view.actions[action] for view in self.components.values())

    def checks(self, outcome: CheckOutcome) -> list[CheckDone]:
        """The checks of all components that ended so."""
        return [check for view in self.components.values() for check in view.checks_with(outcome)]

    @property
    def kept(self) -> tuple[tuple[ObjectRef, str], ...]:
        """Objects left on purpose, each with its reason."""
        return self.finished.kept if self.finished else ()

    def _start(self, start: RunStarted) -> None:
        self.verb, self.platform, self.instance = start.verb, start.platform, start.instance
        self.namespace, self.context = start.namespace, start.context
        self.started, self.needs, self.only = start.at, start.needs, start.only
        for name in start.components:
            self.component(name).expected = start.expected.get(name)

    def _note(self, note: Note) -> None:
        if note.warning:
            self._warn(f"{note.component}: {note.text}" if note.component else note.text)
        elif not note.component:
            self.notes.append(note)
        elif not (view := self.component(note.component)).phase.final:
            view.message = note.text

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def _move(self, move: ComponentMoved) -> None:
        view = self.component(move.component)
        view.phase, view.message = move.phase, move.message
        if move.phase in MOVING:
            view.ended = None
            view.started = move.at if view.started is None else view.started
        elif move.phase.final and view.started is not None:
            view.ended = move.at

    def _check(self, check: CheckDone) -> None:
        checks = self.component(check.component).checks
        checks[:] = [other for other in checks if other.check != check.check]  # a check is tried again
        checks.append(check)

    def _finish(self, end: RunFinished) -> None:
        self.finished = end
        self.verb = end.verb
        for result in end.components:
            self._result(result, end.at)
        for warning in end.warnings:
            self._warn(warning)

    def _result(self, result: ComponentResult, at: float) -> None:
        view = self.component(result.name)
        view.phase, view.message, view.findings = result.phase, result.message, result.findings
        if result.seconds > 0 or view.started is not None:
            view.started = at - result.seconds if view.started is None else view.started
            view.ended = view.started + result.seconds
        if result.actions:
            view.actions = Counter(result.actions)
        if result.checks:
            view.checks = list(result.checks)
