"""Looking into a pod that has no shell or does not stay up.

A running pod is given an ephemeral container (it shares the network and, with the container that is looked
at, the processes). A pod that does not run is copied with its command replaced; the copy carries none of
the original's labels, so no Service and no controller takes it for one of theirs, and is removed at the end.

Both run no longer than an hour, and no lock is taken: a debugger is wanted most while a run is waiting.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from allup.cluster.objects import Objects
from allup.daily.pods import chosen_container
from allup.errors import AllupError, InputError
from allup.model import labels
from allup.refs import ObjectRef
from allup.run.session import Session

IMAGE = "busybox:1.37"
_MARK = "/tmp/.allup-debug-over"
KEEP_RUNNING = (
    "sh",
    "-c",
    f"i=0; while [ $i -lt 3600 ] && [ ! -e {_MARK} ]; do sleep 1; i=$((i+1)); done",
)
OVER = ("touch", _MARK)
"""Ends a container that runs KEEP_RUNNING."""

PATIENCE, PATIENCE_SIMULATED = 120.0, 5.0
"""Seconds until a debugging container has to run; where no process runs it hardly ever will."""
_LOOK_EVERY = 0.2


def ephemeral(pod: Mapping[str, Any], image: str, target: str) -> dict[str, Any]:
    """The container to add to *pod*, of a name of its own, seeing the processes of *target*."""
    taken = {
        c["name"]
        for key in ("containers", "initContainers", "ephemeralContainers")
        for c in pod["spec"].get(key) or ()
    }
    name = next(n for n in (f"debug-{secrets.token_hex(3)}" for _ in range(100)) if n not in taken)
    return {
        "name": name,
        "image": image,
        "command": list(KEEP_RUNNING),
        "targetContainerName": target,
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def copy_of(
    pod: Mapping[str, Any], *, container: str, image: str, platform: str, instance: str
) -> dict[str, Any]:
    """A pod like *pod* in which *container* only waits, without probes and with nothing that would make
    anybody else pick it up. *image*, if given, replaces that container's. Init containers are left out: what
    they hang on is then there to be looked at."""
    metadata = pod["metadata"]
    spec = deepcopy(dict(pod["spec"]))
    for key in ("nodeName", "initContainers", "ephemeralContainers", "hostname", "subdomain", "priority"):
        spec.pop(key, None)
    kept = [c for c in spec["containers"] if c["name"] == container]
    for each in kept:
        for key in ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "args", "ports"):
            each.pop(key, None)
        each["command"] = list(KEEP_RUNNING)
        if image:
            each["image"] = image
    spec["containers"] = kept
    spec["restartPolicy"] = "Never"
    spec["terminationGracePeriodSeconds"] = 1
    spec["activeDeadlineSeconds"] = 3900
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{metadata['name'][:48].rstrip('-.')}-debug-{secrets.token_hex(3)}",
            "namespace": metadata["namespace"],
            "labels": {
                labels.MANAGED_BY: labels.TOOL,
                labels.PART_OF: platform,
                labels.INSTANCE: instance,
                labels.DEBUG_OF: metadata["name"][:63].rstrip("-."),
            },
        },
        "spec": spec,
    }


def add_ephemeral(
    session: Session, pod: Mapping[str, Any], image: str, container: str, patience: float = PATIENCE
) -> str:
    """Adds a debugging container to a running pod and waits until it runs; returns its name.

    Raises InputError and AllupError with the reason it cannot run.
    """
    target = chosen_container(pod, container)
    added = ephemeral(pod, image or IMAGE, target)
    ref = ObjectRef("", "Pod", pod["metadata"]["namespace"], pod["metadata"]["name"])
    path = f"{session.objects.path(ref)}/ephemeralcontainers"
    existing: Sequence[Mapping[str, Any]] = pod["spec"].get("ephemeralContainers") or ()
    body = {"spec": {"ephemeralContainers": [*existing, added]}}
    session.api.request("PATCH", path, (), body, content_type="application/strategic-merge-patch+json")
    await_running(session, ref, added["name"], "ephemeralContainerStatuses", patience)
    return str(added["name"])


def add_copy(
    session: Session, pod: Mapping[str, Any], *, container: str, image: str, platform: str, instance: str
) -> tuple[ObjectRef, str]:
    """Creates the copy and waits until it runs; returns it and the container. It is removed when it fails."""
    target = chosen_container(pod, container)
    if target not in [c["name"] for c in pod["spec"]["containers"]]:
        raise InputError(f"container {target}", "is not one of the pod's main containers")
    body = copy_of(pod, container=target, image=image, platform=platform, instance=instance)
    made = ObjectRef.of(session.objects.create(body))
    try:
        await_running(session, made, target, "containerStatuses")
    except BaseException:
        session.objects.delete(made)
        raise
    return made, target


def await_running(
    session: Session, ref: ObjectRef, container: str, statuses: str, patience: float = PATIENCE
) -> None:
    """Until the container runs; raises AllupError with the reason when it cannot, or after *patience* s."""
    give_up = session.clock.monotonic() + patience
    said = "it has not been started yet"
    while True:
        pod = session.objects.get(ref)
        if pod is None:
            raise AllupError(str(ref), "is gone")
        for status in (pod.get("status") or {}).get(statuses) or ():
            if status["name"] != container:
                continue
            state = status.get("state") or {}
            if "running" in state:
                return
            ended = state.get("terminated")
            if ended:
                raise AllupError(
                    f"debugging container {container}",
                    f"has ended at once ({ended.get('exitCode')}); its image needs sh, sleep and touch",
                    next_step="Choose another with --image",
                )
            waiting = state.get("waiting") or {}
            said = ": ".join(t for t in (waiting.get("reason"), waiting.get("message")) if t) or said
            if waiting.get("reason") in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName"):
                raise AllupError(
                    f"debugging container {container}",
                    f"its image cannot be had ({said})",
                    next_step="Choose another with --image",
                )
        if session.clock.monotonic() > give_up or session.stop.wait(_LOOK_EVERY):
            raise AllupError(f"debugging container {container}", f"does not run: {said}")


def remove(objects: Objects, ref: ObjectRef) -> None:
    """Removes a copy."""
    objects.delete(ref)
