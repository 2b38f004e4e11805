"""What somebody may not do: which verb on which kind, where."""

from __future__ import annotations

import re

from allup.diagnosis.causes import Cause
from allup.diagnosis.trouble import Trouble, hopeless
from allup.fields import shorten

_FORBIDDEN = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]*)"'
    r' in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)"| at the cluster scope)?'
)


_GRANTING = re.compile(
    r'user "(?P<user>[^"]*)".*? is attempting to grant RBAC permissions not currently held:\s*(?P<rights>.*)',
    re.S | re.I,
)


def forbidden(message: str) -> Trouble | None:
    """Who lacks which right, from the API server's text; None when it is not about rights.

    A person's rights do not come by waiting. A controller's may (a Role of a component that comes later):
    whoever asks about one says so.
    """
    granting = _GRANTING.search(message)
    if granting:
        words = f"{granting['user']} may not grant rights it has not got: {shorten(granting['rights'])}"
        step = "Let somebody apply the Role who has these rights, or the verb escalate"
        return hopeless(words, Cause.FORBIDDEN, "status 403", next_step=step)
    found = _FORBIDDEN.search(message)
    if not found:
        return None
    kind = found["resource"] + (f".{found['group']}" if found["group"] else "")
    where = f"in namespace {found['namespace']}" if found["namespace"] else "in the whole cluster"
    words = f"{found['user']} may not {found['verb']} {kind} {where}"
    scope = f" -n {found['namespace']}" if found["namespace"] else ""
    step = f"kubectl auth can-i {found['verb']} {kind}{scope}; a Role with that verb is missing"
    return hopeless(shorten(words, 240), Cause.FORBIDDEN, "status 403", next_step=step)
