"""Do the names of Ingresses lead to their Ingress, on this machine and in pods? Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allup.fields import items, text
from allup.sandbox.doctor import Finding

Object = Mapping[str, Any]


def of(ingresses: Sequence[Object]) -> Mapping[str, tuple[str, ...]]:
    """The hosts of all rules, each with the addresses that its Ingress was given."""
    found: dict[str, tuple[str, ...]] = {}
    for ingress in ingresses:
        entries = items(ingress, "status", "loadBalancer", "ingress")
        addresses = tuple(text(entry, "ip") or text(entry, "hostname") for entry in entries)
        for rule in items(ingress, "spec", "rules"):
            host = text(rule, "host")
            if host and not host.startswith("*"):
                found.setdefault(host, addresses)
    return found


def here(host: str, expected: Sequence[str], resolved: Sequence[str], nodes: Sequence[str]) -> Finding:
    """Whether *host* leads to its Ingress on this machine; *resolved* is what it leads to now."""
    name = f"name {host}"
    right = [*expected, *nodes]
    if set(resolved) & set(right):
        return Finding(name, "ok", f"leads to {', '.join(resolved)} here")
    line = f"A line in /etc/hosts: {right[0]} {host}" if right else "Its Ingress has no address yet"
    if not resolved:
        return Finding(name, "warn", "leads nowhere on this machine", line)
    if not right:
        return Finding(
            name, "unknown", f"leads to {', '.join(resolved)} here; its Ingress has no address yet"
        )
    return Finding(
        name, "warn", f"leads to {', '.join(resolved)} here, not to the Ingress ({right[0]})", line
    )


def in_pods(host: str, asked: str, exit_code: int | None, said: str) -> Finding:
    """Whether it leads anywhere in a pod, by ``getent hosts`` in the pod *asked* (``""``: none to ask)."""
    name = f"name {host} in pods"
    if not asked:
        return Finding(name, "unknown", "no pod of ours runs that could be asked")
    if exit_code == 0 and said.strip():
        return Finding(name, "ok", f"leads to {said.split()[0]} in {asked}")
    if exit_code == 2:
        remedy = "Use the Service's own name inside, hostAliases, or a hosts entry of CoreDNS"
        return Finding(name, "warn", f"leads nowhere in {asked}", remedy)
    return Finding(name, "unknown", f"{asked} has no getent to ask")
