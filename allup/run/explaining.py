"""Explains what is not ready: the diagnosis over everything that can be read right now, and the last log
lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from allup.cluster.namespaces import namespace_ref
from allup.cluster.store import Store
from allup.diagnosis import Cause, Finding, Recorded, diagnose
from allup.diagnosis.admission import refused
from allup.diagnosis.custom import conversion_failure
from allup.diagnosis.diagnose import as_one, by_root, with_logs
from allup.diagnosis.permission import forbidden
from allup.diagnosis.rollout import evicting
from allup.errors import AllupError, ApiError
from allup.readiness import Readiness, judge
from allup.refs import ObjectRef, ShortRef
from allup.run import evidence
from allup.run.session import Session
from allup.run.waiting import NotReady

_OF_CLUSTER_SCOPED = "default"  # where the API server keeps Events about objects without a namespace


def explain(
    session: Session, store: Store, component: str, not_ready: NotReady, collection: str
) -> Sequence[Finding]:
    """Why a wait ended: the root first, with what is wrong only because of it as its consequences. At a
    deadline the other objects that are not ready follow, by name and state alone."""
    explainer = Explainer(session, store, collection)
    first = explainer.finding(component, not_ready.ref, not_ready.readiness)
    message = first.message if not_ready.readiness.hopeless else f"{first.message} ({not_ready.why})"
    first = replace(first, message=message, hopeless=not_ready.readiness.hopeless)
    others = [explainer.brief(component, ref, readiness) for ref, readiness in not_ready.others]
    mine, *rest = by_root([first, *others])
    # Whatever the wait ended for leads, so that its own words (a grace that is over) are read.
    leading = replace(as_one(mine), ref=first.ref, culprit=as_one(mine).culprit or _other(mine, first))
    leading = replace(leading, message=first.message, hopeless=first.hopeless, log_lines=first.log_lines)
    return [leading, *(as_one(group) for group in rest)] if not_ready.at_deadline else [leading]


class Explainer:
    """Explains objects of one instance. Its Events are read once, and so is what stands around."""

    def __init__(self, session: Session, store: Store, collection: str) -> None:
        self._session = session
        self._store = store
        self._collection = collection
        self._events: dict[str, Sequence[Mapping[str, Any]] | None] = {}
        self._more: dict[ObjectRef, Mapping[str, Any]] = {}

    def finding(self, component: str, ref: ObjectRef, readiness: Readiness) -> Finding:
        """Why an object is not ready, with everything the cluster can say about it right now."""
        found = self._diagnosed(component, ref)
        culprit = (found.culprit if found else readiness.culprit) or ref
        self._read(culprit, found.cause if found else readiness.cause, ref.namespace or culprit.namespace)
        found = self._diagnosed(component, ref) or found or _plain(ref, readiness)
        found = self._with_counts(found, readiness)
        if culprit.kind != "Pod":
            return found
        scene = self._scene(ref)
        this, before = evidence.log_lines(self._session, culprit, scene.get(culprit))
        return with_logs(found, this, before, scene)

    def brief(self, component: str, ref: ObjectRef, readiness: Readiness) -> Finding:
        """The same from what is known already, without logs."""
        found = self._diagnosed(component, ref)
        return self._with_counts(found, readiness) if found else _plain(ref, readiness)

    def _diagnosed(self, component: str, ref: ObjectRef) -> Finding | None:
        names = {"collection": self._collection, "component": component}
        return next(iter(diagnose(ref, self._scene(ref), **names)), None)

    def _with_counts(self, found: Finding, readiness: Readiness) -> Finding:
        """The counts (``0/3 pods ready``) come first, as everywhere else."""
        scene = self._scene(found.ref)
        obj = scene.get(found.ref)
        verdict = judge(obj, scene, scene.now) if obj is not None else readiness
        if verdict.ready or (readiness.cause and verdict.cause != readiness.cause):
            # It has changed since the wait ended; what ended it is told.
            cause = readiness.cause or found.cause
            return replace(found, message=readiness.message, cause=cause)
        return replace(found, message=verdict.message)

    def _read(self, culprit: ObjectRef, cause: str, namespace: str) -> None:
        more = [*evidence.around(self._session, cause, namespace)]
        if culprit.kind == "Pod":
            more += evidence.in_full(self._session, culprit)
        self._more |= {ObjectRef.of(obj): obj for obj in more}

    def _scene(self, ref: ObjectRef) -> Recorded:
        where = ref.namespace or _OF_CLUSTER_SCOPED
        if where not in self._events:
            self._events[where] = evidence.warnings_in(self._session, where)
        return evidence.scene(self._session, self._store, self._events[where], self._more)


def of_error(error: AllupError, namespace: str) -> Finding:
    """A request that failed, as a finding."""
    try:
        short = ShortRef.parse(error.subject)
        ref = ObjectRef(short.group, short.kind, short.namespace, short.name)
    except AllupError:
        ref = namespace_ref(namespace)
    said = " ".join(one for one in (error.fact, *_details(error), error.evidence) if one)
    known = evicting(said) or conversion_failure(said) or forbidden(said) or refused(said)
    return Finding(
        ref=ref,
        cause=known.cause if known else Cause.REQUEST_FAILED,
        message=said,
        hopeless=known.hopeless if known else True,
        next_step=error.next_step or (known.next_step if known else ""),
    )


def _details(error: AllupError) -> Sequence[str]:
    """What a refused eviction says in its details only: which budget forbids it, and by how much."""
    causes = error.details.get("causes") if isinstance(error, ApiError) else None
    if not isinstance(causes, list):
        return ()
    return [str(one.get("message", "")) for one in causes if one.get("reason") == "DisruptionBudget"]


def _plain(ref: ObjectRef, readiness: Readiness) -> Finding:
    """Nothing is wrong but that it is not ready."""
    cause = readiness.cause or Cause.NOT_READY
    return Finding(ref=ref, cause=cause, message=readiness.message, culprit=readiness.culprit)


def _other(group: Sequence[Finding], first: Finding) -> ObjectRef | None:
    """The object nearest to the root when it is not the one that the wait ended for."""
    nearest = as_one(group).ref
    return nearest if nearest != first.ref else None
