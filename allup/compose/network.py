"""Where a service listens, as Services and an Ingress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from allup.compose.canonical import port_range
from allup.compose.findings import Taking
from allup.compose.images import Known
from allup.compose.made import Making, Object, Part
from allup.compose.naming import dns_label
from allup.compose.source import Place, refuse

_TYPES = {
    "clusterip": "ClusterIP",
    "nodeport": "NodePort",
    "loadbalancer": "LoadBalancer",
    "headless": "ClusterIP",
}
_NODE_PORTS = range(30000, 32768)


@dataclass(frozen=True)
class Port:
    """A port inside the container, and the one of the machine it was published at (``""``: none)."""

    target: int
    protocol: str = "TCP"
    published: str = ""
    name: str = ""
    app_protocol: str = ""


def ports_of(making: Making, service: str, taking: Taking) -> list[Port]:
    """``ports`` and ``expose``, each port once."""
    found: dict[tuple[int, str], Port] = {}
    for item in taking.items("ports"):
        node = item.take("target")
        assert node is not None
        target = port_range(item.text("target"))
        if target is None or len(target) > 1:
            refuse(node.place, f"the target of a port of {service!r} is {item.text('target')!r} and no port")
        protocol = item.text("protocol", "tcp").upper()
        if protocol not in ("TCP", "UDP", "SCTP"):
            refuse(
                item.node.place, f"the protocol of port {target[0]} of {service!r} is {protocol.lower()!r}"
            )
        published, name = item.text("published"), item.text("name")
        item.take("host_ip")
        item.take("mode")
        port = Port(target[0], protocol, published, name, item.text("app_protocol"))
        found.setdefault((port.target, protocol), port)
        for key, place in item.rest():
            making.findings.left_out(service, f"ports.{key}", "has no counterpart in a Service", "", place)
    for one in taking.texts("expose"):
        written, _, protocol = one.text.partition("/")
        ports = port_range(written)
        if ports is None:
            refuse(one.place, f"{one.text!r} in expose of service {service!r} is no port")
        for number in ports:
            which = (number, protocol.upper() or "TCP")
            found.setdefault(which, Port(*which))
    return list(found.values())


def guessed(known: Known | None) -> list[Port]:
    """The ports that an image is known to listen on."""
    return [Port(port) for port in known.ports] if known else []


def service_objects(
    making: Making,
    part: Part,
    service: str,
    ports: Sequence[Port],
    aliases: Sequence[str],
    labels: Mapping[str, str],
    *,
    stateful: bool,
    where: Place,
) -> list[Object]:
    """The Service of the service, one more for each alias, and the Ingress that a label asks for.

    Its ports are those of the container, which is where other containers knock in Compose as well. A service
    that is named by others and tells no port gets a headless Service: its name leads to the pod.
    """
    name = making.names.objects[service]
    asked = labels.get("kompose.service.type", "").lower()
    if asked and asked not in _TYPES:
        refuse(
            where, f"the label kompose.service.type of {service!r} is {asked!r}, none of {', '.join(_TYPES)}"
        )
    kind = _TYPES.get(asked, "ClusterIP")
    if not ports and kind != "ClusterIP":
        kind = "ClusterIP"
    override = labels.get("kompose.service.name_override")
    names = list(dict.fromkeys((name, *([dns_label(override)] if override else []), *aliases)))
    objects = []
    for number, one in enumerate(names):
        main = number == 0
        spec: Object = {"selector": {"app": name}}
        if main and kind != "ClusterIP":
            spec["type"] = kind
            if policy := labels.get("kompose.service.external-traffic-policy"):
                spec["externalTrafficPolicy"] = policy.capitalize()
        if not ports or asked == "headless":
            spec["clusterIP"] = "None"
        if ports:
            spec["ports"] = _entries(ports, kind if main else "", labels)
        if not ports and stateful:
            spec["clusterIP"] = "None"
        objects.append({"apiVersion": "v1", "kind": "Service", "metadata": {"name": one}, "spec": spec})
    for port in ports:
        if port.published and port.protocol == "TCP":
            title = name if len([p for p in ports if p.published]) == 1 else f"{name} {port.target}"
            making.urls.append((title, f"svc/{name}:{port.target}"))
    if exposed := labels.get("kompose.service.expose"):
        objects.append(_ingress(making, service, name, exposed, ports, labels, where))
    return objects


def _entries(ports: Sequence[Port], kind: str, labels: Mapping[str, str]) -> list[Object]:
    entries: list[Object] = []
    taken: set[tuple[int, str]] = {(p.target, p.protocol) for p in ports}
    for port in ports:
        entry: Object = {"name": _port_name(port), "port": port.target, "targetPort": port.target}
        if port.protocol != "TCP":
            entry["protocol"] = port.protocol
        if port.app_protocol:
            entry["appProtocol"] = port.app_protocol
        if kind == "NodePort":
            wanted = labels.get("kompose.service.nodeport.port") if port is ports[0] else None
            wanted = wanted or (port.published if port.published.isdigit() else None)
            if wanted and int(wanted) in _NODE_PORTS:
                entry["nodePort"] = int(wanted)
        entries.append(entry)
        outside = int(port.published) if port.published.isdigit() else port.target
        if kind == "LoadBalancer" and (outside, port.protocol) not in taken:
            taken.add((outside, port.protocol))
            entries.append({**entry, "name": f"{entry['name'][:9]}-{outside}", "port": outside})
    return entries


def _port_name(port: Port) -> str:
    return dns_label(port.name, longest=15) if port.name else f"{port.protocol.lower()}-{port.target}"


def _ingress(
    making: Making,
    service: str,
    name: str,
    exposed: str,
    ports: Sequence[Port],
    labels: Mapping[str, str],
    where: Place,
) -> Object:
    if not ports:
        refuse(where, f"the label kompose.service.expose of {service!r} needs a port, and it has none")
    backend = {"service": {"name": name, "port": {"number": ports[0].target}}}
    hosts = [""] if exposed.lower() == "true" else [one.strip() for one in exposed.split(",")]
    rules = []
    for one in hosts:
        host, _, path = one.partition("/")
        paths = [{"path": f"/{path}", "pathType": "Prefix", "backend": backend}]
        rules.append({**({"host": host} if host else {}), "http": {"paths": paths}})
    spec: Object = {}
    if ingress_class := labels.get("kompose.service.expose.ingress-class-name"):
        spec["ingressClassName"] = ingress_class
    spec["rules"] = rules
    if secret := labels.get("kompose.service.expose.tls-secret"):
        tls: Object = {"secretName": secret}
        if named := [one.partition("/")[0] for one in hosts if one]:
            tls["hosts"] = named
        spec["tls"] = [tls]
        making.findings.to_do(
            service,
            "labels",
            f"the TLS Secret {secret} has to be there",
            f"kubectl create secret tls {secret} --cert=FILE --key=FILE",
        )
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name},
        "spec": spec,
    }
