"""Services: one that leads to pods needs an endpoint behind it."""

from __future__ import annotations

from datetime import datetime

from allup.readiness.fields import Object, items, section, text
from allup.readiness.verdict import Neighbours, Readiness, not_yet, ready


def service(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Needs a ready endpoint when its selector finds a workload of its component that wants pods; of type
    LoadBalancer it needs an address too. Headless makes no difference."""
    spec, metadata = section(obj, "spec"), section(obj, "metadata")
    kind = text(spec, "type")
    if kind == "ExternalName":
        return ready(f"alias of {text(spec, 'externalName')}")
    selector = section(spec, "selector")
    namespace, name = text(metadata, "namespace"), text(metadata, "name")
    if selector and neighbours.wants_pods(namespace, selector):
        slices = neighbours.endpoint_slices(namespace, name)
        if not any(_is_ready(endpoint) for one in slices for endpoint in items(one, "endpoints")):
            return not_yet("waits for an endpoint")
    if kind == "LoadBalancer" and not items(obj, "status", "loadBalancer", "ingress"):
        return not_yet("waits for an address from the load balancer")
    return ready()


def _is_ready(endpoint: Object) -> bool:
    """An unknown condition means ready (discovery.k8s.io/v1, EndpointConditions)."""
    return section(endpoint, "conditions").get("ready") is not False
