"""What follows from the settings: the values that manifests and templates name."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from allup import InputError, Quantity, live
from k8s.cytomine import database, routes, versions
from k8s.cytomine.settings import Settings

HEAP = 0.6  # of the memory limit: Java 7 puts up to 512 MiB of classes beside its heap
LEAST_HEAP = 256
WAIT_IMAGE = "busybox:1.36"
UPLOADS: Mapping[str, str] = {  # slides are gigabytes: no limit, no copy in between, and time
    "nginx.ingress.kubernetes.io/proxy-body-size": "0",
    "nginx.ingress.kubernetes.io/proxy-read-timeout": "600",
    "nginx.ingress.kubernetes.io/proxy-send-timeout": "600",
    "nginx.ingress.kubernetes.io/proxy-request-buffering": "off",
}


def values(s: Settings, deployed: Collection[str]) -> Mapping[str, Any]:
    """What manifests and templates may name: every setting, and what follows from several."""
    own_ca = makes_certificate(s)
    tls_secret = s.tls_secret or ("cytomine-ingress-tls" if own_ca else "")
    return {
        **{f.name: getattr(s, f.name) for f in fields(s)},
        **database.values(s),
        "public_url": f"{s.protocol}://{s.server_name}",
        "pull_secrets": [{"name": s.image_pull_secret}] if s.image_pull_secret else None,
        "rabbitmq_watermark": int(Quantity(s.rabbitmq_mem_limit).scaled(0.6).amount),
        "router_account": s.service_account or "cytomine-router",
        "wait_image": versions.placed(WAIT_IMAGE, s.registry),
        "core_http": {"path": "/server/ping.json", "port": "http"} if s.core_probe == "http" else None,
        "core_tcp": {"port": "http"} if s.core_probe == "tcp" else None,
        "locations": routes.locations(deployed),
        "uploads": routes.uploads(deployed),
        "tiles": [
            {"name": "cytomine-" + part.replace("_", "-"), "port": port}
            for part, port in routes.TILES.items()
            if part in deployed
        ],
        "ingress_paths": routes.ingress_paths(deployed, s.front),
        "ingress_annotations": {**UPLOADS, **_annotations(s)},
        "ingress_tls": [{"hosts": [s.server_name], "secretName": tls_secret}] if tls_secret else None,
        "ingress_namespace": s.ingress_controller.partition("/")[0] or "ingress-nginx",
        "entered": routes.entered(deployed, s.front) or ["nobody"],
        "host_aliases": _host_aliases(s),
        "public_ca_mount": {"name": "public-ca", "mountPath": "/etc/public-ca", "readOnly": True}
        if own_ca
        else None,
        "public_ca_volume": {
            "name": "public-ca",
            "secret": {
                "secretName": "cytomine-ingress-tls",
                "defaultMode": 0o444,
                "items": [{"key": "ca.crt", "path": "ca.crt"}],
            },
        }
        if own_ca
        else None,
    }


def _host_aliases(s: Settings) -> Any:
    """Inside pods the public name is the Ingress controller's Service, as far as there is one.

    An entry in the pods' own hosts file: no name server of the cluster has to be changed for it.
    """
    if not finds_controller(s):
        return None
    aliases = f"[{{ip: .spec.clusterIP, hostnames: {json.dumps([s.server_name])}}}]"
    return live(f"Service/{s.ingress_controller}", aliases, default=None)


def finds_controller(s: Settings) -> bool:
    """True when the Ingress controller's Service is looked for."""
    return s.ingress and bool(s.ingress_controller)


def makes_certificate(s: Settings) -> bool:
    """True when the Ingress' certificate is made here."""
    return s.protocol == "https" and not s.tls_secret


def heap(s: Settings, prefix: str) -> int:
    """MiB for Java's heap, by the memory limit. Raises InputError when that leaves too little."""
    limit = Quantity(getattr(s, f"{prefix}_mem_limit"))
    mebibytes = int(limit.scaled(HEAP).amount) // 2**20
    if mebibytes < LEAST_HEAP:
        raise InputError(
            f"the setting {prefix}_mem_limit",
            f"{limit} leaves {mebibytes} MiB for Java's heap, and it needs {LEAST_HEAP} to start",
            next_step=f"Give --{prefix}-mem-limit 1Gi or more",
        )
    return mebibytes


def _annotations(s: Settings) -> Mapping[str, str]:
    if not s.ingress_annotations.strip():
        return {}
    try:
        found = json.loads(s.ingress_annotations)
    except ValueError as error:
        raise InputError("the setting ingress_annotations", f"is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise InputError("the setting ingress_annotations", "takes an object")
    return {str(key): str(value) for key, value in found.items()}
