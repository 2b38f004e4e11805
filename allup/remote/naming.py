"""How a host and its Minikube are named: what is refused before any program sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from allup.errors import InputError

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*\$?")
_LONGEST_PROFILE, _LONGEST_NAME = 63, 40
RESERVED = frozenset(
    ("start", "stop", "status", "delete", "config", "open", "profile", "addons", "cache", "logs")
)
"""Profile names that are minikube's own commands; only ``minikube profile`` refuses them (1.38)."""


@dataclass(frozen=True)
class Address:
    """Where to log in, as far as it was said: an empty user and a port 0 are left to ssh's configuration."""

    host: str
    user: str = ""
    port: int = 0

    def __str__(self) -> str:
        user, port = f"{self.user}@" if self.user else "", f":{self.port}" if self.port else ""
        return f"{user}[{self.host}]{port}" if ":" in self.host else f"{user}{self.host}{port}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Reads ``[USER@]HOST[:PORT]``, HOST a name, an alias of ssh's configuration, or an address.

        Raises InputError; also for what begins with a dash, which a program would take for a flag.
        """
        user, at, rest = text.rpartition("@")
        bracketed = re.fullmatch(r"\[([^]]*)\](?::(.*))?", rest)
        if bracketed:
            host, port = bracketed[1], bracketed[2]
        elif rest.count(":") == 1:
            host, _, port = rest.partition(":")
        else:
            host, port = rest, None
        fine = _HOST.fullmatch(host) and (not at or _USER.fullmatch(user))
        if not fine or (
            port is not None and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)
        ):
            raise InputError(f"host {text!r}", "is not understood", next_step="Write [USER@]HOST[:PORT]")
        return cls(host, user, int(port or 0))


def valid_profile(name: str) -> str:
    """*name*, a minikube profile; InputError unless it can name a node (DNS-1123 subdomain, RFC 1123)."""
    if name in RESERVED:
        raise InputError(f"minikube profile {name!r}", "is the name of a command of minikube's")
    labels = name.split(".")
    if len(name) < 2 or len(name) > _LONGEST_PROFILE or not all(map(_LABEL.fullmatch, labels)):
        better = _as_name(name, _LONGEST_PROFILE, dots=True)
        raise InputError(
            f"minikube profile {name!r}",
            "a profile's name becomes a node's: 2 to 63 lower-case letters, digits, '-' and '.', each part "
            "beginning and ending with a letter or digit",
            next_step=f"Choose another, such as {better}" if len(better) > 1 and better != name else "",
        )
    return name


def valid_name(name: str) -> str:
    """*name*, a remote's; InputError unless it is a DNS-1123 label of at most 40 characters."""
    if len(name) <= _LONGEST_NAME and _LABEL.fullmatch(name):
        return name
    raise InputError(
        f"remote {name!r}",
        "a name is made of lower-case letters, digits and '-', at most 40 of them, and begins and ends with "
        "a letter or digit",
        next_step=f"Choose another --name, such as {_as_name(name, _LONGEST_NAME) or 'far'}",
    )


def name_of(address: Address, profile: str) -> str:
    """What a remote is called unless it is told: the host's name, and the profile's unless it is the default
    one. Two that come out alike need a name of their own."""
    host = address.host if re.fullmatch(r"[0-9.:a-fA-F]+", address.host) else address.host.partition(".")[0]
    text = host if profile == "minikube" else f"{host}-{profile}"
    return _as_name(text, _LONGEST_NAME) or "far"


def context_of(name: str) -> str:
    """The kubeconfig context, cluster and user of a remote: no other host's is called so."""
    return f"remote-{name}"


def _as_name(text: str, longest: int, *, dots: bool = False) -> str:
    parts = text.lower().split(".") if dots else [text.lower()]
    tidy = [re.sub(r"[^a-z0-9]+", "-", part).strip("-") for part in parts]
    return ".".join(part for part in tidy if part)[:longest].strip("-.")
