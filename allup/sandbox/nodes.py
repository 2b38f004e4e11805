"""Simulated nodes: Node objects that kwok keeps Ready."""

from __future__ import annotations

import platform
from typing import Any

from allup.sandbox.api import ApiServer

LABEL = "type"
LABEL_VALUE = "kwok"
_PATH = "/api/v1/nodes"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


def node(name: str) -> dict[str, Any]:
    """A Node with room for far more pods than a real one: a sandbox is for systems, not for packing."""
    room = {"cpu": "64", "memory": "512Gi", "ephemeral-storage": "4Ti", "pods": "5000"}
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                LABEL: LABEL_VALUE,
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": architecture,
            },
        },
        "status": {
            "allocatable": room,
            "capacity": room,
            "nodeInfo": {"architecture": architecture, "operatingSystem": "linux"},
        },
    }


def names(sandbox: str, count: int) -> list[str]:
    """``<sandbox>-node-1`` and so on."""
    return [f"{sandbox}-node-{number}" for number in range(1, count + 1)]


def ensure(api: ApiServer, wanted: list[str]) -> None:
    """Create those of *wanted* that are missing, delete simulated nodes that are too many."""
    there = {item["metadata"]["name"] for item in _simulated(api)}
    for name in wanted:
        if name not in there:
            api.create(_PATH, node(name))
    for name in there - set(wanted):
        api.delete(f"{_PATH}/{name}")


def free_leases(api: ApiServer) -> None:
    """Let a new kwok take the nodes over at once: it has a new identity every time, and would wait until the
    leases of the one before it expire."""
    for name in _leases(api):
        api.delete(f"{_LEASES}/{name}")


def all_ready(api: ApiServer, wanted: list[str]) -> bool:
    """Whether every one of *wanted* is Ready and in the hands of a kwok.

    Without the latter a node that was Ready before kwok started again would count, and kwok never plays a pod
    that comes before it looks.
    """
    ready = {item["metadata"]["name"] for item in _simulated(api) if _is_ready(item)}
    return set(wanted) <= ready & _leases(api)


def is_ready_since(api: ApiServer, name: str, moment: str) -> bool:
    """Whether the real node *name* is Ready and takes pods, said by its kubelet after *moment* (RFC 3339).

    What is said of a node outlives it: it is still called Ready when its kubelet has just been started again.
    """
    item = api.get(f"{_PATH}/{name}")
    if item is None or item.get("spec", {}).get("taints"):
        return False
    conditions = item.get("status", {}).get("conditions") or []
    return any(
        condition["type"] == "Ready"
        and condition["status"] == "True"
        and condition.get("lastHeartbeatTime", "") >= moment
        for condition in conditions
    )


def call_pods_unready(api: ApiServer, name: str) -> None:
    """Take back that pods of node *name* are ready, which was said when they last ran.

    They are not running now, and a kubelet that has just been started would leave the word standing until it
    has looked at each of them.
    """
    pods = (api.get(f"/api/v1/pods?fieldSelector=spec.nodeName%3D{name}") or {}).get("items") or []
    for pod in pods:
        status = pod.get("status", {})
        if status.get("phase") != "Running":
            continue
        for condition in status.get("conditions") or []:
            if condition["type"] in ("Ready", "ContainersReady"):
                condition.update(status="False", reason="NodeRestarted", message="the node was started again")
        for container in status.get("containerStatuses") or []:
            container.update(ready=False, started=False)
        metadata = pod["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
        api.replace(path, {"apiVersion": "v1", "kind": "Pod", **pod})


def _leases(api: ApiServer) -> set[str]:
    return {item["metadata"]["name"] for item in (api.get(_LEASES) or {}).get("items") or []}


def _simulated(api: ApiServer) -> list[dict[str, Any]]:
    listed = api.get(f"{_PATH}?labelSelector={LABEL}%3D{LABEL_VALUE}") or {}
    return list(listed.get("items") or [])


def _is_ready(item: dict[str, Any]) -> bool:
    conditions = item.get("status", {}).get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
