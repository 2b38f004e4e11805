"""What a container's process does: it ends, runs out of memory, does not answer its probes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from allup.diagnosis import configuration, image
from allup.diagnosis.causes import Cause
from allup.diagnosis.container import Container, ending
from allup.diagnosis.events import of_container, seen, times, with_reason, words_of
from allup.diagnosis.trouble import Trouble, may_heal, ordinary
from allup.fields import Object, age, count, section, shorten, text

PROBE_PATIENCE = 30.0
"""Seconds a running container may be unready before that is called a cause."""

LIVENESS_MEMORY = 600.0
"""Seconds for which a liveness probe's failure explains a restart."""

_PROBE = re.compile(
    r"^(?P<probe>Readiness|Liveness|Startup) probe (?:failed|errored|warning): ?(?P<answer>.*)$", re.S
)
_EXEC_FORMAT = re.compile(r"exec format error", re.I)


def stopped(
    container: Container, terminated: Object, events: Sequence[Object], now: datetime
) -> Trouble | None:
    """The container ended, and its pod (not in a final phase) will start it again or is about to end. None
    when it ended as it should."""
    reason, said = text(terminated, "reason"), text(terminated, "message")
    last = "lastState" if section(container.status, "lastState", "terminated") is terminated else "state"
    where = container.where(f"{last}.terminated")
    if reason in configuration.COULD_NOT_START:
        return configuration.could_not_start(container, reason, said, where)
    if _EXEC_FORMAT.search(said):
        return image.wrong_architecture(container.image, said, where)
    if reason == "OOMKilled":
        return _out_of_memory(container, where)
    killed = _killed_by_probe(container, events, now)
    if killed:
        return killed
    if terminated and count(terminated, "exitCode") == 0:
        if not container.restarts:
            return None
        return may_heal(f"ended with exit code 0{container.often}", Cause.COMPLETED, where)
    how = ending(terminated) if terminated else "no exit code known"
    evidence = f"{where}.exitCode {count(terminated, 'exitCode')}" if terminated else where
    if container.init:
        words = f"init container {container.name}: {how}{container.often}"
        return may_heal(words, Cause.INIT_FAILED, evidence)
    return may_heal(f"crash loop: {how}{container.often}", Cause.CRASH_LOOP, evidence)


def running(container: Container, events: Sequence[Object], now: datetime) -> Trouble | None:
    """A container that runs and is not ready. None while it starts in the ordinary way."""
    started = section(container.status, "state", "running").get("startedAt")
    seconds = age(started, now)
    if container.init:
        return ordinary(f"init container {container.name} is running")
    before = section(container.status, "lastState", "terminated")
    if container.status.get("started") is False:
        return _starting_up(container, seconds, events, now)
    answer = _answer(container, events, "Readiness", now, within=seconds)
    told = f": {answer}" if answer else ""
    if seconds > max(PROBE_PATIENCE, budget(section(container.spec, "readinessProbe"))):
        words = f"readiness probe fails, running for {seconds:.0f} s{told}"
        return may_heal(words, Cause.PROBE_FAILING, _unhealthy(container, answer))
    if before and count(container.status, "restartCount"):
        return stopped(container, before, events, now)
    if answer:
        return ordinary(f"readiness probe fails{told}", Cause.PROBE_FAILING, _unhealthy(container, answer))
    return None


def limit_of(container: Container) -> str:
    """`` (limit 64Mi)``, or ``""`` when the container has none."""
    limit = text(section(container.spec, "resources", "limits"), "memory")
    return f" (limit {limit})" if limit else ""


def budget(probe: Object) -> float:
    """Seconds until a probe's first ``failureThreshold`` tries are over (defaults: API reference, Probe)."""
    if not probe:
        return 0.0
    period, tries = count(probe, "periodSeconds", 10), count(probe, "failureThreshold", 3)
    return float(count(probe, "initialDelaySeconds") + period * tries)


def _out_of_memory(container: Container, where: str) -> Trouble:
    limit = text(section(container.spec, "resources", "limits"), "memory")
    step = (
        f"Raise resources.limits.memory of container {container.name} above {limit}, or look for a leak"
        if limit
        else ""
    )
    words = f"out of memory{limit_of(container)}{container.often}"
    return may_heal(words, Cause.OOM_KILLED, f"{where}.reason OOMKilled", next_step=step)


def _starting_up(container: Container, seconds: float, events: Sequence[Object], now: datetime) -> Trouble:
    """Its own failureThreshold × periodSeconds is how long it may take; then the kubelet restarts it."""
    answer = _answer(container, events, "Startup", now, within=LIVENESS_MEMORY)
    evidence = _unhealthy(container, answer)
    told = f": {answer}" if answer else ""
    if answer and count(container.status, "restartCount"):
        words = f"startup probe fails{told}{container.often}"
        return may_heal(words, Cause.STARTUP_PROBE_FAILING, evidence)
    if answer:
        words = f"startup probe has not passed yet{told}"
        return ordinary(words, Cause.STARTUP_PROBE_FAILING, evidence)
    before = section(container.status, "lastState", "terminated")
    again = stopped(container, before, events, now) if before else None
    return again or ordinary("startup probe has not passed yet")


def _killed_by_probe(container: Container, events: Sequence[Object], now: datetime) -> Trouble | None:
    """A restart that the kubelet caused because a probe failed."""
    if not count(container.status, "restartCount"):
        return None
    for probe, cause in (
        ("Liveness", Cause.LIVENESS_RESTARTS),
        ("Startup", Cause.STARTUP_PROBE_FAILING),
    ):
        answer = _answer(container, events, probe, now, within=LIVENESS_MEMORY)
        if answer:
            words = f"{probe.lower()} probe fails: {answer}{container.often}"
            return may_heal(words, cause, _unhealthy(container, answer))
    return None


def _answer(
    container: Container, events: Sequence[Object], probe: str, now: datetime, *, within: float
) -> str:
    """What the container answered the last time that probe failed, ``""`` when it did not lately."""
    for event in reversed(of_container(with_reason(events, "Unhealthy", "ProbeWarning"), container.name)):
        said = _PROBE.match(words_of(event))
        last = seen(event)
        if said and said["probe"] == probe and (last is None or (now - last).total_seconds() <= within + 5):
            often = f" ({times(event)}×)" if times(event) > 1 else ""
            return (shorten(said["answer"], 120) or "no answer") + often
    return ""


def _unhealthy(container: Container, answer: str) -> str:
    return "Event Unhealthy" if answer else container.where("ready")
