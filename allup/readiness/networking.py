"""Ingresses, network policies, endpoint slices: their effect is their controller's matter."""

from __future__ import annotations

from datetime import datetime

from allup.diagnosis.scene import Neighbours
from allup.fields import Object, items, text
from allup.readiness.verdict import Readiness, ready


def ingress(obj: Object, neighbours: Neighbours, now: datetime) -> Readiness:
    """Ready on existing (a cluster without a controller never gives an address); says whether it has one."""
    found = [
        text(point, "hostname") or text(point, "ip")
        for point in items(obj, "status", "loadBalancer", "ingress")
    ]
    return ready(f"address {', '.join(found)}" if found else "no address yet")
