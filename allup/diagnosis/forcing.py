"""What ``--force`` may do to an object that is stuck, and what is lost by it. Pure.

A finalizer is taken off only if something outside the control plane should have served it; the control
plane's own (a claim's protection, foreground deletion) wait for a cause, and the cause is what goes. A pod
is deleted without its node's word. Nothing else, and nothing that is not ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from allup.diagnosis.deletion import Around, finalizers, known_finalizer, lost_node, put_there_by
from allup.fields import Object, moment, section, text
from allup.refs import ObjectRef, of_kubernetes_itself


@dataclass(frozen=True)
class Forced:
    """One thing to do to exactly this state (*uid*, *version*) of an object.

    *finalizers* are taken off; when there are none, it is a pod that is deleted with a grace period of 0.
    *whose* says who put them there or serves them, or which node was waited for; *lost* what goes with it.
    """

    ref: ObjectRef
    component: str
    uid: str
    version: str
    finalizers: tuple[str, ...]
    whose: str
    lost: str

    def __str__(self) -> str:
        part = f" (component {self.component})" if self.component else ""
        if self.finalizers:
            word = "finalizer" if len(self.finalizers) == 1 else "finalizers"
            what = f"take {word} {', '.join(self.finalizers)} ({self.whose}) off {self.ref}{part}"
        else:
            what = f"delete {self.ref}{part} with grace period 0: {self.whose}"
        return f"{what}. What is lost: {self.lost}"


@dataclass(frozen=True)
class Refused:
    """An object that is stuck, and why force leaves it alone."""

    ref: ObjectRef
    why: str

    def __str__(self) -> str:
        return f"leave {self.ref} alone: {self.why}"


def remedies(
    obj: Object, around: Around, now: datetime, *, component: str, ours: bool
) -> Sequence[Forced | Refused]:
    """What may be done to *obj*, which is stuck, or why nothing is. *ours*: it has our labels, or a
    component declares it as its child."""
    ref = ObjectRef.of(obj)
    metadata = section(obj, "metadata")
    if of_kubernetes_itself(ref.namespace or ref.name):
        return (Refused(ref, "it is in a namespace of Kubernetes itself"),)
    if not ours:
        return (Refused(ref, "it is not ours"),)
    if not metadata.get("deletionTimestamp"):
        return (Refused(ref, "nobody has deleted it yet"),)
    uid, version = text(metadata, "uid"), text(metadata, "resourceVersion")
    found: list[Forced | Refused] = []
    names = [name for name in finalizers(obj) if not _control_planes(name)]
    if names:
        found.append(Forced(ref, component, uid, version, tuple(names), _whose(obj, names), _lost(names)))
    for name in finalizers(obj):
        known = known_finalizer(name)
        if known is not None and known.control_plane and ref.kind != "Namespace":
            found.append(Refused(ref, f"{known.server} takes {name} off by itself {known.when}"))
    if ref.kind == "Pod" and not finalizers(obj):
        found.append(_pod(ref, component, obj, around, now))
    if not found:
        found.append(Refused(ref, "no finalizer of it may be taken off"))
    return found


def _pod(ref: ObjectRef, component: str, pod: Object, around: Around, now: datetime) -> Forced | Refused:
    metadata = section(pod, "metadata")
    node = text(section(pod, "spec"), "nodeName")
    lost = lost_node(pod, around.nodes)
    end = moment(metadata.get("deletionTimestamp"))
    if not lost and end is not None and now < end:
        return Refused(ref, "its grace period is not over")
    whose = f"its node {node} {lost}" if lost else f"its node {node} has not confirmed its end"
    return Forced(
        ref,
        component,
        text(metadata, "uid"),
        text(metadata, "resourceVersion"),
        (),
        whose,
        "if the node lives after all, its processes run on there and may write to its volumes",
    )


def _control_planes(name: str) -> bool:
    known = known_finalizer(name)
    return known is not None and known.control_plane


def _whose(obj: Object, names: Sequence[str]) -> str:
    told = []
    for name in names:
        known = known_finalizer(name)
        by = put_there_by(obj, name)
        told.append(f"of {known.server}" if known else f"put there by {by}" if by else "nobody says whose")
    return ", ".join(dict.fromkeys(told))


def _lost(names: Sequence[str]) -> str:
    told: Mapping[str, None] = dict.fromkeys(
        (known.lost if (known := known_finalizer(name)) and known.lost else _UNKNOWN) for name in names
    )
    return "; ".join(told)


_UNKNOWN = "whatever its owner would have cleaned up elsewhere stays"
