"""What a pod asks for that is not there, or not as it says."""

from __future__ import annotations

from typing import Any

from tests.cluster.recording.scenario import (
    CASE,
    Scenario,
    condition,
    container,
    deployment,
    of_fate,
    played,
)


def _case(
    name: str,
    fate: str,
    cause: str,
    hopeless: bool,
    *words: str,
    live: bool = False,
    objects: Any = (),
    **spec: Any,
) -> Scenario:
    fields = spec.pop("fields", {})
    return Scenario(
        name=name,
        family="configuration",
        cause=cause,
        hopeless=hopeless,
        words=words,
        subject=f"Deployment/{CASE}",
        objects=(*objects, container(deployment(fate=fate, **spec), **fields)),
        visible=played,
        source=of_fate(fate),
        live=live,
    )


def _variable(source: str, object_name: str, key: str) -> dict[str, Any]:
    return {"env": [{"name": "VALUE", "valueFrom": {source: {"name": object_name, "key": key}}}]}


_EMPTY_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings"},
    "data": {"host": "db"},
}
_EMPTY_SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "database"},
    "stringData": {"user": "app"},
}
_CERTIFICATE = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "certificate"},
    "stringData": {"ca.crt": "none"},
}

SCENARIOS = [
    _case(
        "configmap-missing",
        "no-configmap",
        "config-missing",
        True,
        "settings",
        "not found",
        live=True,
        fields={"envFrom": [{"configMapRef": {"name": "settings"}}]},
    ),
    _case(
        "secret-missing",
        "no-secret",
        "config-missing",
        True,
        "database",
        "not found",
        live=True,
        fields=_variable("secretKeyRef", "database", "password"),
    ),
    _case(
        "configmap-key-missing",
        "no-key-in-configmap",
        "config-missing",
        True,
        "port",
        "settings",
        objects=(_EMPTY_MAP,),
        fields=_variable("configMapKeyRef", "settings", "port"),
    ),
    _case(
        "secret-key-missing",
        "no-key-in-secret",
        "config-missing",
        True,
        "password",
        "database",
        objects=(_EMPTY_SECRET,),
        fields=_variable("secretKeyRef", "database", "password"),
    ),
    _case(
        "configmap-to-mount-missing",
        "no-configmap-to-mount",
        "config-missing",
        True,
        "settings",
        live=True,
        volumes=[{"name": "config", "configMap": {"name": "settings"}}],
        fields={"volumeMounts": [{"name": "config", "mountPath": "/etc/app"}]},
    ),
    _case(
        "secret-to-mount-missing",
        "no-secret-to-mount",
        "config-missing",
        True,
        "certificate",
        volumes=[{"name": "tls", "secret": {"secretName": "certificate"}}],
        fields={"volumeMounts": [{"name": "tls", "mountPath": "/etc/tls"}]},
    ),
    _case(
        "secret-key-to-mount-missing",
        "no-key-to-mount",
        "config-missing",
        True,
        "tls.crt",
        objects=(_CERTIFICATE,),
        volumes=[
            {
                "name": "tls",
                "secret": {"secretName": "certificate", "items": [{"key": "tls.crt", "path": "crt"}]},
            }
        ],
        fields={"volumeMounts": [{"name": "tls", "mountPath": "/etc/tls"}]},
    ),
    Scenario(
        name="service-account-missing",
        family="configuration",
        cause="service-account-missing",
        hopeless=False,
        words=("nobody-made-it",),
        subject=f"Deployment/{CASE}",
        objects=(deployment(serviceAccountName="nobody-made-it"),),
        visible=condition("ReplicaSet", "ReplicaFailure"),
        live=True,
    ),
    _case(
        "command-not-in-the-image",
        "command-not-found",
        "command-not-found",
        True,
        "serve",
        "executable file not found",
        live=True,
        fields={"command": ["serve"]},
    ),
    _case(
        "command-path-not-in-the-image",
        "command-is-a-path-that-is-not-there",
        "command-not-found",
        True,
        "/opt/app/serve",
        "no such file",
        fields={"command": ["/opt/app/serve"]},
    ),
    _case(
        "image-runs-as-root-though-forbidden",
        "runs-as-root",
        "container-create",
        True,
        "runAsNonRoot",
        fields={"securityContext": {"runAsNonRoot": True}},
    ),
    _case(
        "runtime-does-not-create-the-container",
        "cannot-create",
        "container-create",
        False,
        "deadline exceeded",
    ),
    _case("network-gives-no-address", "no-sandbox", "container-create", False, "no IP addresses available"),
    _case(
        "runtime-cannot-run-the-container",
        "cannot-run",
        "container-run",
        False,
        "/etc/app",
        "not a directory",
        live=True,
        objects=({**_EMPTY_MAP, "metadata": {"name": CASE}},),
        volumes=[{"name": "config", "configMap": {"name": CASE}}],
        fields={"volumeMounts": [{"name": "config", "mountPath": "/etc/app", "subPath": "host"}]},
    ),
]
