"""Jobs that failed or fail on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from allup.diagnosis import admission, pods
from allup.diagnosis.causes import Cause
from allup.diagnosis.scene import Neighbours
from allup.diagnosis.trouble import Trouble, hopeless, may_heal
from allup.fields import Object, conditions, count, holds, section, shorten, text


def job(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """Why a Job is not complete; None while its pods work."""
    known = conditions(obj)
    if holds(known.get("Complete")):
        return None
    mine = beside.owned(text(section(obj, "metadata"), "uid"), "Pod")
    broken = broken_by(obj)
    tries = count(section(obj, "status"), "failed")
    if broken:
        return _failed(obj, broken, tries, mine, beside, now)
    if section(obj, "spec").get("suspend") or holds(known.get("Suspended")):
        return may_heal("is suspended", Cause.PAUSED, "spec.suspend")
    refused = admission.failed_create(obj, beside, now)
    pod = pods.worst(mine, beside, now)
    if refused and (refused.hopeless or pod is None):
        return refused
    if pod and pod.cause and (pod.hopeless or not tries):
        return pod
    if tries:
        words = f"{_tries(tries)} failed" + (f", {pod.message}" if pod else "")
        found = may_heal(words, Cause.JOB_RETRYING, f"status.failed {tries}")
        return replace(found, culprit=pod.culprit if pod else None)
    return pod


def broken_by(obj: Object) -> Object | None:
    """The condition that ended the Job. FailureTarget comes first, and Failed when its last pod has ended
    (KEP-3939)."""
    known = conditions(obj)
    return next((known[name] for name in ("Failed", "FailureTarget") if holds(known.get(name))), None)


def _failed(
    obj: Object,
    condition: Object,
    tries: int,
    mine: Sequence[Object],
    beside: Neighbours,
    now: datetime,
) -> Trouble:
    reason = text(condition, "reason")
    where = f"status.conditions[{text(condition, 'type')}].reason {reason}"
    pod = pods.worst(mine, beside, now)
    culprit = pod.culprit if pod else None
    if reason == "DeadlineExceeded":
        limit = section(obj, "spec").get("activeDeadlineSeconds")
        told = f" ({limit} s)" if limit else ""
        return hopeless(f"ran longer than activeDeadlineSeconds{told}", Cause.ACTIVE_DEADLINE, where)
    words = f"failed after {_tries(tries)}" if tries else "failed"
    if pod:
        words += f": {pod.message}"
    else:
        said = [word for word in (reason, shorten(text(condition, "message"))) if word]
        words += "".join(f": {word}" for word in said)
    cause = Cause.BACKOFF_LIMIT if reason == "BackoffLimitExceeded" else Cause.JOB_FAILED
    return replace(hopeless(words, cause, where), culprit=culprit)


def _tries(number: int) -> str:
    return "1 try" if number == 1 else f"{number} tries"
