"""A pod, from its node to its last container; and many pods of one workload."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from allup.diagnosis import configuration, image, links, process, scheduling, storage
from allup.diagnosis.causes import Cause
from allup.diagnosis.container import Container, containers_of, ending
from allup.diagnosis.events import warnings_about
from allup.diagnosis.scene import Neighbours
from allup.diagnosis.trouble import Trouble, hopeless, may_heal, ordinary, weight
from allup.fields import Object, conditions, controller, count, holds, section, shorten, text
from allup.refs import ObjectRef

_NODE_GONE = frozenset(("NodeLost", "NodeShutdown", "Shutdown", "Terminated"))
_EVICTED = frozenset(("Evicted", "Preempting"))
_KUBELET_REFUSED = re.compile(r"^(OutOf\w+|NodeAffinity|UnexpectedAdmissionError)$")


def pod(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """What is wrong with a pod that is not ready, whatever its phase; None while it starts in the ordinary
    way, and for one that ended as it was made to."""
    phase = text(section(obj, "status"), "phase")
    if phase == "Succeeded":
        return (
            None if made_to_end(obj) else hopeless("has ended, and nothing starts it again", Cause.COMPLETED)
        )
    if phase == "Failed":
        return ended(obj)
    if holds(conditions(obj).get("Ready")):
        return None
    return trouble(obj, beside, now)


def made_to_end(obj: Object) -> bool:
    """True for a pod whose ending well is its purpose."""
    return (
        section(obj, "spec").get("restartPolicy", "Always") != "Always"
        or controller(obj).get("kind") == "Job"
    )


def trouble(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """What keeps an active pod from being ready, when there is more to say than that it starts."""
    status = section(obj, "status")
    ref = ObjectRef.of(obj)
    if text(status, "phase") == "Unknown" or text(status, "reason") == "NodeLost":
        lost = scheduling.lost_node(obj, beside)
        words = f"its node does not answer{f': {lost}' if lost else ''}"
        return may_heal(words, Cause.NODE_LOST, "status.reason NodeLost")
    scheduled = conditions(obj).get("PodScheduled", {})
    if scheduled.get("status") == "False":
        reason, message = text(scheduled, "reason"), text(scheduled, "message")
        return scheduling.not_scheduled(obj, reason, message, beside, now)
    events = warnings_about(beside.events(ref), text(section(obj, "metadata"), "uid"))
    if not section(obj, "spec").get("nodeName"):
        return scheduling.failed_scheduling(obj, events, beside, now)
    found = _in_containers(obj, events, beside, now)
    if found and (found.hopeless or (found.cause and not found.ordinary)):
        return found
    lost = scheduling.lost_node(obj, beside)
    if lost:
        return may_heal(f"its {lost}", Cause.NODE_LOST, "Node status.conditions[Ready]")
    if _being_made(obj):
        mounts = storage.mounting(obj, events, beside, now) or configuration.without_sandbox(events)
        if mounts:
            return mounts
    if found:
        return found
    gate = conditions(obj).get("Ready", {})
    if text(gate, "reason") == "ReadinessGatesNotReady":
        return ordinary(f"waits for a readiness gate: {shorten(text(gate, 'message'))}")
    return None


def worst(pods: Iterable[Object], beside: Neighbours, now: datetime) -> Trouble | None:
    """The trouble of the worst pod behind a workload, with that pod as culprit; None when there is none.

    Pods on their way out do not count. A pod in phase Failed counts only while no other took its place,
    and is not hopeless: its controller makes another one. Pods with the same trouble are counted.
    """
    here = [one for one in pods if "deletionTimestamp" not in section(one, "metadata")]
    active = [one for one in here if text(section(one, "status"), "phase") not in ("Failed", "Succeeded")]
    found: list[tuple[Trouble, ObjectRef]] = []
    for one in active or here:
        if holds(conditions(one).get("Ready")):
            continue
        said = trouble(one, beside, now) if active else _of_a_finished(one)
        if said:
            found.append((said, ObjectRef.of(one)))
    if not found:
        return None
    first, ref = min(found, key=lambda pair: (weight(pair[0]), pair[1]))
    alike = sum(one.cause == first.cause and one.hopeless == first.hopeless for one, _ in found)
    words = f"{first.message} ({alike} pods)" if alike > 1 and first.cause else first.message
    return replace(first, message=words, culprit=first.culprit or ref, alike=alike)


def ended(obj: Object) -> Trouble:
    """Why a pod is in phase Failed."""
    status = section(obj, "status")
    reason, message = text(status, "reason"), shorten(text(status, "message"))
    where = f"status.reason {reason}" if reason else "status.phase Failed"
    if reason in _EVICTED:
        return hopeless(f"evicted: {message}" if message else "evicted", Cause.EVICTED, where)
    if reason in _NODE_GONE:
        return hopeless(f"its node went away: {message or reason}", Cause.NODE_LOST, where)
    if reason == "DeadlineExceeded":
        return hopeless("ran longer than activeDeadlineSeconds", Cause.DEADLINE_EXCEEDED, where)
    if _KUBELET_REFUSED.match(reason):
        return hopeless(f"refused by its node: {message or reason}", Cause.UNSCHEDULABLE, where)
    for container in containers_of(obj):
        terminated = section(container.status, "state", "terminated")
        if not terminated or count(terminated, "exitCode") == 0:
            continue
        where = f"{container.where('state.terminated')}.exitCode {count(terminated, 'exitCode')}"
        if text(terminated, "reason") == "OOMKilled":
            limit = process.limit_of(container)
            words = f"container {container.name} ran out of memory{limit}"
            return hopeless(words, Cause.OOM_KILLED, where)
        if container.init:
            words = f"init container {container.name}: {ending(terminated)}"
            return hopeless(words, Cause.INIT_FAILED, where)
        return hopeless(f"container {container.name}: {ending(terminated)}", Cause.POD_FAILED, where)
    return hopeless(": ".join(word for word in ("failed", reason, message) if word), Cause.POD_FAILED, where)


def _in_containers(
    obj: Object, events: Sequence[Object], beside: Neighbours, now: datetime
) -> Trouble | None:
    containers = containers_of(obj)
    alone = len(containers) == 1
    found = []
    for container in containers:
        said = _in_container(container, obj, events, beside, now)
        if said:
            found.append(_named(said, container, alone))
        if container.init and not container.ready:
            break
    return min(found, key=weight) if found else None


def _in_container(
    container: Container, obj: Object, events: Sequence[Object], beside: Neighbours, now: datetime
) -> Trouble | None:
    """What keeps the container from being ready, or None while it starts in the ordinary way."""
    if container.ready:
        return None
    state = section(container.status, "state")
    waiting = section(state, "waiting")
    if waiting:
        reason, message = text(waiting, "reason"), text(waiting, "message")
        if reason == "CrashLoopBackOff":
            return _stopped(
                container, section(container.status, "lastState", "terminated"), obj, events, beside, now
            )
        return image.waiting(container, reason, message, events) or configuration.waiting(
            container, reason, message, obj, beside
        )
    terminated = section(state, "terminated")
    if terminated:
        return _stopped(container, terminated, obj, events, beside, now)
    return process.running(container, events, now) if section(state, "running") else None


def _stopped(
    container: Container,
    terminated: Object,
    obj: Object,
    events: Sequence[Object],
    beside: Neighbours,
    now: datetime,
) -> Trouble | None:
    found = process.stopped(container, terminated, events, now)
    if found is None or found.cause not in (Cause.CRASH_LOOP, Cause.INIT_FAILED):
        return found
    collision = None
    if section(obj, "spec").get("enableServiceLinks") is not False:
        namespace = text(section(obj, "metadata"), "namespace")
        collision = links.link_collision(text(terminated, "message"), namespace, beside)
    return replace(collision, message=f"{collision.message}: {found.message}") if collision else found


def _being_made(obj: Object) -> bool:
    """True while no container has been started: the kubelet mounts the volumes first."""
    statuses = [c.status for c in containers_of(obj)]
    return not any(section(status, "state", key) for status in statuses for key in ("running", "terminated"))


def _of_a_finished(obj: Object) -> Trouble | None:
    if text(section(obj, "status"), "phase") == "Succeeded":
        return None
    return replace(ended(obj), hopeless=False)


def _named(said: Trouble, container: Container, alone: bool) -> Trouble:
    """*said* with the container's name when it is not the only one of its pod."""
    if alone or (container.init and said.message.startswith("init container")):
        return said
    return replace(said, message=f"{said.message} (container {container.name})")
