"""Names of minikube profiles: a profile is a context, a machine and a node, so it is a DNS-1123 subdomain."""

from __future__ import annotations

import re

from allup.errors import InputError

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_RESERVED = frozenset(
    ("start", "stop", "status", "delete", "config", "open", "profile", "addons", "cache", "logs", "default")
)
_LONGEST, _SHORTEST = 63, 2


def valid(name: str) -> str:
    """*name* itself; InputError unless minikube and Kubernetes both take it.

    minikube starts a profile with a reserved name and refuses only to switch to it, takes upper case, which
    no node may have, and refuses a single character.
    """
    if name in _RESERVED:
        raise InputError(
            f"minikube profile {name!r}", "is a word of minikube's own", next_step="Choose another --profile"
        )
    if _SHORTEST <= len(name) <= _LONGEST and _NAME.fullmatch(name):
        return name
    better = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")
    hint = f" (did you mean {better!r}?)" if better != name and _NAME.fullmatch(better) else ""
    raise InputError(
        f"minikube profile {name!r}",
        "a name is made of 2 to 63 lower-case letters, digits, '-' and '.', and begins and ends with a "
        f"letter or digit{hint}",
        next_step="Choose another --profile",
    )
