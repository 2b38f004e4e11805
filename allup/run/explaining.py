"""Gathers the evidence for a failure: the last warning event, the last log lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allup.cluster import streams
from allup.cluster.namespaces import namespace_ref
from allup.cluster.store import Store
from allup.diagnosis import Finding
from allup.diagnosis.explain import finding
from allup.errors import AllupError
from allup.readiness import Readiness
from allup.refs import ObjectRef, ShortRef
from allup.run.session import Session
from allup.run.waiting import NotReady

LOG_LINES = 10


def explain(session: Session, store: Store, component: str, not_ready: NotReady, collection: str) -> Finding:
    """Why an object is not ready, with everything the cluster can say about it right now."""
    readiness = not_ready.readiness
    culprit = readiness.culprit or not_ready.ref
    events = [event for ref in {culprit, not_ready.ref} for event in events_of(session, ref)]
    lines = log_lines(session, culprit, store.get(culprit)) if culprit.kind == "Pod" else ()
    message = f"{readiness.message} ({not_ready.why})" if not readiness.hopeless else readiness.message
    return finding(
        not_ready.ref,
        Readiness(readiness.state, message, readiness.cause, readiness.hopeless, readiness.culprit),
        events=events,
        log_lines=lines,
        now=session.clock.now(),
        collection=collection,
        component=component,
    )


def left_over(not_ready: NotReady) -> Sequence[Finding]:
    """The other objects that were not ready at the deadline, by name and state alone."""
    return [
        Finding(
            ref=ref,
            cause=readiness.cause or "not-ready",
            message=readiness.message,
            culprit=readiness.culprit,
        )
        for ref, readiness in not_ready.others
    ]


def of_error(error: AllupError, namespace: str) -> Finding:
    """A request that failed, as a finding."""
    try:
        short = ShortRef.parse(error.subject)
        ref = ObjectRef(short.group, short.kind, short.namespace, short.name)
    except AllupError:
        ref = namespace_ref(namespace)
    return Finding(
        ref=ref,
        cause="request-failed",
        message=f"{error.fact} {error.evidence}".strip(),
        hopeless=True,
        next_step=error.next_step,
    )


def events_of(session: Session, ref: ObjectRef) -> Sequence[Mapping[str, Any]]:
    """The Events about an object, none when they may not be read."""
    resource = session.discovery.find("", "Event")
    if resource is None or not ref.namespace:
        return ()
    query = [("fieldSelector", f"involvedObject.kind={ref.kind},involvedObject.name={ref.name}")]
    try:
        answer = session.api.get(resource.collection(ref.namespace), query)
    except AllupError:
        return ()
    events: Sequence[Mapping[str, Any]] = session.redactor.mask_object(answer.get("items") or ())
    return events


def log_lines(session: Session, pod: ObjectRef, obj: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The last lines of the container that is in trouble, of its last life if this one is silent."""
    statuses = ((obj or {}).get("status") or {}).get("containerStatuses") or ()
    troubled = next((s for s in statuses if not s.get("ready")), None)
    if troubled is None:
        return ()
    for previous in (False, True) if troubled.get("restartCount") else (False,):
        try:
            text = streams.logs(
                session.api,
                pod.namespace,
                pod.name,
                container=troubled["name"],
                tail=LOG_LINES,
                previous=previous,
            )
        except AllupError:
            continue
        if text.strip():
            return tuple(session.redactor.mask(text).splitlines()[-LOG_LINES:])
    return ()
