"""Deletes objects and makes them anew, where an immutable field has to change and the component allows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from allup.cluster.watch import Watches
from allup.errors import AllupError
from allup.manifests import Desired
from allup.ordering import in_apply_order, in_delete_order
from allup.refs import ObjectRef
from allup.run.session import Session
from allup.run.waiting import Stopped

_CLAIM = "PersistentVolumeClaim"


def replace_objects(session: Session, watches: Watches, together: Sequence[Desired], deadline: float) -> None:
    """Replaces the objects as one unit. Refused while a pod uses a claim among them: nothing is deleted then.

    Raises AllupError when they do not go by *deadline*.
    """
    refs = [desired.ref for desired in together]
    for ref in refs:
        if ref.kind == _CLAIM and (users := pods_using(session, ref)):
            raise AllupError(
                str(ref),
                f"has to be replaced, but is in use by {', '.join(users)}",
                next_step="Take those components down first",
            )
    for ref in in_delete_order(refs, lambda ref: ref):
        found = session.objects.get(ref)
        if found is not None:
            session.objects.delete(ref, uid=found["metadata"]["uid"])
    for ref in refs:
        _await_gone(session, ref, deadline)
        watches.store.remove(ref)
    by_ref = {desired.ref: desired for desired in together}
    for ref in in_apply_order(refs, lambda ref: ref):
        watches.store.put(session.objects.apply(by_ref[ref].body).obj)


def pods_using(session: Session, claim: ObjectRef) -> tuple[str, ...]:
    """The names of the pods, anybody's, that mount a claim."""
    resource = session.discovery.find("", "Pod")
    pods: Sequence[Any] = session.objects.list(resource, claim.namespace) if resource else ()
    return tuple(
        pod["metadata"]["name"]
        for pod in pods
        if any(
            (volume.get("persistentVolumeClaim") or {}).get("claimName") == claim.name
            for volume in pod["spec"].get("volumes") or ()
        )
    )


def _await_gone(session: Session, ref: ObjectRef, deadline: float) -> None:
    while session.objects.get(ref) is not None:
        if session.clock.monotonic() > deadline:
            raise AllupError(str(ref), "was deleted to be made anew, but does not go")
        if session.stop.wait(0.1):
            raise Stopped
