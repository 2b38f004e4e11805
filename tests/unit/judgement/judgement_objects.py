"""Objects as the API server gives them, with only what a judgement could look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from allup.diagnosis import NoNeighbours

Json = dict[str, Any]

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
IMAGE = "docker.io/library/web:1"


def ago(seconds: float) -> str:
    """The API's timestamp of so many seconds before NOW."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, status: str = "True", reason: str = "", message: str = "", **more: Any) -> Json:
    return {"type": kind, "status": status, "reason": reason, "message": message, **more}


def thing(
    api_version: str, kind: str, name: str = "web", *, namespaced: bool = True, **sections: Any
) -> Json:
    """Any object; ``metadata`` given is merged into the usual one."""
    metadata = {"name": name, "uid": f"uid-{name}", "generation": 1, "creationTimestamp": ago(10)}
    if namespaced:
        metadata["namespace"] = "demo"
    metadata |= sections.pop("metadata", {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **sections}


def waiting(reason: str, message: str = "", **more: Any) -> Json:
    return {"state": {"waiting": {"reason": reason, "message": message}}, **more}


def running(seconds: float, **more: Any) -> Json:
    return {"state": {"running": {"startedAt": ago(seconds)}}, "started": True, **more}


def ended(code: int, reason: str = "Error", **more: Any) -> Json:
    return {"state": {"terminated": {"exitCode": code, "reason": reason}}, **more}


def crashed(code: int, restarts: int, reason: str = "Error", message: str = "") -> Json:
    """In CrashLoopBackOff after that ending."""
    return waiting(
        "CrashLoopBackOff",
        "back-off 40s restarting failed container=app pod=web-1_demo(uid-web-1)",
        restartCount=restarts,
        lastState={"terminated": {"exitCode": code, "reason": reason, "message": message}},
    )


def pod(
    name: str = "web-1",
    *statuses: Json,
    phase: str = "Pending",
    ready: bool = False,
    spec: Mapping[str, Any] | None = None,
    init: Sequence[Json] = (),
    conditions: Sequence[Json] = (),
    labels: Mapping[str, str] | None = None,
    owner: str = "",
    **status: Any,
) -> Json:
    """A pod that runs on a node, with a container per status; init containers likewise."""
    names = [f"app{index or ''}" for index in range(max(1, len(statuses)))]
    init_names = [f"init{index or ''}" for index in range(len(init))]
    metadata: Json = {"labels": dict(labels or {})}
    if owner:
        metadata["ownerReferences"] = [{"kind": owner, "name": "x", "uid": "uid-owner", "controller": True}]
    return thing(
        "v1",
        "Pod",
        name,
        metadata=metadata,
        spec={
            "nodeName": "node-1",
            "restartPolicy": "Always",
            "containers": [{"name": n, "image": IMAGE} for n in names],
            "initContainers": [{"name": n, "image": IMAGE} for n in init_names],
            **(spec or {}),
        },
        status={
            "phase": phase,
            "conditions": [
                condition("PodScheduled"),
                condition("Ready", "True" if ready else "False"),
                *conditions,
            ],
            "containerStatuses": [
                {"name": n, "image": IMAGE, "ready": ready, "restartCount": 0, **s}
                for n, s in zip(names, statuses, strict=False)
            ],
            "initContainerStatuses": [
                {"name": n, "image": IMAGE, "ready": False, "restartCount": 0, **s}
                for n, s in zip(init_names, init, strict=True)
            ],
            **status,
        },
    )


def unscheduled(message: str, reason: str = "Unschedulable") -> Json:
    one = pod(spec={"nodeName": ""})
    one["status"]["conditions"] = [condition("PodScheduled", "False", reason, message)]
    return one


def gone_soon(obj: Json) -> Json:
    """The same object with a deletionTimestamp."""
    return {**obj, "metadata": {**obj["metadata"], "deletionTimestamp": ago(3)}}


@dataclass
class Beside(NoNeighbours):
    """Neighbours from a table: what each owner's uid owns, and what the Services see."""

    owns: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    slices: Sequence[Json] = ()
    wanted: bool = False
    modes: Mapping[str | None, str] = field(default_factory=dict)

    def owned(self, uid: str, kind: str) -> Sequence[Mapping[str, Any]]:
        return [one for one in self.owns.get(uid, ()) if one["kind"] == kind]

    def pods_matching(self, namespace: str, selector: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        return ()

    def endpoint_slices(self, namespace: str, service: str) -> Sequence[Mapping[str, Any]]:
        return self.slices

    def wants_pods(self, namespace: str, selector: Mapping[str, str]) -> bool:
        return self.wanted

    def binding_mode(self, storage_class: str | None) -> str | None:
        return self.modes.get(storage_class)
