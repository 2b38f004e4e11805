"""The variables that hold secrets are taken out of the environment before anything runs.

So no child process inherits them (a login program of the kubeconfig, kubectl, …). They are kept for the tasks
of this command line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping

from allup.model.platform import Platform

_names: set[str] = set()
_held: dict[str, str] = {}


def declare(platform: Platform) -> None:
    """The variables that *platform*'s Secrets read are secret from now on."""
    keys = (
        key
        for component in platform.components
        for secret in component.secrets
        for key in secret.keys.values()
    )
    _names.update(name for key in keys if (name := getattr(key, "env", "")))


def take() -> None:
    """Moves them out of this process's environment."""
    for name in _names & os.environ.keys():
        _held[name] = os.environ.pop(name)


def values() -> Mapping[str, str]:
    """What was taken."""
    return dict(_held)


def environ() -> MutableMapping[str, str]:
    """A copy of the environment as it was."""
    return {**_held, **os.environ}
