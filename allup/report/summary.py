"""What a run ends on, in words: what went wrong, what was kept, the warnings, and the closing sentences.

The live table and the plain lines say the same; they differ in how they set it. A script may rely on
``N created, N changed`` in the sentence of a finished up: both stand there even when they are zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from allup.report.state import BROKEN, MOVING, ComponentView, RunView
from allup.report.text import count, duration, one_line, some
from allup.run.progress import Action, CheckOutcome, Finding, Phase

_ALWAYS_SAID = (Action.CREATED, Action.CHANGED)
_REMOVED = (Action.PRUNED, Action.DELETED, Action.GIVEN_BACK)
_SAID = (*_ALWAYS_SAID, Action.UNCHANGED, Action.REPLACED, *_REMOVED, Action.KEPT)
_CHANGES = (*_ALWAYS_SAID, Action.REPLACED, *_REMOVED)


@dataclass(frozen=True)
class Problem:
    """A component that did not get where it should, or a check that failed, with all that is known."""

    component: str
    title: str
    message: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Closing:
    """The end of a run, ready to be set; ``kept`` is (object, reason), ``sentence`` the last words."""

    problems: tuple[Problem, ...]
    kept: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    sentence: str


def closing(view: RunView) -> Closing:
    """Everything to say at the end of the run that *view* has seen finish."""
    return Closing(
        problems=problems(view),
        kept=tuple((str(ref), reason) for ref, reason in view.kept),
        warnings=tuple(view.warnings),
        sentence=sentence(view),
    )


def problems(view: RunView) -> tuple[Problem, ...]:
    """One for each component that failed, is stuck, was left half done, or has findings or failed checks."""
    found = []
    for component in view.components.values():
        failed_checks = component.checks_with(CheckOutcome.FAILED)
        if component.phase not in BROKEN and not component.findings and not failed_checks:
            continue
        said = [component.message] if component.message else []
        said += [f"{check.check}: {check.detail or 'failed'}" for check in failed_checks]
        told = [finding.message for finding in component.findings if finding.message]
        message = "\n".join(text for text in said if not any(one in text for one in told))
        found.append(Problem(component.name, _title(component), message, component.findings))
    return tuple(found)


def heading(problem: Problem) -> tuple[str, str]:
    """The first line of a problem, and its message when that has lines of its own."""
    if "\n" in problem.message or not problem.message:
        return problem.title, problem.message
    return f"{problem.title}: {problem.message}", ""


def in_full(problem: Problem) -> str:
    """Everything about a problem as plain text, for a file."""
    return "\n".join(_in_full(problem))


def _in_full(problem: Problem) -> Iterator[str]:
    title, message = heading(problem)
    yield title
    for line in message.splitlines():
        yield f"  {line}"
    for finding in problem.findings:
        yield f"  {finding.ref}"
        for line in finding.message.splitlines():
            yield f"    {line}"
        for label, text in facts(finding):
            bar = "| " if label in ("log", "") else ""
            for i, line in enumerate(text.splitlines()):
                yield f"    {'' if i else label:<10}  {bar}{line}"


def facts(finding: Finding) -> tuple[tuple[str, str], ...]:
    """What stands below a finding's message: (label, text) of its root and where that was read, what is wrong
    only because of it, the last event, log lines and next step."""
    rows = [("at", str(finding.culprit) if finding.culprit else "")]
    rows += [("seen in", finding.evidence)]
    rows += [("hence" if i == 0 else "", line) for i, line in enumerate(finding.consequences)]
    rows += [("last event", finding.last_event)]
    rows += [("log" if i == 0 else "", line) for i, line in enumerate(finding.log_lines)]
    rows += [("log before" if i == 0 else "", line) for i, line in enumerate(finding.previous_lines)]
    rows += [("next", finding.next_step)]
    return tuple((label, text) for label, text in rows if text)


def done(component: ComponentView) -> str:
    """What was done to a component, in few words: ``2 created, 1 unchanged, 1 check passed``."""
    words = [f"{component.actions[action]} {action}" for action in _SAID if component.actions[action]]
    for outcome in (CheckOutcome.PASSED, CheckOutcome.SKIPPED):
        if checks := component.checks_with(outcome):
            words.append(f"{count(len(checks), 'check')} {outcome}")
    return ", ".join(words)


def sentence(view: RunView) -> str:
    """The closing words of a finished run."""
    match (view.outcome, view.verb):
        case ("interrupted", _):
            return _interrupted(view)
        case ("done", "down"):
            words = _down(view)
        case ("done", "restart" | "scale"):
            words = _rolled_out(view)
        case ("done", "wait"):
            words = (
                f"{view.title}: {count(len(view.in_phase(Phase.READY)), 'component')} ready in {_time(view)}."
            )
        case ("done", _):
            words = _up(view)
        case _:
            words = _not_done(view)
    return " ".join(text for text in (words, _checks(view)) if text)


def _up(view: RunView) -> str:
    ready = count(len(view.in_phase(Phase.READY)), "component") + " ready"
    time = _time(view)
    counts = ", ".join(
        f"{number} {action}"
        for action in _SAID
        if (number := view.objects(action)) or action in _ALWAYS_SAID or action is Action.UNCHANGED
    )
    if not any(view.objects(action) for action in _CHANGES):
        unchanged = count(view.objects(Action.UNCHANGED), "object") + " unchanged"
        return f"{view.title}: nothing changed. {ready}, {unchanged} in {time} (0 created, 0 changed)."
    return f"{_what(view)} up: {ready} in {time} ({counts})."


def _what(view: RunView) -> str:
    """``rstudio is``; of a run that was about some of its components ``rstudio: ldap is``."""
    if not view.only:
        return f"{view.title} is"
    return f"{view.title}: {some(view.only)} {'is' if len(view.only) == 1 else 'are'}"


def _rolled_out(view: RunView) -> str:
    names = some(list(view.components))
    return f"{view.title}: {names} {view.verb.rstrip('e')}ed and ready in {_time(view)}."


def _down(view: RunView) -> str:
    deleted = view.objects(Action.DELETED) + view.objects(Action.PRUNED)
    returned = view.objects(Action.GIVEN_BACK)
    if not deleted and not returned:
        return f"{view.title}: nothing to take down."
    also = f" and {returned} given back" if returned else ""
    return f"{_what(view)} down: {count(deleted, 'object')} deleted{also} in {_time(view)}."


def _not_done(view: RunView) -> str:
    goal = "down" if view.verb == "down" else "up"
    parts = []
    for phase in BROKEN:
        if names := _names(view, phase):
            parts.append(f"{some(names)} {phase}")
    for phase in (Phase.SKIPPED, Phase.READY, Phase.GONE):
        if names := _names(view, phase):
            parts.append(f"{len(names)} {phase}")
    if names := _names(view, *MOVING):
        parts.append(f"{some(names)} half done")
    if names := _names(view, Phase.PENDING):
        parts.append(f"{len(names)} not started")
    return f"{_what(view)} not {goal}: {', '.join(parts) or 'nothing was done'} ({_time(view)})."


def _interrupted(view: RunView) -> str:
    settled = Phase.GONE if view.verb == "down" else Phase.READY
    parts: list[str] = []
    for label, phases in (
        (str(settled), (settled,)),
        ("half done", MOVING),
        ("failed", BROKEN),
        ("not started", (Phase.PENDING, Phase.SKIPPED)),
    ):
        if names := _names(view, *phases):
            parts.append(f"{label}: {some(names)}")
    told = _capital("; ".join(parts) or "nothing was done")
    verb = view.verb or "the run"
    return (
        f"{view.title} {verb} was interrupted after {_time(view)}. {told}. "
        "The same command continues where it stopped."
    )


def _checks(view: RunView) -> str:
    parts: list[str] = []
    for outcome in CheckOutcome:
        checks = view.checks(outcome)
        if not checks:
            continue
        text = f"{len(checks)} {outcome}" if parts else f"{count(len(checks), 'check')} {outcome}"
        reasons = {one_line(check.detail) for check in checks}
        if outcome is CheckOutcome.SKIPPED and len(reasons) == 1 and (reason := reasons.pop()):
            text += f": {reason.removeprefix('skipped: ')}"
        parts.append(text)
    return ", ".join(parts) + "." if parts else ""


def _title(component: ComponentView) -> str:
    title = f"{component.name} {component.phase}"
    seconds = component.elapsed(component.ended) if component.ended is not None else None
    return f"{title} after {duration(seconds)}" if seconds else title


def _names(view: RunView, *phases: Phase) -> list[str]:
    return [component.name for component in view.in_phase(*phases)]


def _time(view: RunView) -> str:
    return duration(view.finished.seconds if view.finished else 0.0)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
