"""Many verdicts as one."""

from __future__ import annotations

from collections.abc import Sequence

from allup.readiness.verdict import READY, Readiness, State
from allup.refs import ObjectRef


def aggregate(readinesses: Sequence[tuple[ObjectRef, Readiness]]) -> Readiness:
    """The state of a component: failed when one object failed, else not yet when one is not yet, else ready.

    The message names the first object that is not ready (failed ones first, then those with a cause, then
    in the order given) and how many others there are. *culprit* is that object's culprit, or itself.
    """
    waiting = [(ref, verdict) for ref, verdict in readinesses if not verdict.ready]
    if not waiting:
        return READY
    ref, first = min(waiting, key=lambda pair: (pair[1].state is not State.FAILED, not pair[1].cause))
    others = len(waiting) - 1
    message = f"{ref}: {first.message}" + (f" (and {others} more not ready)" if others else "")
    return Readiness(first.state, message, first.cause, first.hopeless, first.culprit or ref)
