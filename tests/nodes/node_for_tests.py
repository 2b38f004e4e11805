"""Pods that really run, and what a test does with them."""

from __future__ import annotations

from typing import Any

from allup.cluster import streams
from allup.cluster.streams import CommandResult
from tests.cluster.platforms_for_tests import Instance, Object, deployment, eventually

NAME = "nodes"
IMAGE = "docker.io/local/echo:1"
PORT = 8080
# Two cores and a whole cluster on them: what takes a second here may take many more elsewhere.
PATIENCE = 90.0


def program(name: str, *arguments: str, container: dict[str, Any] | None = None, **spec: Any) -> Object:
    """A Deployment of the tests' program; *container* and *spec* are more of the pod's."""
    made = deployment(name, **spec)
    made["spec"]["template"]["spec"]["containers"] = [
        {"name": "main", "image": IMAGE, "args": list(arguments), **(container or {})}
    ]
    made["spec"]["template"]["spec"].setdefault("terminationGracePeriodSeconds", 1)
    return made


def server(name: str, path: str = "/", **more: Any) -> Object:
    """One that serves, and is ready when *path* is answered well."""
    probe = {"httpGet": {"path": path, "port": PORT}, "periodSeconds": 1}
    container = {"readinessProbe": probe, **more.pop("container", {})}
    return program(name, "serve", str(PORT), name, container=container, **more)


def pod_of(instance: Instance, app: str) -> str:
    """The name of the running pod of that Deployment."""
    found: list[str] = []

    def look() -> bool:
        pods = instance.items("Pod", f"app={app}")
        found[:] = [
            pod["metadata"]["name"]
            for pod in pods
            if not pod["metadata"].get("deletionTimestamp")
            and any(c.get("ready") for c in pod["status"].get("containerStatuses") or ())
        ]
        return bool(found)

    eventually(look, f"a ready pod of {app}", within=PATIENCE)
    return found[0]


def run(instance: Instance, app: str, *command: str) -> CommandResult:
    """That command of the tests' program, run in the pod of *app*."""
    pod = pod_of(instance, app)
    return streams.execute(instance.outside.api, instance.namespace, pod, ["/echo", *command], timeout=30)
