"""Names that Kubernetes takes: minikube profiles become names of nodes, so their rule is DNS-1123."""

from __future__ import annotations

import re

from allup import InputError

LONGEST = 63  # the profile is the name of a container or VM, of a node and of a kubeconfig's context
RESERVED = frozenset(
    ("start", "stop", "status", "delete", "config", "open", "profile", "addons", "cache", "logs", "default")
)
"""Words that minikube does not take as a profile: ``pkg/minikube/config/profile.go``."""
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def refuse_impossible_profile(name: str) -> None:
    """Raises InputError, with a name that would do, for what minikube takes and its node then cannot be
    called: with ``reana_0.1.0`` all pods stay pending, and only ``minikube logs`` says why."""
    if name in RESERVED:
        raise InputError(f"minikube profile {name!r}", "is a word that minikube keeps for itself")
    if len(name) > LONGEST or len(name) < 2 or not _SUBDOMAIN.fullmatch(name):
        better = suggestion(name)
        raise InputError(
            f"minikube profile {name!r}",
            "cannot be the name of a node",
            evidence=f"Lower-case letters, digits, '-' and '.', 2 to {LONGEST}, a letter or digit first "
            "and last in each part",
            next_step=f"Call it {better}" if better else "",
        )


def suggestion(name: str) -> str:
    """The nearest name that is a DNS-1123 subdomain; ``""`` when nothing of it can stay.

    >>> suggestion("reana_0.1.0"), suggestion("My REANA"), suggestion("__")
    ('reana-0.1.0', 'my-reana', '')
    """
    parts = re.sub(r"[^a-z0-9.]+", "-", name.lower())[:LONGEST].split(".")
    better = ".".join(part for part in (part.strip("-") for part in parts) if part)
    return better if len(better) > 1 and better != name else ""
