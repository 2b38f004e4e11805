"""``8080:80``: which port of this machine leads to which port behind a Service or a component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allup.errors import InputError, did_you_mean

_CANNOT_BE_CARRIED = ("UDP", "SCTP")


@dataclass(frozen=True)
class PortSpec:
    """*local* None is "the same as the remote one", 0 "any that is free"; *remote* a number or a name."""

    local: int | None
    remote: int | str

    def __str__(self) -> str:
        return str(self.remote) if self.local is None else f"{self.local or ''}:{self.remote}"


def parse(text: str) -> PortSpec:
    """Reads ``80``, ``http``, ``8080:80``, ``8080:http``, ``:80``; raises InputError on anything else."""
    local, colon, remote = text.rpartition(":")
    if not remote or (colon and local and not local.isdigit()):
        raise InputError(
            f"port {text!r}", "is not understood", next_step="Write REMOTE, LOCAL:REMOTE or :REMOTE"
        )
    wanted: int | str = _number(remote, text) if remote.isdigit() else remote
    if not colon:
        return PortSpec(None, wanted)
    return PortSpec(_number(local, text) if local else 0, wanted)


def _number(digits: str, text: str) -> int:
    number = int(digits)
    if not 0 < number < 65_536:
        raise InputError(f"port {text!r}", "a port is a number from 1 to 65535")
    return number


def all_ports(service: Mapping[str, Any] | None, pod: Mapping[str, Any] | None) -> Sequence[PortSpec]:
    """Every TCP port of the Service, else every one that the pod's containers name."""
    entries = (service or {}).get("spec", {}).get("ports") or ()
    found = [p["port"] for p in entries if p.get("protocol", "TCP") not in _CANNOT_BE_CARRIED]
    if not found and pod is not None:
        found = [
            p["containerPort"]
            for c in pod["spec"]["containers"]
            for p in c.get("ports") or ()
            if p.get("protocol", "TCP") not in _CANNOT_BE_CARRIED
        ]
    return [PortSpec(None, int(port)) for port in dict.fromkeys(found)]


def number_on_service(service: Mapping[str, Any] | None, wanted: int | str) -> int | str:
    """For display and the local default: the Service's own number for a port that is named."""
    for port in (service or {}).get("spec", {}).get("ports") or ():
        if wanted == port.get("name"):
            return int(port["port"])
    return wanted


def container_port(service: Mapping[str, Any] | None, pod: Mapping[str, Any], wanted: int | str) -> int:
    """The port in the pod: through the Service's targetPort, names resolved. Raises InputError."""
    if service is not None:
        ports = service["spec"].get("ports") or ()
        for port in ports:
            if wanted in (port["port"], port.get("name")):
                if port.get("protocol", "TCP") in _CANNOT_BE_CARRIED:
                    raise InputError(
                        f"port {wanted} of svc/{service['metadata']['name']}",
                        f"is {port['protocol']}; a port-forward carries TCP only",
                    )
                wanted = port.get("targetPort") or port["port"]
                break
        else:
            known = [str(p.get("name") or p["port"]) for p in ports] + [str(p["port"]) for p in ports]
            raise InputError(
                f"svc/{service['metadata']['name']}",
                f"has no port {wanted}{did_you_mean(str(wanted), known)}",
                next_step=f"It has {', '.join(dict.fromkeys(known))}",
            )
    if isinstance(wanted, int):
        return wanted
    named = {
        str(p["name"]): int(p["containerPort"])
        for c in pod["spec"]["containers"]
        for p in c.get("ports") or ()
        if p.get("name")
    }
    if wanted in named:
        return named[wanted]
    raise InputError(
        f"pod {pod['metadata']['name']}", f"names no port {wanted!r}{did_you_mean(wanted, named)}"
    )
