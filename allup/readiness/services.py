"""Services: one that leads to pods needs an endpoint behind it."""

from __future__ import annotations

from datetime import datetime

from allup.diagnosis import service as diagnosis
from allup.diagnosis.scene import Neighbours
from allup.fields import Object, items, section, text
from allup.readiness.verdict import Readiness, because, not_yet, ready


def service(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Needs a ready endpoint when its selector finds a workload of its component that wants pods; of type
    LoadBalancer it needs an address too. Headless makes no difference.

    What is wrong with the pods behind it is told about their workload: the Service itself has no cause.
    """
    spec, metadata = section(obj, "spec"), section(obj, "metadata")
    kind = text(spec, "type")
    if kind == "ExternalName":
        return ready(f"alias of {text(spec, 'externalName')}")
    selector = section(spec, "selector")
    wanted = selector and neighbours.wants_pods(text(metadata, "namespace"), selector)
    if wanted and not diagnosis.has_endpoint(obj, neighbours):
        trouble = diagnosis.ports(obj, neighbours)
        return because(trouble) if trouble else not_yet("waits for an endpoint")
    if kind == "LoadBalancer" and not items(obj, "status", "loadBalancer", "ingress"):
        return not_yet("waits for an address from the load balancer")
    return ready()
