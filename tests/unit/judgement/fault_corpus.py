"""The fault corpus: recorded faults, and what is to be said of each. The one loader of tests/data/faults.

``python -m tests.unit.judgement.fault_corpus`` prints how many are named rightly, family by family.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from allup.diagnosis import Finding, Recorded, diagnose
from allup.errors import ApiError
from allup.readiness import judge
from allup.refs import ObjectRef
from allup.run.explaining import of_error

CORPUS = Path(__file__).parents[2] / "data" / "faults"


@dataclass(frozen=True)
class Case:
    """One recorded fault. *answer* is the API server's refusal when the fault is one; *words* must appear
    in what is found; *source* says where the words of the recording come from."""

    name: str
    family: str
    cause: str
    hopeless: bool
    words: tuple[str, ...]
    subject: ObjectRef
    source: str
    seen: datetime
    answer: Mapping[str, Any] | None
    objects: Sequence[Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]

    def found(self) -> Sequence[Finding]:
        """What the diagnosis says, the root cause first."""
        if self.answer is not None:
            return [_refused(self, self.answer)]
        scene = Recorded(self.objects, self.events, self.seen)
        if not self.cause:  # nobody asks why of what is ready
            subject = scene.get(self.subject)
            if subject is not None and judge(subject, scene, self.seen).ready:
                return ()
        return diagnose(self.subject, scene)


@dataclass(frozen=True)
class Answer:
    """What came out for a case."""

    case: Case
    cause: str
    hopeless: bool
    text: str

    @property
    def named(self) -> bool:
        """The right cause comes first; for something that is well, none."""
        return self.cause == self.case.cause

    @property
    def given_up_wrongly(self) -> bool:
        """Called hopeless although it may heal: the worse error."""
        return self.hopeless and not self.case.hopeless

    @property
    def missing(self) -> tuple[str, ...]:
        """The words that do not appear."""
        return tuple(word for word in self.case.words if word not in self.text)


def _refused(case: Case, answer: Mapping[str, Any]) -> Finding:
    """What a run tells when a request of its own is answered so."""
    error = ApiError(
        str(case.subject),
        answer["message"],
        status=answer["status"],
        reason=answer["reason"],
        details=answer["details"],
    )
    return of_error(error, case.subject.namespace)


def load(file: Path) -> Case:
    """One case from its file."""
    told = json.loads(file.read_text())
    return Case(
        name=told["case"],
        family=told["family"],
        cause=told["cause"],
        hopeless=told["healing"] == "hopeless",
        words=tuple(told["words"]),
        subject=ObjectRef(**told["subject"]),
        source=told["source"],
        seen=datetime.fromisoformat(told["seen"]),
        answer=told["answer"],
        objects=told["objects"],
        events=told["events"],
    )


@cache
def all_cases() -> tuple[Case, ...]:
    """Every case, by family and name."""
    return tuple(load(file) for file in sorted(CORPUS.glob("*/*.json")))


def answer(case: Case) -> Answer:
    """What the diagnosis says about a case."""
    found = case.found()
    if not found:
        return Answer(case, "", False, "")
    return Answer(case, found[0].cause, found[0].hopeless, words_of(found[0]))


def words_of(finding: Finding) -> str:
    """What a finding says itself. Not its last Event: whoever quotes that has said everything and explained
    nothing."""
    culprit = str(finding.culprit or "")
    said = (finding.message, culprit, finding.evidence, *finding.consequences, finding.next_step)
    return "; ".join(one for one in said if one)


def report(answers: Sequence[Answer]) -> str:
    """Top-1 accuracy family by family, with the wrong ones by name, and in all."""
    lines = []
    for family in sorted({one.case.family for one in answers}):
        of_it = [one for one in answers if one.case.family == family]
        lines.append(f"{family:14} {_share(of_it)}")
        for one in of_it:
            if not one.named:
                lines.append(f"  {one.case.name}: {one.cause or 'nothing'}, not {one.case.cause}")
            elif one.missing:
                lines.append(f"  {one.case.name}: does not say {', '.join(one.missing)}: {one.text}")
    return "\n".join([*lines, report_in_brief(answers)])


def report_in_brief(answers: Sequence[Answer]) -> str:
    """The same in four lines. A wrong "hopeless" is told apart: it ends a run for nothing."""
    ill, well = [one for one in answers if one.case.cause], [one for one in answers if not one.case.cause]
    called_ill = [one.case.name for one in well if not one.named]
    wrongly = [one.case.name for one in answers if one.given_up_wrongly]
    missed = [one.case.name for one in ill if one.case.hopeless and not one.hopeless]
    return "\n".join(
        (
            f"fault corpus: {_share(ill)} named rightly at the first place",
            f"  well and called ill: {len(called_ill)} of {len(well)}{_named(called_ill)}",
            f"  called hopeless wrongly: {len(wrongly)}{_named(wrongly)}",
            f"  hopeless and not called so: {len(missed)}{_named(missed)}",
        )
    )


def _share(answers: Sequence[Answer]) -> str:
    right = sum(one.named for one in answers)
    return f"{right} of {len(answers)} ({right / max(1, len(answers)):.0%})"


def _named(names: Sequence[str]) -> str:
    return f" ({', '.join(names)})" if names else ""


if __name__ == "__main__":
    sys.stdout.write(report([answer(case) for case in all_cases()]) + "\n")
