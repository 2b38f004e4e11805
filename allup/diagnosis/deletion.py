"""Objects that are to go and stay."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from allup.diagnosis import scheduling, storage
from allup.diagnosis.causes import Cause
from allup.diagnosis.scene import Neighbours
from allup.diagnosis.trouble import Trouble, may_heal
from allup.fields import Object, age, conditions, holds, section, shorten, text
from allup.refs import ObjectRef

NAMESPACE_PATIENCE = 30.0
"""Seconds a namespace may still have content before it is called stuck."""

_IN_USE = "kubernetes.io/pvc-protection"
_VOLUME_IN_USE = "kubernetes.io/pv-protection"
_OWNERS = {
    "foregroundDeletion": "the garbage collector, while it deletes what the object owns",
    "orphan": "the garbage collector",
    "kubernetes": "Kubernetes",
    "service.kubernetes.io/load-balancer-cleanup": "the cloud's load balancer controller",
    "batch.kubernetes.io/job-tracking": "the Job controller",
    "external-provisioner.volume.kubernetes.io/finalizer": "the storage provisioner",
    _IN_USE: "Kubernetes, while a pod uses the claim",
    _VOLUME_IN_USE: "Kubernetes, while a claim uses the volume",
}
_LEFT_BEHIND = (
    "NamespaceDeletionDiscoveryFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionContentFailure",
    "NamespaceFinalizersRemaining",
    "NamespaceContentRemaining",
)
_REMAINING = re.compile(r"(?P<what>[\w.-]+?)\.? has (?P<number>\d+) resource instances")
_FINALIZERS = re.compile(r"(?P<what>\S+) in (?P<number>\d+) resource instances")
_DEAD_API = re.compile(r"(?P<group>[\w.-]+/v[\w]+): ")


def deletion(obj: Object, beside: Neighbours, now: datetime, *, wanted: bool = False) -> Trouble | None:
    """What holds an object that is being deleted; None when nobody deletes it. *wanted*: somebody waits for
    it to be there again, so that what will never let it go is hopeless."""
    metadata = section(obj, "metadata")
    phase = text(section(obj, "status"), "phase")
    if not metadata.get("deletionTimestamp") and not (
        obj.get("kind") == "Namespace" and phase == "Terminating"
    ):
        return None
    kind = str(obj.get("kind", ""))
    finalizers = [str(one) for one in metadata.get("finalizers") or ()]
    if kind == "Namespace":
        return _namespace(obj, now)
    if kind == "Pod":
        lost = _on_lost_node(obj, beside, now)
        if lost:
            return lost
    if kind == "PersistentVolumeClaim" and _IN_USE in finalizers:
        users = storage.users_of(obj, beside)
        if users:
            words = f"is being deleted, in use by pod {', '.join(users[:3])}{_more(users)}"
            found = may_heal(words, Cause.CLAIM_IN_USE, f"finalizer {_IN_USE}")
            namespace = text(metadata, "namespace")
            return replace(found, culprit=ObjectRef("", "Pod", namespace, users[0]))
    if kind == "PersistentVolume" and _VOLUME_IN_USE in finalizers and phase == "Bound":
        reference = section(obj, "spec", "claimRef")
        claim = ObjectRef("", "PersistentVolumeClaim", text(reference, "namespace"), text(reference, "name"))
        return replace(_held_by_claim(obj, claim, beside.get(claim), wanted), culprit=claim)
    if finalizers:
        held = ", ".join(finalizers)
        whose = f" ({owner_of(finalizers[0])})"
        words = f"is being deleted, held by {held}{whose}"
        return may_heal(words, Cause.FINALIZER, f"metadata.finalizers {held}")
    return may_heal("is being deleted", Cause.TERMINATING, "metadata.deletionTimestamp")


def owner_of(finalizer: str) -> str:
    """Who has to take a finalizer away, in words."""
    domain = finalizer.partition("/")[0]
    return _OWNERS.get(finalizer, f"the controller of {domain}, if it still runs")


def _held_by_claim(obj: Object, claim: ObjectRef, found: Object | None, wanted: bool) -> Trouble:
    """A volume that goes as soon as its claim does. Nothing takes a deletion back: when somebody keeps the
    claim, waiting for the volume to be well again is in vain."""
    words = f"is being deleted, in use by claim {claim.namespace}/{claim.name}"
    evidence = f"finalizer {_VOLUME_IN_USE}"
    if found is None or section(found, "metadata").get("deletionTimestamp"):
        return may_heal(words, Cause.VOLUME_IN_USE, evidence)
    retained = section(obj, "spec").get("persistentVolumeReclaimPolicy", "Retain") == "Retain"
    data = "the data stays where it is (Retain)" if retained else "ITS DATA GOES TOO (reclaim policy Delete)"
    step = (
        f"Stop what uses the claim, kubectl delete -n {claim.namespace} pvc/{claim.name}: {data}; "
        "the next up makes both again"
    )
    kept = f"{words}, which is kept: it can only go"
    return replace(may_heal(kept, Cause.VOLUME_IN_USE, evidence, next_step=step), hopeless=wanted)


def _on_lost_node(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    lost = scheduling.lost_node(obj, beside)
    if not lost:
        return None
    late = age(section(obj, "metadata").get("deletionTimestamp"), now)
    words = f"is being deleted, and nobody can say that it has ended: {lost}"
    if late:
        words += f"; {late:.0f} s past its grace period"
    name, namespace = text(section(obj, "metadata"), "name"), text(section(obj, "metadata"), "namespace")
    step = f"If the node never comes back: kubectl delete pod {name} -n {namespace} --force --grace-period=0"
    return may_heal(words, Cause.POD_ON_LOST_NODE, "Node status.conditions[Ready]", next_step=step)


def _namespace(obj: Object, now: datetime) -> Trouble:
    """Its conditions, translated: which API cannot be asked, what is left, whose finalizers hold it."""
    known = conditions(obj)
    said = []
    for name in _LEFT_BEHIND:
        if not holds(known.get(name)):
            continue
        message = text(known[name], "message")
        if name == "NamespaceDeletionDiscoveryFailure":
            dead = ", ".join(dict.fromkeys(found["group"] for found in _DEAD_API.finditer(message)))
            said.append(f"the API {dead or shorten(message)} does not answer, so nobody knows what is left")
        elif name == "NamespaceContentRemaining":
            left = [f"{found['number']} {found['what']}" for found in _REMAINING.finditer(message)]
            said.append(f"left: {', '.join(left)}" if left else shorten(message))
        elif name == "NamespaceFinalizersRemaining":
            held = [f"{found['what']} on {found['number']}" for found in _FINALIZERS.finditer(message)]
            said.append(f"held by finalizers: {', '.join(held)}" if held else shorten(message))
        else:
            said.append(shorten(message))
    if not said:
        return may_heal("is being deleted", Cause.TERMINATING, "status.phase Terminating")
    holding = [name for name in _LEFT_BEHIND if holds(known.get(name))]
    late = age(section(obj, "metadata").get("deletionTimestamp"), now) > NAMESPACE_PATIENCE
    stuck = late or holding != ["NamespaceContentRemaining"]  # content remains in every one that goes
    cause = Cause.NAMESPACE_STUCK if stuck else Cause.TERMINATING
    return may_heal(f"is being deleted: {'; '.join(said)}", cause, f"status.conditions {', '.join(holding)}")


def _more(names: list[str]) -> str:
    return f" and {len(names) - 3} more" if len(names) > 3 else ""
