"""Cytomine's definition, made into objects and files without a cluster; Secrets hold canaries."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from allup import InputError, Platform, config_secret
from allup.configs import render_config
from allup.loading import assemble, live_values, load
from allup.manifests import builtin_scope
from k8s.cytomine import platform as module
from k8s.cytomine.platform import platform
from k8s.cytomine.settings import Settings

FOLDER = Path(module.__file__).parent
Object = dict[str, Any]
EVERYTHING: Mapping[str, Any] = {
    "email_sender": "a@example.org",
    "github_username": "me",
    "protocol": "https",
    "deploy_k8s_router": True,
    "deploy_software_router": True,
    "deploy_slurm": True,
    "allow_privileged": True,
}
"""Settings that switch every component on."""

CANARIES: Mapping[str, Mapping[str, str]] = {
    secret.name: {key: f"canary-{secret.name}-{key}" for key in secret.keys}
    for component in platform(Settings(**EVERYTHING)).components
    for secret in component.secrets
}


def objects(definition: Platform, live: object = None) -> dict[str, Object]:
    """The objects of what is switched on, by kind and name; *live* is what every live value reads."""
    loaded = load(definition, FOLDER)
    made: dict[str, Object] = {}
    for component in loaded.enabled:
        read: dict[Any, object] = dict.fromkeys(live_values(loaded, component.name), live)
        for one in assemble(
            loaded, component.name, live=read, secrets=CANARIES, salt_key=b"\0" * 32, scope=builtin_scope
        ):
            made[f"{one.ref.kind}/{one.ref.name}"] = dict(one.body)
    return made


@cache
def _of(settings: Settings) -> dict[str, Object]:
    return objects(platform(settings))


def with_settings(**settings: Any) -> dict[str, Object]:
    """The objects with those settings; not to be changed."""
    return _of(Settings(**settings))


def pod(found: Mapping[str, Object], name: str) -> Object:
    """The pod of a Deployment or StatefulSet."""
    kind = next(k for k in ("Deployment", "StatefulSet") if f"{k}/{name}" in found)
    spec: Object = found[f"{kind}/{name}"]["spec"]["template"]["spec"]
    return spec


def container(name: str, **settings: Any) -> Object:
    """The one container of a pod, with those settings."""
    (only,) = pod(with_settings(**settings), name)["containers"]
    return dict(only)


def text(name: str, key: str, **settings: Any) -> str:
    """A generated file, as it is in its ConfigMap or Secret."""
    definition = platform(Settings(**settings))
    ((path, values),) = [
        (config.files[key], component.values)
        for component in definition.components
        for config in component.configs
        if config.name == name
    ]
    made = render_config(
        config_secret(name, **{key: path}),
        {path: (FOLDER / "config" / path).read_text()},
        {**definition.values, **values},
        platform="cytomine",
        instance="cytomine",
        component="any",
        namespace="cytomine",
        secrets=CANARIES,
        salt_key=b"\0" * 32,
    )
    return base64.b64decode(made.body["data"][key]).decode()


def refused(**settings: Any) -> str:
    """The sentence with which those settings are refused."""
    with pytest.raises(InputError) as error:
        platform(Settings(**settings))
    return str(error.value)
