"""How soon allup knows that a real pod is ready: from the kubelet's update of its status, as a plain watch of
pods beside allup sees it, to the line in which allup says that its component is ready.

Every component is one bare pod, so no controller stands between the kubelet's word and allup's. Linux and
root; the sandbox has a real node and is this measurement's own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from allup.errors import InputError
from allup.sandbox import Sandboxes
from bench.generated import NAME, apart
from bench.place import Place, busy
from bench.reaction import PlainWatch, lags, told
from tasks.checkout import CHECKOUT

PODS, ROUNDS = 20, 3
_SANDBOX = "bench-real"
_PATH = f"/api/v1/namespaces/{NAME}/pods?watch=true"


def measure(place: Place) -> None:
    """Prints the median and the 95th percentile over pods of several rounds; says why where none can run."""
    sandboxes = Sandboxes(CHECKOUT, os.environ)
    sandboxes.delete(_SANDBOX)
    late: list[float] = []
    try:
        sandbox = sandboxes.up(_SANDBOX, real=True)
        image = next(one for one in sandboxes.images(_SANDBOX) if "/nodeinit:" in one)  # it only waits
        shape = apart(PODS)
        folder = shape.written(place.folder / "real-pods" / NAME)
        for part in shape.parts:
            (folder / f"{part.name}.yaml").write_text(json.dumps(_pod(part.name, image)))
        for _ in range(ROUNDS):
            late += lags(folder, sandbox, PlainWatch(sandbox, _PATH, _ready))
    except InputError as error:
        place.say(f"\nLeft out: real pods. {error}")
        return
    finally:
        sandboxes.delete(_SANDBOX)
    place.say(f"\nFrom the kubelet's word that a pod is ready to allup's line, {len(late)} pods; {busy()}")
    place.say(told(late))


def _pod(name: str, image: str) -> Mapping[str, Any]:
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Never",
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    }
    spec = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def _ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
