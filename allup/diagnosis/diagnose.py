"""From one object, or several, to findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from allup.diagnosis import (
    admission,
    custom,
    deletion,
    fullness,
    jobs,
    links,
    pods,
    rollout,
    service,
    storage,
)
from allup.diagnosis.causes import Cause
from allup.diagnosis.events import last_warning, one_line, warnings_about
from allup.diagnosis.finding import Finding
from allup.diagnosis.next_steps import next_step
from allup.diagnosis.scene import Neighbours, Scene
from allup.diagnosis.trouble import Trouble
from allup.fields import Object, count, section
from allup.refs import ObjectRef

_Family = Callable[[Object, Neighbours, datetime], Trouble | None]

_FAMILIES: dict[str, _Family] = {
    "Pod": pods.pod,
    "Deployment.apps": rollout.deployment,
    "ReplicaSet.apps": rollout.replica_set,
    "ReplicationController": rollout.replica_set,
    "StatefulSet.apps": rollout.stateful_set,
    "DaemonSet.apps": rollout.daemon_set,
    "PodDisruptionBudget.policy": rollout.budget,
    "Job.batch": jobs.job,
    "Service": service.service,
    "PersistentVolume": storage.volume,
    "PersistentVolumeClaim": storage.claim,
    "CustomResourceDefinition.apiextensions.k8s.io": custom.custom_resource_definition,
    "APIService.apiregistration.k8s.io": custom.api_service,
}

_DISTANCE = {"Service": 3, "Deployment": 2, "StatefulSet": 2, "DaemonSet": 2, "Job": 2}
"""What is nearer to the root comes first: volumes, claims and pods, then workloads, then Services."""

_SHARED = frozenset(
    (
        *(Cause.IMAGE_INVALID_NAME, Cause.IMAGE_NOT_FOUND, Cause.IMAGE_DENIED, Cause.IMAGE_ARCHITECTURE),
        *(Cause.CONFIG_MISSING, Cause.SERVICE_ACCOUNT_MISSING, Cause.NO_NODES, Cause.STORAGE_CLASS_MISSING),
        *(Cause.WEBHOOK_DOWN, Cause.WEBHOOK_DENIED, Cause.POLICY_DENIED, Cause.LIMIT_RANGE, Cause.QUOTA),
    )
)
"""Causes outside of the object: two objects that say the same have the same root."""

_STOPPED = (Cause.CRASH_LOOP, Cause.INIT_FAILED)
_UNWELL = (Cause.PROBE_FAILING, Cause.STARTUP_PROBE_FAILING, Cause.LIVENESS_RESTARTS)
"""Causes of which the container's own log may know the cause."""


def diagnose(
    subject: ObjectRef, scene: Scene, *, collection: str = "", component: str = ""
) -> Sequence[Finding]:
    """Why *subject* is not right, the root cause first; empty when nothing is wrong as far as seen.

    The first finding is about the object at the root (its *culprit*, when that is not the subject), and
    tells what is wrong only because of it as its consequences. *collection* and *component* are the names a
    person types in ``inv <collection>.logs <component>``.
    """
    obj = scene.get(subject)
    found = trouble(obj, scene, scene.now) if obj is not None else _never_made(subject, scene)
    return (_finding(subject, found, scene, collection, component),) if found else ()


def diagnose_all(
    subjects: Sequence[ObjectRef], scene: Scene, *, collection: str = "", component: str = ""
) -> Sequence[Finding]:
    """Why several objects are not right: those with one root are one finding, hopeless ones first, then
    what has a cause, then in the order given."""
    found = [
        each
        for subject in subjects
        for each in diagnose(subject, scene, collection=collection, component=component)
    ]
    return together(found)


def together(findings: Sequence[Finding]) -> Sequence[Finding]:
    """*findings* with those of one root as one, hopeless ones first, then those with a cause."""
    found = [as_one(group) for group in by_root(findings)]
    return sorted(found, key=lambda f: (not f.hopeless, f.cause in ("", Cause.NOT_READY)))


def by_root(findings: Sequence[Finding]) -> list[list[Finding]]:
    """*findings* in groups that have one root, in the order of their first ones."""
    groups: list[list[Finding]] = []
    for finding in findings:
        group = next((g for g in groups if any(_same_root(one, finding) for one in g)), None)
        if group is None:
            groups.append([finding])
        else:
            group.append(finding)
    return groups


def as_one(group: Sequence[Finding]) -> Finding:
    """A group with one root as one finding: the object nearest to the root leads, the others become its
    consequences."""
    first = min(group, key=lambda f: _DISTANCE.get(f.ref.kind, 1))
    said = [*first.consequences]
    for other in group:
        if other is not first:
            said += [*other.consequences, f"{other.ref.kind}/{other.ref.name} is not ready"]
    kept = [one for one in dict.fromkeys(said) if not _told_better(one, said)]
    return replace(first, consequences=tuple(kept))


def with_logs(finding: Finding, this: Sequence[str], before: Sequence[str], scene: Scene) -> Finding:
    """*finding* with the last lines of its container's present and previous life, and with the finer cause
    that they tell."""
    told = replace(finding, log_lines=tuple(this), previous_lines=tuple(before))
    said = "\n".join((finding.message, *before, *this))
    culprit = finding.culprit or finding.ref
    finer = None
    if finding.cause in _STOPPED:
        finer = links.link_collision(said, culprit.namespace, scene)
    if finer is None and finding.cause in (*_STOPPED, *_UNWELL):
        finer = fullness.full_disk(said, scene.get(culprit) or {})
    if finer is None:
        return told
    return replace(
        told,
        cause=str(finer.cause),
        message=f"{finding.message}; {finer.message}",
        evidence="its log",
        next_step=finer.next_step or finding.next_step,
    )


def trouble(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """What is wrong with an object, as its family says; None when nothing is."""
    going = deletion.deletion(obj, beside, now)
    if going is not None:
        return going
    generation = count(section(obj, "metadata"), "generation")
    kind = str(ObjectRef.of(obj).group_kind)
    observed = section(obj, "status").get("observedGeneration")
    counted = kind in _FAMILIES and kind.endswith(".apps")
    if (isinstance(observed, int) and observed < generation) or (counted and observed is None):
        return rollout.unseen(obj, now)
    return _FAMILIES.get(kind, custom.by_conditions)(obj, beside, now)


def _never_made(subject: ObjectRef, scene: Scene) -> Trouble | None:
    """The object is not there: only Events can say why."""
    return admission.refusal(warnings_about(scene.events(subject), ""))


def _finding(subject: ObjectRef, found: Trouble, scene: Scene, collection: str, component: str) -> Finding:
    culprit = found.culprit if found.culprit != subject else None
    at = culprit or subject
    events = [*scene.events(at), *scene.events(subject)]
    event = last_warning(events, at) or last_warning(events, subject)
    step = found.next_step or next_step(found.cause, at, collection=collection, component=component)
    consequences = found.consequences
    if culprit:
        own = f"{subject.kind}/{subject.name}"
        if not any(one.startswith(f"{own} ") for one in consequences):
            consequences = (*consequences, f"{own} is not ready")
    return Finding(
        ref=subject,
        cause=str(found.cause),
        message=found.message,
        hopeless=found.hopeless,
        last_event=one_line(event, scene.now) if event else "",
        next_step=step,
        culprit=culprit,
        evidence=found.evidence,
        consequences=consequences,
        alike=found.alike,
    )


def _same_root(one: Finding, other: Finding) -> bool:
    if one.cause != other.cause or one.cause in ("", Cause.NOT_READY):
        return False
    return (one.culprit or one.ref) == (other.culprit or other.ref) or (
        one.cause in _SHARED and _without_counts(one) == _without_counts(other)
    )


def _without_counts(finding: Finding) -> str:
    """What it says after ``0/3 pods ready: ``."""
    return finding.message.partition(" pods ready: ")[2] or finding.message


def _told_better(plain: str, said: Sequence[str]) -> bool:
    """``Service/web has no endpoint`` says more than ``Service/web is not ready``."""
    head = plain.removesuffix("is not ready")
    return head != plain and any(one != plain and one.startswith(head) for one in said)
