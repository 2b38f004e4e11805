"""Service links: the variables that Kubernetes sets in every container for each Service beside it."""

from __future__ import annotations

import re

from allup.diagnosis.causes import Cause
from allup.diagnosis.scene import Neighbours
from allup.diagnosis.trouble import Trouble, may_heal
from allup.fields import section, text
from allup.refs import GroupKind

_LINK = re.compile(r"tcp://(?P<address>[\d.]+|\[?[0-9a-f:]+\]?):\d+")


def link_collision(said: str, namespace: str, beside: Neighbours) -> Trouble | None:
    """A process that read ``REDIS_PORT=tcp://10.0.0.7:6379``, which Kubernetes sets for a Service of that
    name, as a setting of its own: *said* quotes the address of a Service beside it."""
    addresses = {found["address"] for found in _LINK.finditer(said)}
    for one in beside.of_kind(GroupKind("", "Service")) if addresses else ():
        metadata = section(one, "metadata")
        if metadata.get("namespace") == namespace and text(section(one, "spec"), "clusterIP") in addresses:
            name = text(metadata, "name")
            variable = f"{name.upper().replace('-', '_')}_PORT"
            return may_heal(
                f"reads {variable}, which Kubernetes sets for Service {name}, as a setting of its own",
                Cause.SERVICE_LINK_COLLISION,
                "status.containerStatuses[].lastState.terminated.message",
                next_step=f"Set enableServiceLinks: false in the pod, or rename Service {name}",
            )
    return None
