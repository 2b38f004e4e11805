"""Log-ins to image registries, as docker's config file and Secrets of nodes hold them. Pure.

Source of the form: kubernetes.io, "Pull an Image from a Private Registry"; docker's ``config.json``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from allup.errors import InputError

DOCKER_HUB = "https://index.docker.io/v1/"
"""What docker's config calls the registry that names mean which say none."""

_HUB_NAMES = ("", "docker.io", "index.docker.io", "registry-1.docker.io")


def address(server: str) -> str:
    """The registry as a docker config names it: without scheme and path, Docker Hub by its own name."""
    host = server.strip().removeprefix("https://").removeprefix("http://").partition("/")[0]
    return DOCKER_HUB if host in _HUB_NAMES else host


def of_password(server: str, user: str, password: str, email: str, subject: str) -> str:
    """A docker config with one log-in, as JSON; raises InputError without a user."""
    if not user or ":" in user:
        raise InputError(
            subject,
            "has no user to log in as" if not user else f"the user {user!r} has a colon",
            next_step="",
        )
    entry = {"username": user, "password": password}
    if email:
        entry["email"] = email
    entry["auth"] = base64.b64encode(f"{user}:{password}".encode()).decode()
    return json.dumps({"auths": {address(server): entry}}, sort_keys=True)


def from_docker_config(text: str, label: str, server: str = "") -> str:
    """The log-ins that a docker config holds itself; raises InputError when it holds none of *server*."""
    config = _mapping(text, label)
    helpers = config.get("credHelpers") or {}
    store = config.get("credsStore")
    held = {
        name: entry
        for name, entry in (config.get("auths") or {}).items()
        if isinstance(entry, dict)
        and (entry.get("auth") or entry.get("identitytoken") or entry.get("password"))
    }
    wanted = {name: e for name, e in held.items() if not server or address(name) == address(server)}
    if wanted:
        return json.dumps({"auths": wanted}, sort_keys=True)
    what = f"no log-in to {server}" if server else "no log-in"
    kept_elsewhere = f"It keeps them in the credential store {store or next(iter(helpers.values()), '')}"
    raise InputError(
        label,
        f"holds {what}",
        evidence=kept_elsewhere if store or helpers else "",
        next_step="Give user and password instead, or log in with another --config folder",
    )


def is_of(text: str, server: str, user: str) -> bool:
    """Whether the docker config *text* logs *user* in to *server*."""
    try:
        entry = (_mapping(text, "")["auths"]).get(address(server))
    except (InputError, KeyError, AttributeError):
        return False
    if not isinstance(entry, dict):
        return False
    return bool(credentials(entry)[0] == user or not user)


def credentials(entry: Mapping[str, Any]) -> tuple[str, str]:
    """User and password of one log-in; empty when it has none of its own."""
    if entry.get("username"):
        return str(entry["username"]), str(entry.get("password", ""))
    try:
        user, _, password = base64.b64decode(str(entry.get("auth", ""))).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password


def _mapping(text: str, label: str) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except ValueError as error:
        raise InputError(label, f"is not a docker config: {error}") from None
    if not isinstance(config, dict):
        raise InputError(label, "is not a docker config")
    return config
