"""What the tasks of one platform do: list children, run a command, run trials."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any, TypeVar

from allup import Reading
from allup.errors import AllupError, Differences
from allup.model.extras import ListChildren, RunCommand, RunTrials
from allup.report.tables import table
from allup.run.seeing import Sight
from tasks.looking import kinds_of
from tasks.output import SCHEMA, say, say_json, tell
from tasks.preparing import Prepared, names, prepare
from tasks.questions import confirm
from tasks.verb import Call

Task = TypeVar("Task", ListChildren, RunCommand, RunTrials)


def children(call: Call) -> None:
    """The children of a component; ``--stop`` ends those that are named."""
    from allup.daily import offspring

    prepared = prepare(call)
    task = _task(prepared, ListChildren)
    session, platform, mask = prepared.session, prepared.platform, prepared.redactor.mask
    wanted = names(call.given.get("stop"))
    if wanted:
        if not session.sandbox:
            confirm(f"End {', '.join(wanted)}: what is not saved there is lost.", call.given.get("yes"))
        gone = offspring.end(session, platform, task, wanted)
        if call.given.get("json"):
            _json(prepared, task, {"deleted": [str(ref) for ref in gone]})
        else:
            say("\n".join(f"deleted {ref}" for ref in gone) or "Nothing was left to delete.")
        return
    now = session.clock.now()
    found = offspring.listed(session, platform, task)
    headers = ["NAME", *(column.upper() for column in task.columns), "AGE"]
    rows = [
        (
            o["metadata"]["name"],
            *(mask(value) for value in offspring.columns(task, o)),
            age(o["metadata"].get("creationTimestamp"), now),
        )
        for o in found
    ]
    if call.given.get("json"):
        keys = [header.lower() for header in headers]
        _json(prepared, task, {"items": [dict(zip(keys, row, strict=True)) for row in rows]})
    else:
        say(table(headers, rows) if rows else f"No {task.noun} is there.")


def command(call: Call) -> None:
    """A command in a pod, and what its output means."""
    from allup.daily.trying import Trying

    prepared = prepare(call)
    task = _task(prepared, RunCommand)
    trying = Trying(prepared.session, prepared.platform, _sight(prepared))
    result = trying.command(task)
    said = "\n".join(text.rstrip() for text in (result.stdout, result.stderr) if text.strip())
    if result.exit_code is None:
        raise AllupError(task.target, f"{task.command[0]} did not end within {task.timeout:.0f} s")
    if task.read is not None and (result.exit_code == 0 or said):
        reading = task.read(said)
    else:
        good = result.exit_code == 0
        end = "ended well" if good else f"ended with exit code {result.exit_code}"
        reading = Reading(good=good, sentence=f"{task.command[0]} {end}.")
    mask = prepared.redactor.mask
    facts = [(name, mask(value)) for name, value in reading.facts]
    if call.given.get("json"):
        output = {} if task.read else {"output": mask(said)}
        _json(
            prepared,
            task,
            {"good": reading.good, "sentence": mask(reading.sentence), "facts": dict(facts), **output},
        )
    else:
        if task.read is None and said:
            say(mask(said))
        if facts:
            say(table((), facts))
        say(mask(reading.sentence))
    _refuse(prepared, task, reading.good, mask(reading.sentence))


def trials(call: Call) -> None:
    """Trials, one after the other, a table of them, and the verdict."""
    from allup.daily.trying import Trying
    from allup.trials import TrialResult, verdict

    prepared = prepare(call)
    task = _task(prepared, RunTrials)
    mask = prepared.redactor.mask
    trying = Trying(prepared.session, prepared.platform, _sight(prepared))

    def heard(result: TrialResult) -> None:
        if sys.stderr.isatty():
            tell(f"{result.state:8} {result.trial.name}")

    results = trying.trials(task, heard)
    judged = verdict(task, results)
    if call.given.get("json"):
        entries = [
            {
                "name": r.trial.name,
                "needed": r.trial.needed,
                "state": str(r.state),
                "said": mask(r.said),
                "meaning": mask(r.meaning),
            }
            for r in results
        ]
        _json(prepared, task, {"good": judged.good, "verdict": mask(judged.sentence), "trials": entries})
    else:
        rows = [
            (r.trial.name, str(r.state), "yes" if r.trial.needed else "no", mask(r.said)) for r in results
        ]
        say(table(("TRIAL", "RESULT", "NEEDED", ""), rows))
        for r in results:
            if r.meaning:
                say(mask(f"{r.trial.name}: {r.meaning}"))
        say(mask(judged.sentence))
    _refuse(prepared, task, judged.good is True, mask(judged.sentence))


def age(created: object, now: datetime) -> str:
    """How long ago a timestamp of the API was: ``45s``, ``12m``, ``3h``, ``9d``; ``""`` without one."""
    if not created:
        return ""
    seconds = max(0, int((now - datetime.fromisoformat(str(created))).total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _refuse(prepared: Prepared, task: RunCommand | RunTrials, good: bool, sentence: str) -> None:
    if prepared.call.given.get("check") and not good:
        raise Differences(f"{prepared.call.platform.collection}.{task.name}", sentence)


def _task(prepared: Prepared, kind: type[Task]) -> Task:
    name = prepared.call.verb.name
    return next(t for t in prepared.platform.tasks if t.name == name and isinstance(t, kind))


def _sight(prepared: Prepared) -> Sight:
    return Sight(prepared.session, prepared.platform, kinds_of(prepared))


def _json(prepared: Prepared, task: ListChildren | RunCommand | RunTrials, what: dict[str, Any]) -> None:
    say_json({"schema": SCHEMA, "type": task.name, "instance": prepared.platform.instance, **what})
