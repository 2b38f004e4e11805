"""A pod of our own for trials: made, waited for, removed. It ends by itself if we do not come to that."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from allup.cluster.objects import Objects
from allup.errors import AllupError
from allup.model.extras import PodShell, ProbePod
from allup.model.labels import standard_labels
from allup.model.platform import Platform
from allup.refs import ObjectRef
from allup.run.clock import Clock

CONTAINER = "probe"
_EVERY = 0.3


def pod_body(
    probe: ProbePod, platform: Platform, *, name: str, template: Mapping[str, Any]
) -> dict[str, Any]:
    """The pod: the image and pull Secrets of *template*, a sleep, no token, no restart.

    Service variables are on: they hold addresses, for trials that must not depend on name resolution.
    """
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": probe.lifetime,
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": True,
        "containers": [
            {
                "name": CONTAINER,
                "image": template["spec"]["containers"][0]["image"],
                "command": ["sleep", str(probe.lifetime)],
                "securityContext": {"privileged": probe.privileged},
                "resources": {
                    "requests": {"cpu": "50m", "memory": "64Mi"},
                    "limits": {"memory": "128Mi"},
                },
            }
        ],
    }
    if template["spec"].get("imagePullSecrets"):
        spec["imagePullSecrets"] = template["spec"]["imagePullSecrets"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": platform.namespace,
            "labels": standard_labels(platform.name, platform.instance, probe.component),
        },
        "spec": spec,
    }


def shell_body(task: PodShell, platform: Platform, *, name: str) -> dict[str, Any]:
    """The pod of a PodShell, with its claims and as its user; its resources are the namespace's business."""
    template: dict[str, Any] = {"spec": {"containers": [{"image": task.image}]}}
    if task.pull_secret:
        template["spec"]["imagePullSecrets"] = [{"name": task.pull_secret}]
    body = pod_body(ProbePod(image_of="", component=task.component), platform, name=name, template=template)
    spec = body["spec"]
    (container,) = spec["containers"]
    container["imagePullPolicy"] = task.pull_policy
    container["resources"] = {}
    if task.claims:
        volumes = [(f"claim-{number}", claim) for number, claim in enumerate(task.claims)]
        spec["volumes"] = [{"name": n, "persistentVolumeClaim": {"claimName": c}} for n, c in volumes]
        container["volumeMounts"] = [{"name": n, "mountPath": task.claims[c]} for n, c in volumes]
    if task.user is not None:
        spec["securityContext"] = {
            "runAsNonRoot": True,
            "runAsUser": task.user,
            "runAsGroup": task.user,
            "fsGroup": task.user,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return body


@contextmanager
def running(
    objects: Objects, body: Mapping[str, Any], *, clock: Clock, stop: threading.Event, timeout: float
) -> Iterator[Mapping[str, Any]]:
    """The pod while it runs; deleted at the end whatever happens.

    Raises AllupError with what it waits for when it does not run within *timeout* seconds.
    """
    made = objects.create(body)
    ref = ObjectRef.of(body)
    try:
        yield _once_it_runs(objects, ref, clock, stop, timeout)
    finally:
        objects.delete(ref, uid=made["metadata"]["uid"])


def _once_it_runs(
    objects: Objects, ref: ObjectRef, clock: Clock, stop: threading.Event, timeout: float
) -> Mapping[str, Any]:
    limit = clock.monotonic() + timeout
    while True:
        pod = objects.get(ref)
        if pod is None:
            raise AllupError(str(ref), "was deleted while it was needed")
        phase = (pod.get("status") or {}).get("phase")
        if phase == "Running":
            return pod
        if phase in ("Failed", "Succeeded") or clock.monotonic() > limit or stop.wait(_EVERY):
            raise AllupError(str(ref), f"does not run: {_waits_for(pod)}")


def _waits_for(pod: Mapping[str, Any]) -> str:
    status = pod.get("status") or {}
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason"):
            return f"{waiting['reason']} {waiting.get('message', '')}".strip()
    for condition in status.get("conditions") or ():
        if condition.get("status") == "False" and condition.get("message"):
            return str(condition["message"])
    return str(status.get("message") or f"phase {status.get('phase', 'unknown')}")
