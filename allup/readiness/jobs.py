"""Jobs and CronJobs. A Job that has started is not a Job that has finished."""

from __future__ import annotations

from datetime import datetime

from allup.diagnosis import jobs
from allup.diagnosis.causes import Cause
from allup.diagnosis.scene import Neighbours
from allup.fields import Object, conditions, count, holds, section
from allup.readiness.verdict import Readiness, because, not_yet, ready


def job(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready when Complete, failed when Failed; in between, how far it is and what its pods complain of."""
    if holds(conditions(obj).get("Complete")):
        return ready("completed")
    trouble = jobs.job(obj, neighbours, now)
    if trouble and (jobs.broken_by(obj) or trouble.cause == Cause.PAUSED):
        return because(trouble)
    counts = _counts(section(obj, "spec"), section(obj, "status"))
    # A pod that merely starts is told by the count of running ones.
    return because(trouble, counts) if trouble and trouble.cause else not_yet(counts)


def has_failed(obj: Object) -> bool:
    """Whether it is a Job that has failed: it stays so, and never runs again by itself."""
    return obj.get("kind") == "Job" and holds(conditions(obj).get("Failed"))


def cron_job(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready on existing: when it runs is the clock's matter."""
    return ready("is suspended" if section(obj, "spec").get("suspend") else "")


def _counts(spec: Object, status: Object) -> str:
    active = count(status, "active")
    wanted = count(spec, "completions", count(spec, "parallelism", 1))
    words = f"{count(status, 'succeeded')}/{wanted} finished"
    return f"{words}, {active} running" if active else words
