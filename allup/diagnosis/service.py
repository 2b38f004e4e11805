"""Services that lead nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from allup.diagnosis import pods
from allup.diagnosis.causes import Cause
from allup.diagnosis.container import containers_of
from allup.diagnosis.scene import WORKLOADS, Neighbours
from allup.diagnosis.trouble import Trouble, hopeless, may_heal, ordinary
from allup.fields import Object, conditions, controller, holds, items, section, text
from allup.refs import GroupKind, ObjectRef


def service(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """Why a Service has no ready endpoint; None when it has one or needs none."""
    spec, metadata = section(obj, "spec"), section(obj, "metadata")
    selector, namespace = section(spec, "selector"), text(metadata, "namespace")
    if not selector or text(spec, "type") == "ExternalName":
        return None
    found = [one for one in beside.pods_matching(namespace, selector) if not _leaves(one)]
    if not found:
        return None if has_endpoint(obj, beside) else _selects_nothing(selector, namespace, beside)
    if any(holds(conditions(one).get("Ready")) for one in found):
        return ports(obj, beside)
    if has_endpoint(obj, beside):
        return None
    behind = pods.worst(found, beside, now)
    name = text(metadata, "name")
    if behind and behind.cause and not behind.ordinary:
        consequence = f"Service/{name} has no endpoint"
        return replace(behind, consequences=(*behind.consequences, consequence))
    why = f": {behind.message}" if behind else ""
    words = f"selects {_pods(len(found))}, none of them ready{why}"
    told = ordinary(words, Cause.SELECTS_UNREADY, "EndpointSlice endpoints[].conditions.ready")
    return replace(told, culprit=behind.culprit if behind else ObjectRef.of(found[0]))


def ports(obj: Object, beside: Neighbours) -> Trouble | None:
    """A port of the Service that its ready pods do not open; None when all are, or no pod is ready."""
    spec, metadata = section(obj, "spec"), section(obj, "metadata")
    found = beside.pods_matching(text(metadata, "namespace"), section(spec, "selector"))
    ready = [one for one in found if not _leaves(one) and holds(conditions(one).get("Ready"))]
    return _ports(spec, ready) if ready else None


def has_endpoint(obj: Object, beside: Neighbours) -> bool:
    """True when a ready endpoint serves at least one port of the Service."""
    metadata = section(obj, "metadata")
    slices = beside.endpoint_slices(text(metadata, "namespace"), text(metadata, "name"))
    has_ports = bool(items(obj, "spec", "ports"))
    return any(
        _is_ready(endpoint)
        for one in slices
        if not (has_ports and one.get("ports") == [] and text(section(obj, "spec"), "clusterIP") != "None")
        for endpoint in items(one, "endpoints")
    )


def _selects_nothing(selector: Object, namespace: str, beside: Neighbours) -> Trouble:
    asked = ", ".join(f"{key}={value}" for key, value in selector.items())
    near = _nearest(selector, namespace, beside)
    told = f"; {near}" if near else ""
    return may_heal(f"selects no pod: {asked} matches none{told}", Cause.SELECTS_NOTHING, "spec.selector")


def _nearest(selector: Object, namespace: str, beside: Neighbours) -> str:
    """The workload whose pods come closest to the selector, and what differs; or why there are no pods."""
    best: tuple[int, str] | None = None
    for kind in WORKLOADS:
        for one in beside.of_kind(GroupKind("apps", kind)):
            if section(one, "metadata").get("namespace") != namespace or controller(one):
                continue
            labels = section(one, "spec", "template", "metadata", "labels")
            short = f"{kind}/{text(section(one, 'metadata'), 'name')}"
            wrong = {key: labels.get(key) for key, value in selector.items() if labels.get(key) != value}
            if not wrong:
                zero = section(one, "spec").get("replicas") == 0
                return f"{short} is scaled to 0" if zero else f"{short} has no pod yet"
            said = ", ".join(f"{key}={value}" if value else f"no {key}" for key, value in wrong.items())
            same = any(key in labels for key in wrong) or len(wrong) < len(selector)
            if same and (best is None or len(wrong) < best[0]):
                best = (len(wrong), f"{short} has {said}")
    return best[1] if best else ""


def _ports(spec: Object, ready: Sequence[Object]) -> Trouble | None:
    """A target port that no container of the ready pods opens."""
    for port in items(spec, "ports"):
        target = port.get("targetPort", port.get("port"))
        protocol = text(port, "protocol") or "TCP"
        opened = [
            one
            for pod in ready
            for container in containers_of(pod)
            for one in items(container.spec, "ports")
            if (text(one, "protocol") or "TCP") == protocol
        ]
        told = ", ".join(
            sorted(
                {
                    f"{one['name']} ({one.get('containerPort')})"
                    if one.get("name")
                    else str(one.get("containerPort"))
                    for one in opened
                }
            )
        )
        if isinstance(target, str) and not any(one.get("name") == target for one in opened):
            words = f"targetPort {target} is no port of its pods: they open {told or 'none by name'}"
            return hopeless(words, Cause.NO_SUCH_PORT, "spec.ports[].targetPort")
        if (
            isinstance(target, int)
            and opened
            and not any(one.get("containerPort") == target for one in opened)
        ):
            words = f"targetPort {target} is opened by no container of its pods: they open {told}"
            return ordinary(words, Cause.NO_SUCH_PORT, "spec.ports[].targetPort")
    return None


def _is_ready(endpoint: Object) -> bool:
    """An unknown condition means ready (discovery.k8s.io/v1, EndpointConditions)."""
    return section(endpoint, "conditions").get("ready") is not False


def _leaves(obj: Object) -> bool:
    ended = text(section(obj, "status"), "phase") in ("Succeeded", "Failed")
    return ended or bool(section(obj, "metadata").get("deletionTimestamp"))


def _pods(number: int) -> str:
    return "1 pod" if number == 1 else f"{number} pods"
