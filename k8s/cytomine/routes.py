"""Which public path leads to which part: the one list behind nginx's configuration and the Ingress."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

SERVICES: Mapping[str, tuple[str, int]] = {
    "web_ui": ("cytomine-web-ui", 8080),
    "core": ("cytomine-core", 8001),
    "ims": ("cytomine-ims", 8081),
    "nginx": ("cytomine-nginx", 80),
}
"""Service and port of each part that a browser reaches, by the prefix of its settings."""

PATHS: Mapping[str, Sequence[str]] = {
    "core": (
        *("/api", "/j_spring_security", "/login", "/logout", "/server", "/session", "/custom-ui", "/static"),
        *("/restApiDoc", "/js/jsondoc", "/css/jsondoc"),
    ),
    "ims": ("/image",),
    "web_ui": ("/",),
}
"""What each part answers. /upload is not here: only nginx' upload module takes it, and hands it on to ims."""

UPLOAD = "/upload"
TILES: Mapping[str, int] = {"iip_official": 8083, "iip_cyto": 8084}
"""The tile servers with their ports. nginx knows them by name as well."""


def locations(deployed: Collection[str]) -> list[dict[str, str]]:
    """What nginx passes on: a path and the address behind it, for the parts in *deployed*."""
    return [
        {"path": path, "upstream": "{}:{}".format(*SERVICES[part])}
        for part, paths in PATHS.items()
        if part in deployed
        for path in paths
    ]


def uploads(deployed: Collection[str]) -> bool:
    """True when something takes uploads: nginx, which stores them, and ims, which is told where."""
    return {"nginx", "ims"} <= set(deployed)


def ingress_paths(deployed: Collection[str], front: str) -> list[dict[str, Any]]:
    """The paths of the Ingress: all of them to nginx (*front* nginx), or each to its part (ingress)."""
    if front == "nginx":
        return [_path("/", "nginx")]
    paths = [_path(path, part) for part, some in PATHS.items() if part in deployed for path in some]
    return ([_path(UPLOAD, "nginx")] if uploads(deployed) else []) + paths


def entered(deployed: Collection[str], front: str) -> list[str]:
    """The Services that the Ingress controller has to reach."""
    reached = ("nginx",) if front == "nginx" else tuple(SERVICES)
    return [SERVICES[part][0] for part in reached if part in deployed]


def _path(path: str, part: str) -> dict[str, Any]:
    service, port = SERVICES[part]
    return {
        "path": path,
        # Spring Security appends to this one: /j_spring_security_check is no sub-path of it.
        "pathType": "ImplementationSpecific" if path == "/j_spring_security" else "Prefix",
        "backend": {"service": {"name": service, "port": {"number": port}}},
    }
