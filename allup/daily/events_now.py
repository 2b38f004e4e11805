"""Kubernetes Events of an instance: listed once, or as they come."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from allup.cluster.watch import Watches
from allup.errors import AllupError, ApiError
from allup.refs import ObjectRef
from allup.run.session import Session

_OF_CLUSTER_SCOPED = "default"  # where the API server keeps Events about objects without a namespace


def list_events(session: Session, namespace: str, refs: Mapping[ObjectRef, str]) -> Sequence[Any]:
    """The Events of the namespace, and those about our cluster-scoped objects where they may be read.

    Raises ApiError when those of the namespace may not be read.
    """
    resource = session.discovery.find("", "Event")
    if resource is None:
        return ()
    found = list(session.objects.list(resource, namespace))
    if namespace != _OF_CLUSTER_SCOPED and any(not ref.namespace for ref in refs):
        try:
            found += session.objects.list(resource, _OF_CLUSTER_SCOPED)
        except ApiError:
            pass  # they are a bonus
    return found


def follow_events(session: Session, namespace: str) -> Iterator[Mapping[str, Any]]:
    """What is there and every Event as it comes or happens again; raises AllupError when the watch ends."""
    news: queue.SimpleQueue[Mapping[str, Any] | AllupError] = queue.SimpleQueue()
    watches = Watches(session.api, selector="", on_failure=news.put, on_note=lambda _: None)
    resource = session.discovery.find("", "Event")
    if resource is None:
        return
    watches.list(resource, namespace)
    for _, event in watches.store.all():
        yield event
    watches.store.listen(lambda _, obj, __: news.put(obj) if obj is not None else None)
    watches.open(resource, namespace)
    try:
        while not session.stop.is_set():
            try:
                one = news.get(timeout=1.0)  # a wait without an end would not hear Ctrl-C everywhere
            except queue.Empty:
                continue
            if isinstance(one, AllupError):
                raise one
            yield one
    finally:
        watches.close()
