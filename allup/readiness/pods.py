"""Pods, alone and behind a workload."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from allup.readiness.causes import Cause
from allup.readiness.containers import containers_of, ending, named
from allup.readiness.containers import trouble as container_trouble
from allup.readiness.fields import (
    Object,
    conditions,
    controller,
    count,
    holds,
    section,
    shorten,
    text,
)
from allup.readiness.verdict import Neighbours, Readiness, State, failed, not_yet, ready
from allup.refs import ObjectRef

_NODE_GONE = frozenset(("NodeLost", "NodeShutdown", "Shutdown", "Terminated"))
_EVICTED = frozenset(("Evicted", "Preempting"))
_KUBELET_REFUSED = re.compile(r"^(OutOf\w+|NodeAffinity|UnexpectedAdmissionError)$")
_PREEMPTION = re.compile(r"[.,]?\s+(?:no new claims to deallocate, )?preemption:.*$", re.S)
_NODES = re.compile(r"^\d+/\d+ nodes are available: ")
_CLAIM = re.compile(
    r'unbound immediate PersistentVolumeClaims|persistentvolumeclaim "[^"]*" \S.*|'
    r"didn't find available persistent volumes to bind"
)


def pod(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready by its Ready condition. A pod that ended well is ready only when it was made to end; a pod that
    failed has failed, whoever counts it as finished."""
    phase = text(section(obj, "status"), "phase")
    if phase == "Succeeded":
        made_to_end = section(obj, "spec").get("restartPolicy", "Always") != "Always"
        if made_to_end or controller(obj).get("kind") == "Job":
            return ready("completed")
        return failed("has ended, and nothing starts it again", Cause.COMPLETED)
    if phase == "Failed":
        return _failed(obj)
    if holds(conditions(obj).get("Ready")):
        return ready()
    return trouble(obj, now) or not_yet(_starting(obj))


def trouble(obj: Object, now: datetime) -> Readiness | None:
    """What keeps an active pod from being ready, when there is more to say than that it starts."""
    status = section(obj, "status")
    if text(status, "phase") == "Unknown" or text(status, "reason") == "NodeLost":
        return not_yet("its node does not answer", Cause.NODE_LOST)
    scheduled = conditions(obj).get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return _not_scheduled(text(scheduled, "reason"), text(scheduled, "message"))
    containers = containers_of(obj)
    alone = len(containers) == 1
    found = []
    for container in containers:
        verdict = container_trouble(container, now)
        if verdict:
            found.append(named(verdict, container, alone))
        if container.init and not container.ready:
            break
    if found:
        return min(found, key=_weight)
    gate = conditions(obj).get("Ready", {})
    if text(gate, "reason") == "ReadinessGatesNotReady":
        return not_yet(f"waits for a readiness gate: {shorten(text(gate, 'message'))}")
    return None


def worst(pods: Iterable[Object], now: datetime) -> Readiness | None:
    """The trouble of the worst pod behind a workload, with that pod as culprit; None when there is none.

    Pods on their way out do not count. A pod in phase Failed counts only while no other took its place,
    and is not hopeless: its controller makes another one.
    """
    here = [one for one in pods if "deletionTimestamp" not in section(one, "metadata")]
    active = [one for one in here if text(section(one, "status"), "phase") not in ("Failed", "Succeeded")]
    found = []
    for one in active or here:
        if holds(conditions(one).get("Ready")):
            continue
        verdict = trouble(one, now) if active else _of_a_finished(one)
        if verdict:
            found.append(replace(verdict, culprit=_ref(one)))
    return min(found, key=lambda verdict: (_weight(verdict), verdict.culprit)) if found else None


def _of_a_finished(obj: Object) -> Readiness | None:
    if text(section(obj, "status"), "phase") == "Succeeded":
        return None
    return replace(_failed(obj), state=State.NOT_YET, hopeless=False)


def _weight(verdict: Readiness) -> tuple[bool, bool]:
    return (not verdict.hopeless, not verdict.cause)


def _ref(obj: Object) -> ObjectRef:
    metadata = section(obj, "metadata")
    return ObjectRef("", "Pod", text(metadata, "namespace"), text(metadata, "name"))


def _failed(obj: Object) -> Readiness:
    status = section(obj, "status")
    reason, message = text(status, "reason"), shorten(text(status, "message"))
    if reason in _EVICTED:
        return failed(f"evicted: {message}" if message else "evicted", Cause.EVICTED)
    if reason in _NODE_GONE:
        return failed(f"its node went away: {message or reason}", Cause.NODE_LOST)
    if reason == "DeadlineExceeded":
        return failed("ran longer than activeDeadlineSeconds", Cause.DEADLINE_EXCEEDED)
    if _KUBELET_REFUSED.match(reason):
        return failed(f"refused by its node: {message or reason}", Cause.UNSCHEDULABLE)
    for container in containers_of(obj):
        terminated = section(container.status, "state", "terminated")
        if not terminated or count(terminated, "exitCode") == 0:
            continue
        if text(terminated, "reason") == "OOMKilled":
            return failed(f"container {container.name} ran out of memory", Cause.OOM_KILLED)
        if container.init:
            return failed(f"init container {container.name}: {ending(terminated)}", Cause.INIT_FAILED)
        return failed(f"container {container.name}: {ending(terminated)}", Cause.POD_FAILED)
    return failed(": ".join(word for word in ("failed", reason, message) if word), Cause.POD_FAILED)


def _not_scheduled(reason: str, message: str) -> Readiness:
    if reason == "SchedulingGated":
        return not_yet("is held back by a scheduling gate")
    if _CLAIM.search(message):
        missing = re.search(r'persistentvolumeclaim "([^"]*)" (.*)', message)
        words = f"claim {missing[1]} {missing[2].rstrip('.')}" if missing else "its claim is not bound"
        return not_yet(f"cannot be scheduled: {shorten(_PREEMPTION.sub('', words))}", Cause.CLAIM_PENDING)
    words = _NODES.sub("", _PREEMPTION.sub("", message)).rstrip(". ")
    return not_yet(f"no node fits: {shorten(words)}" if words else "no node fits", Cause.UNSCHEDULABLE)


def _starting(obj: Object) -> str:
    if not section(obj, "spec").get("nodeName"):
        return "is not scheduled yet"
    if text(section(obj, "status"), "phase") == "Running":
        return "runs, not ready yet"
    return "containers are being created"
