"""What the outputs of trials mean: each on its own, and all of them together. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from allup.model.extras import RunTrials, Trial


class TrialState(StrEnum):
    """How one trial ended; what was not tried is never called working."""

    WORKS = "works"
    FAILS = "fails"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class TrialResult:
    """A trial's end: *said* is the last line of its output, *meaning* what a failure means."""

    trial: Trial
    state: TrialState
    said: str = ""
    meaning: str = ""


@dataclass(frozen=True)
class Verdict:
    """The end of it all. *good* is None when nothing could be tried."""

    good: bool | None
    sentence: str


def judge(trial: Trial, exit_code: int | None, output: str) -> TrialResult:
    """The result of one trial; an *exit_code* of None means that its end was not seen in time."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = lines[-1] if lines else ""
    if exit_code == 0 and (not trial.expect or re.search(trial.expect, output)):
        return TrialResult(trial, TrialState.WORKS, said)
    if exit_code is None:
        said = f"no end within {trial.timeout:.0f} s" + (f"; last: {said}" if said else "")
    elif exit_code == 0:
        said = f"not as expected: {said or 'no output'}"
    meaning = next((means for sign, means in trial.signs if re.search(sign, output)), trial.fails)
    return TrialResult(trial, TrialState.FAILS, said or f"exit code {exit_code}", meaning)


def skipped(trial: Trial, why: str) -> TrialResult:
    """The result of a trial that could not be made."""
    return TrialResult(trial, TrialState.SKIPPED, why)


def verdict(task: RunTrials, results: Sequence[TrialResult]) -> Verdict:
    """The first needed trial that fails is the cause: later ones build on earlier ones."""
    cause = next((r for r in results if r.trial.needed and r.state is TrialState.FAILS), None)
    left_out = [r for r in results if r.trial.needed and r.state is TrialState.SKIPPED]
    if cause is not None:
        return Verdict(False, f"{cause.trial.name} fails: {cause.meaning}")
    if not any(r.state is TrialState.WORKS for r in results):
        why = left_out[0].said if left_out else "there was nothing to try"
        return Verdict(None, f"Nothing could be tried: {why}.")
    if left_out:
        names = ", ".join(r.trial.name for r in left_out)
        return Verdict(None, f"What could be tried works; not tried: {names} ({left_out[0].said}).")
    return Verdict(True, task.good)
