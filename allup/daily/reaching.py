"""How to reach what a platform shows to people: its URLs, by every way there is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allup.fields import items, section, text
from allup.model.checks import CheckTarget

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Way:
    """One way: *kind* is forward, ingress, node port or load balancer; *text* the command or the address."""

    kind: str
    text: str


def ways(
    target: CheckTarget,
    service: Object | None,
    ingresses: Sequence[Object],
    nodes: Sequence[Object],
    *,
    collection: str,
    component: str,
    path: str = "",
) -> tuple[Way, ...]:
    """Every way to *path* at *target*, the surest first; none while its Service is not there."""
    if service is None:
        return ()
    port = _port(service, target.port)
    then = f"   # then {path}" if path else ""
    found = [Way("forward", f"inv {collection}.forward {component}{then}")]
    for ingress in ingresses:
        for url in _routes(ingress, target):
            found.append(Way("ingress", url.rstrip("/") + path if path else url))
    scheme = "https" if port.get("port") == 443 or port.get("name") == "https" else "http"
    for entry in items(service, "status", "loadBalancer", "ingress"):
        host = text(entry, "hostname") or text(entry, "ip")
        found.append(Way("load balancer", _url(scheme, host, port.get("port"), path)))
    if port.get("nodePort"):
        found += [Way("node port", _url(scheme, host, port["nodePort"], path)) for host in addresses(nodes)]
    return tuple(found)


def _port(service: Object, wanted: int | str) -> Object:
    ports = items(service, "spec", "ports")
    return next((p for p in ports if wanted in (0, p.get("port"), p.get("name"))), {})


def _routes(ingress: Object, target: CheckTarget) -> Iterator[str]:
    secured = {host for tls in items(ingress, "spec", "tls") for host in tls.get("hosts") or ()}
    entries = items(ingress, "status", "loadBalancer", "ingress")
    address = next((text(e, "hostname") or text(e, "ip") for e in entries), "")
    for rule in items(ingress, "spec", "rules"):
        host = text(rule, "host")
        for path in items(rule, "http", "paths"):
            if text(section(path, "backend", "service"), "name") == target.name and (host or address):
                scheme = "https" if host in secured else "http"
                yield f"{scheme}://{host or address}{text(path, 'path') or '/'}"


def addresses(nodes: Sequence[Object]) -> Iterator[str]:
    """One node is enough: every node answers on a node port. An external address before an internal one."""
    known = [
        (address.get("type") != "ExternalIP", text(address, "address"))
        for node in nodes
        for address in items(node, "status", "addresses")
        if address.get("type") in ("ExternalIP", "InternalIP")
    ]
    if known:
        yield min(known)[1]


def _url(scheme: str, host: str, port: object, path: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[scheme]
    at = shown if port in (usual, None) else f"{shown}:{port}"
    return f"{scheme}://{at}{path or '/'}"
