"""``--force``: shows what would be forced and asks, unless the cluster is our own sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from allup.run.options import RunOptions
from allup.run.progress import RunFinished
from tasks import where
from tasks.output import SCHEMA, ref_json, say_json, tell
from tasks.preparing import Prepared
from tasks.questions import confirm

if TYPE_CHECKING:
    from allup.daily.forcing import ForcePlan
    from allup.run.session import Session


def down_by_force(
    prepared: Prepared, options: RunOptions, down: Callable[[Session], RunFinished]
) -> RunFinished:
    """*down*, and while it is stuck what may be forced, and *down* again. Raises InputError for a no."""
    from allup.daily.forcing import Force

    first = [prepared.session]

    def session() -> Session:
        return first.pop() if first else where.open_target(prepared.target, prepared.redactor)

    def agree(plan: ForcePlan) -> None:
        _show(prepared, plan)
        if plan.steps and not prepared.session.sandbox:
            confirm(f"Force this on {prepared.session.context}?", prepared.call.given.get("yes"))

    force = Force(prepared.platform, lock_timeout=options.lock_timeout, agree=agree, tell=tell)
    return force.down(down, session)


def _show(prepared: Prepared, plan: ForcePlan) -> None:
    mask = prepared.redactor.mask
    if plan.steps:
        tell("To be forced:")
    else:
        tell("There is nothing that could be forced." if not plan.refused else "Nothing is forced:")
    for line in (*plan.steps, *plan.refused):
        tell(mask(f"  {line}."))
    if prepared.call.given.get("json"):
        say_json(
            {
                "schema": SCHEMA,
                "type": "force",
                "steps": [
                    {
                        "ref": ref_json(step.ref),
                        "component": step.component,
                        "finalizers": list(step.finalizers),
                        "whose": mask(step.whose),
                        "lost": step.lost,
                    }
                    for step in plan.steps
                ],
                "refused": [{"ref": ref_json(one.ref), "why": mask(one.why)} for one in plan.refused],
            }
        )
