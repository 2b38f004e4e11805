"""Whether names resolve inside a pod, whatever tools its image has, in words."""

from __future__ import annotations

import re
from dataclasses import dataclass

SCRIPT = r"""
name=$1
if command -v getent >/dev/null 2>&1; then echo tool getent; getent ahosts "$name"
elif command -v nslookup >/dev/null 2>&1; then echo tool nslookup; nslookup "$name" 2>&1
elif command -v python3 >/dev/null 2>&1; then echo tool python3
  python3 -c 'import socket,sys
for a in sorted({i[4][0] for i in socket.getaddrinfo(sys.argv[1], None)}): print(a)' "$name" 2>&1
elif command -v ping >/dev/null 2>&1; then echo tool ping; ping -c 1 -W 1 "$name" 2>&1 | head -1
else echo tool none; fi
"""
"""Prints ``tool NAME``, then what it said; the name to look up is ``$1``."""

_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_IPV6 = re.compile(r"(?<![0-9a-fA-F:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![0-9a-fA-F:])")


@dataclass(frozen=True)
class Resolved:
    """What a pod made of a name. *addresses* is empty when it does not resolve; *tool* is what was asked,
    ``""`` when the image has none."""

    name: str
    tool: str
    addresses: tuple[str, ...]


def command(name: str) -> tuple[str, ...]:
    """The command to run in the pod."""
    return ("sh", "-c", SCRIPT, "sh", name)


def read(name: str, output: str) -> Resolved:
    """What the script's output means. nslookup's own server, in its first lines, is no answer."""
    first, _, rest = output.strip().partition("\n")
    tool = first.removeprefix("tool ").strip()
    if tool == "none":
        return Resolved(name, "", ())
    if tool == "nslookup":
        _, _, rest = rest.partition("Name:")
    found = [*_IPV4.findall(rest), *_IPV6.findall(rest)]
    return Resolved(name, tool, tuple(dict.fromkeys(found)))


def verdict(resolved: Resolved, service_address: str) -> tuple[bool, str]:
    """Whether all is well, and a sentence. *service_address* is the Service's clusterIP, ``""`` for a name
    that is no Service of ours, ``None`` for one without an address."""
    if not resolved.tool:
        return False, "cannot be looked up: the image has neither getent nor nslookup nor python3 nor ping"
    if not resolved.addresses:
        return False, f"does not resolve (asked with {resolved.tool})"
    said = ", ".join(resolved.addresses)
    if service_address in ("", "None") or service_address in resolved.addresses:
        return True, f"is {said}"
    return False, f"is {said}, but the Service has {service_address}: the pod asks another name server"
