"""Pods that no node takes, and nodes that went away."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from allup.diagnosis import storage
from allup.diagnosis.causes import Cause
from allup.diagnosis.events import with_reason, words_of
from allup.diagnosis.scene import Neighbours
from allup.diagnosis.trouble import Trouble, may_heal, ordinary
from allup.fields import Object, conditions, items, section, shorten, text
from allup.quantities import Quantity
from allup.refs import GroupKind, ObjectRef

NODE = GroupKind("", "Node")
_CLAIM_KIND = GroupKind("", "PersistentVolumeClaim")

_PREEMPTION = re.compile(r"[.,]?\s+(?:no new claims to deallocate, )?preemption:.*$", re.S)
_NODES = re.compile(r"^(?P<fit>\d+)/(?P<all>\d+) nodes are available: ")
_CLAIM = re.compile(
    r'unbound immediate PersistentVolumeClaims|persistentvolumeclaim "[^"]*" \S.*|'
    r"didn't find available persistent volumes to bind"
)
_ONE_REASON = re.compile(r"(?P<count>\d+) (?P<words>[^,]*(?:\{[^}]*\}[^,]*)*)")
_NOT_READY = re.compile(r"untolerated taint\(?s?\)? ?\{node\.kubernetes\.io/(?:not-ready|unreachable)")
_GONE = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_KINDS: tuple[tuple[Cause, re.Pattern[str]], ...] = (
    (Cause.INSUFFICIENT_RESOURCES, re.compile(r"Insufficient |Too many pods")),
    (
        Cause.NODE_SELECTOR,
        re.compile(
            r"node affinity/selector|node affinity|node selector|topology spread|pod (anti-)?affinity"
        ),
    ),
    (Cause.NO_NODES, re.compile(_NOT_READY.pattern + r"|were unschedulable")),
    (Cause.UNTOLERATED_TAINT, re.compile(r"untolerated taint|had taints? ")),
)
_EXTENDED = ("cpu", "memory", "ephemeral-storage")


def not_scheduled(pod: Object, reason: str, message: str, beside: Neighbours, now: datetime) -> Trouble:
    """Why the scheduler has found no node, from its own words and the nodes that were seen. All of it may
    heal: nodes come, are repaired, and get room."""
    where = f"status.conditions[PodScheduled].reason {reason}" if reason else "Event FailedScheduling"
    if reason == "SchedulingGated":
        return ordinary("is held back by a scheduling gate")
    if _CLAIM.search(message):
        return _unbound(pod, message, where, beside, now)
    bare = _PREEMPTION.sub("", message)
    words = _NODES.sub("", bare).rstrip(". ")
    if "no nodes available" in message:
        return may_heal("no node fits: the cluster has no nodes", Cause.NO_NODES, where)
    cause = _main_cause(words)
    told = f"no node fits: {shorten(words)}" if words else "no node fits"
    if cause is Cause.INSUFFICIENT_RESOURCES:
        return may_heal(told + _missing(pod, beside), cause, where)
    if cause is Cause.NODE_SELECTOR:
        return may_heal(told + _asked_of_nodes(pod), cause, where)
    if cause is Cause.NO_NODES:
        return may_heal(f"{told}: no node is ready" if _NOT_READY.search(words) else told, cause, where)
    if cause is Cause.UNTOLERATED_TAINT and _none_ready(beside):
        return may_heal(f"{told}: no node is ready", Cause.NO_NODES, where)
    if cause is Cause.UNTOLERATED_TAINT:
        return may_heal(told + _taints(pod, beside, words), cause, where)
    return may_heal(told, cause, where)


def failed_scheduling(
    pod: Object, events: Sequence[Object], beside: Neighbours, now: datetime
) -> Trouble | None:
    """The same from the Event alone, for a pod whose status does not tell yet."""
    told = with_reason(events, "FailedScheduling")
    return not_scheduled(pod, "", words_of(told[-1]), beside, now) if told else None


def lost_node(pod: Object, beside: Neighbours) -> str:
    """What is wrong with the pod's node (``node-1 is not ready``, ``node-1 is gone``), or ``""``."""
    name = text(section(pod, "spec"), "nodeName")
    if not name:
        return ""
    node = beside.get(ObjectRef("", "Node", "", name))
    if node is None:
        return f"node {name} is gone" if beside.of_kind(NODE) else ""
    ready = conditions(node).get("Ready", {})
    if ready.get("status") in ("False", "Unknown"):
        return f"node {name} is not ready: {shorten(text(ready, 'message') or text(ready, 'reason'), 80)}"
    return ""


def requests_of(pod: Object) -> dict[str, Decimal]:
    """What a pod asks a node for: its containers together, or its largest init container if that is more."""
    asked: dict[str, Decimal] = {}
    for container in items(pod, "spec", "containers"):
        for name, amount in section(container, "resources", "requests").items():
            asked[name] = asked.get(name, Decimal(0)) + _amount(amount)
    for container in items(pod, "spec", "initContainers"):
        for name, amount in section(container, "resources", "requests").items():
            asked[name] = max(asked.get(name, Decimal(0)), _amount(amount))
    return asked


def _unbound(pod: Object, message: str, where: str, beside: Neighbours, now: datetime) -> Trouble:
    """A claim is in the way: what is wrong with it is the root when it can be told."""
    missing = re.search(r'persistentvolumeclaim "([^"]*)" (.*)', message)
    words = f"claim {missing[1]} {missing[2].rstrip('.')}" if missing else "its claim is not bound"
    told = f"cannot be scheduled: {shorten(_PREEMPTION.sub('', words))}"
    namespace = text(section(pod, "metadata"), "namespace")
    for name in storage.claims_of(pod):
        ref = ObjectRef("", "PersistentVolumeClaim", namespace, name)
        claim = beside.get(ref)
        found = storage.claim(claim, beside, now) if claim else None
        if found and found.cause and found.cause not in (Cause.CLAIM_PENDING, Cause.WAITS_FOR_CONSUMER):
            return replace(
                found,
                message=f"cannot be scheduled: claim {name}: {found.message}",
                culprit=found.culprit or ref,
                consequences=(f"Pod/{text(section(pod, 'metadata'), 'name')} cannot be scheduled",),
            )
    return may_heal(told, Cause.UNBOUND_CLAIM, where)


def _main_cause(words: str) -> Cause:
    """The reason that most nodes give; with as many nodes each, the one that a change of requests mends."""
    most: dict[Cause, int] = {}
    for found in _ONE_REASON.finditer(words):
        said = found["words"]
        cause = next((cause for cause, pattern in _KINDS if pattern.search(said)), None)
        if cause is not None:
            most[cause] = max(most.get(cause, 0), int(found["count"]))
    order = [cause for cause, _ in _KINDS]
    return max(most, key=lambda cause: (most[cause], -order.index(cause))) if most else Cause.UNSCHEDULABLE


def _missing(pod: Object, beside: Neighbours) -> str:
    """How much is missing on the node that has most of it left, as far as nodes and their pods were seen."""
    asked = requests_of(pod)
    nodes = [one for one in beside.of_kind(NODE) if not section(one, "spec").get("unschedulable")]
    told = []
    for name in _EXTENDED:
        if name not in asked or not nodes:
            continue
        free = max(_free(node, name, beside) for node in nodes)
        if asked[name] > free:
            missing = _spelled(name, asked[name] - free)
            told.append(
                f"{missing} {name} missing "
                f"(asks for {_spelled(name, asked[name])}, {_spelled(name, free)} free)"
            )
    if told:
        return "; " + ", ".join(told)
    wanted = [f"{_spelled(name, asked[name])} {name}" for name in _EXTENDED if name in asked]
    return f" (asks for {', '.join(wanted)})" if wanted else ""


def _free(node: Object, name: str, beside: Neighbours) -> Decimal:
    allocatable = _amount(section(node, "status", "allocatable").get(name, "0"))
    node_name = text(section(node, "metadata"), "name")
    used = sum(
        (
            requests_of(pod).get(name, Decimal(0))
            for pod in beside.of_kind(GroupKind("", "Pod"))
            if text(section(pod, "spec"), "nodeName") == node_name
            and text(section(pod, "status"), "phase") not in ("Succeeded", "Failed")
        ),
        Decimal(0),
    )
    return max(Decimal(0), allocatable - used)


def _none_ready(beside: Neighbours) -> bool:
    """True when every node seen has the taint of one that is not ready. The scheduler of 1.36 does not name
    taints any more."""
    nodes = beside.of_kind(NODE)
    return bool(nodes) and all(
        any(text(one, "key") in _GONE for one in items(node, "spec", "taints")) for node in nodes
    )


def _taints(pod: Object, beside: Neighbours, words: str) -> str:
    """The taints that nodes have and the pod does not tolerate, unless the scheduler has named them."""
    if "{" in words:
        return ""
    tolerated = {text(one, "key") for one in items(pod, "spec", "tolerations") if text(one, "key")}
    found = {
        f"{text(one, 'key')}{'=' + text(one, 'value') if text(one, 'value') else ''}:{text(one, 'effect')}"
        for node in beside.of_kind(NODE)
        for one in items(node, "spec", "taints")
        if text(one, "key") not in tolerated and text(one, "effect") != "PreferNoSchedule"
    }
    return f" ({', '.join(sorted(found))})" if found else ""


def _asked_of_nodes(pod: Object) -> str:
    selector = section(pod, "spec", "nodeSelector")
    if selector:
        return f" (asks for {', '.join(f'{key}={value}' for key, value in selector.items())})"
    required = section(
        pod, "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"
    )
    asked = [
        f"{text(one, 'key')} {text(one, 'operator')} {', '.join(map(str, one.get('values') or ()))}".strip()
        for term in items(required, "nodeSelectorTerms")
        for one in items(term, "matchExpressions")
    ]
    return f" (asks for {' and '.join(asked)})" if asked else ""


def _spelled(name: str, amount: Decimal) -> str:
    if name == "cpu":
        return f"{amount.normalize():f}" if amount == amount.to_integral_value() else f"{amount * 1000:.0f}m"
    for suffix, size in (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        if amount >= size:
            value = amount / size
            return f"{value:.0f}{suffix}" if value == value.to_integral_value() else f"{value:.1f}{suffix}"
    return f"{amount:.0f}"


def _amount(value: object) -> Decimal:
    try:
        return Quantity(str(value)).amount
    except ValueError:
        return Decimal(0)
