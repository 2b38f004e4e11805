"""Jobs and CronJobs. A Job that has started is not a Job that has finished."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from allup.readiness.causes import Cause
from allup.readiness.fields import Object, conditions, count, holds, section, shorten, text
from allup.readiness.pods import worst
from allup.readiness.verdict import Neighbours, Readiness, failed, not_yet, ready


def job(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready when Complete, failed when Failed; in between, how far it is and what its pods complain of."""
    spec, status, known = section(obj, "spec"), section(obj, "status"), conditions(obj)
    if holds(known.get("Complete")):
        return ready("completed")
    pods = neighbours.owned(text(section(obj, "metadata"), "uid"), "Pod")
    # FailureTarget comes first, and Failed when its last pod has ended (KEP-3939).
    broken = next((known[name] for name in ("Failed", "FailureTarget") if holds(known.get(name))), None)
    if broken:
        return _failed(broken, count(status, "failed"), pods, now)
    if spec.get("suspend") or holds(known.get("Suspended")):
        return not_yet("is suspended", Cause.PAUSED)
    counts = _counts(spec, status)
    pod = worst(pods, now)
    tries = count(status, "failed")
    if pod and pod.cause and (pod.hopeless or not tries):
        return Readiness(pod.state, f"{counts}: {pod.message}", pod.cause, pod.hopeless, pod.culprit)
    if tries:
        words = f"{counts}: {_tries(tries)} failed" + (f", {pod.message}" if pod else "")
        return not_yet(words, Cause.JOB_RETRYING, pod.culprit if pod else None)
    return not_yet(counts)


def cron_job(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready on existing: when it runs is the clock's matter."""
    return ready("is suspended" if section(obj, "spec").get("suspend") else "")


def _failed(condition: Object, tries: int, pods: Sequence[Object], now: datetime) -> Readiness:
    reason = text(condition, "reason")
    pod = worst(pods, now)
    if reason == "DeadlineExceeded":
        return failed("ran longer than activeDeadlineSeconds", Cause.DEADLINE_EXCEEDED)
    words = f"failed after {_tries(tries)}" if tries else "failed"
    if pod:
        words += f": {pod.message}"
    else:
        said = [word for word in (reason, shorten(text(condition, "message"))) if word]
        words += "".join(f": {word}" for word in said)
    return failed(words, Cause.JOB_FAILED, pod.culprit if pod else None)


def _counts(spec: Object, status: Object) -> str:
    active = count(status, "active")
    wanted = count(spec, "completions", count(spec, "parallelism", 1))
    words = f"{count(status, 'succeeded')}/{wanted} finished"
    return f"{words}, {active} running" if active else words


def _tries(number: int) -> str:
    return "1 try" if number == 1 else f"{number} tries"
