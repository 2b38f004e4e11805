"""What a fault is made of: manifests, what is done to them, what shows that it is there, what to say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tests.cluster.platforms_for_tests import claim as any_claim
from tests.cluster.platforms_for_tests import deployment as any_deployment
from tests.cluster.platforms_for_tests import obj
from tests.cluster.recording.kubelet import FATES

if TYPE_CHECKING:
    from tests.cluster.recording.place import Place

Object = dict[str, Any]

CASE = "$case"
"""Stands for the scenario's name in its objects."""
NAMESPACE = "$namespace"
"""Stands for the namespace, which is the scenario's name too when it is recorded."""
BOUND = {"namespace": NAMESPACE, "name": CASE}
"""The claimRef of a volume that no other claim may take."""
REAL = "the control plane of the sandbox"
"""The source of what the real API server and the real controllers say."""


@dataclass(frozen=True)
class Scene:
    """What a namespace and what belongs to it look like at one moment."""

    objects: Sequence[Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]

    def of_kind(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """The objects of a kind."""
        return [one for one in self.objects if one["kind"] == kind]


Visible = Callable[[Scene], bool]
Step = Callable[["Place"], object]


def in_turn(*steps: Step) -> Step:
    """One step after the other."""

    def all_of_them(place: Place) -> None:
        for step in steps:
            step(place)

    return all_of_them


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One fault, or with an empty *cause* something that is well. *objects* are created in their order, then
    *then* does what else it takes; *visible* says from when on it can be seen, on what the API serves.
    *subject* is the object asked about.

    *refused* is the fault when the answer to creating it (after all others) is the fault; *asked* when the
    answer to some other request is. *guards* come before all else, and are in force when creating *probe* is
    refused. *beside*: cluster-scoped kinds that are recorded as well, *also*: kinds that only *then* makes.
    *seen_after*: seconds between the recording and the moment at which it is judged, during which nothing
    happens. *alone*: it changes something that others would notice. *live*: also brought up by a real run.
    """

    name: str
    family: str
    cause: str
    hopeless: bool
    words: tuple[str, ...]
    subject: str
    guards: tuple[Object, ...] = ()
    probe: Object | None = None
    objects: tuple[Object, ...] = ()
    visible: Visible = lambda scene: True
    source: str = REAL
    then: Step | None = None
    after: Step | None = None
    refused: Object | None = None
    asked: Step | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    seen_after: float = 5.0
    alone: bool = False
    live: bool = False


def filled(value: Any, case: str, namespace: str, more: Mapping[str, str] = MappingProxyType({})) -> Any:
    """*value* with the names in their places, and what *more* says for other words."""
    text = json.dumps(value)
    for word, instead in {CASE: case, NAMESPACE: namespace, **more}.items():
        text = text.replace(word, instead)
    return json.loads(text)


# Objects


def deployment(*, fate: str = "", replicas: int = 1, name: str = CASE, **spec: Any) -> Object:
    """A Deployment; *spec* is more of its pods', *fate* what becomes of them."""
    return any_deployment(name, fault=fate, replicas=replicas, automountServiceAccountToken=False, **spec)


def with_spec(workload: Object, **spec: Any) -> Object:
    """*workload* with more in its own spec."""
    return {**workload, "spec": {**workload["spec"], **spec}}


def container(workload: Object, **fields: Any) -> Object:
    """*workload* with more in its container."""
    changed: Object = json.loads(json.dumps(workload))
    spec = changed["spec"]["template"]["spec"] if "template" in changed["spec"] else changed["spec"]
    spec["containers"][0].update(fields)
    return changed


def pod(*, fate: str = "", name: str = CASE, **spec: Any) -> Object:
    """A bare Pod."""
    workload = deployment(fate=fate, name=name, **spec)
    template = workload["spec"]["template"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": template["metadata"]["labels"]},
        "spec": template["spec"],
    }


def stateful_set(*, fate: str = "", replicas: int = 1, **spec: Any) -> Object:
    """A StatefulSet."""
    workload = deployment(fate=fate, replicas=replicas, **spec)
    return {**workload, "kind": "StatefulSet", "spec": {**workload["spec"], "serviceName": CASE}}


def daemon_set(*, fate: str = "", **spec: Any) -> Object:
    """A DaemonSet."""
    workload = deployment(fate=fate, **spec)
    without = {key: value for key, value in workload["spec"].items() if key != "replicas"}
    return {**workload, "kind": "DaemonSet", "spec": without}


def job(
    *, fate: str = "", backoff_limit: int = 0, more: Mapping[str, Any] | None = None, **spec: Any
) -> Object:
    """A Job; *more* is more of its own spec, *spec* of its pods'."""
    template = deployment(fate=fate, restartPolicy="Never", **spec)["spec"]["template"]
    return obj(
        "Job", CASE, "batch/v1", spec={"backoffLimit": backoff_limit, "template": template, **(more or {})}
    )


def service(name: str = CASE, **spec: Any) -> Object:
    """A Service in front of the Deployment of the scenario."""
    return obj("Service", name, spec={"selector": {"app": CASE}, "ports": [{"port": 80}], **spec})


def claim(name: str = CASE, **spec: Any) -> Object:
    """A claim of one GiB."""
    return any_claim(name, **spec)


def volume(name: str = f"{NAMESPACE}-volume", *, size: str = "1Gi", **spec: Any) -> Object:
    """A PersistentVolume on NFS without a class, unless *spec* says otherwise."""
    source = (
        {} if spec.keys() & {"hostPath", "csi"} else {"nfs": {"server": "192.0.2.10", "path": "/export/home"}}
    )
    return obj(
        "PersistentVolume",
        name,
        spec={
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
            **source,
            **spec,
        },
    )


def mounted(claim_name: str = CASE) -> Object:
    """What of a pod's spec mounts a claim."""
    return {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}]}


# What shows a fault


def event(reason: str, words: str = "") -> Visible:
    """An Event with that reason and those words in its message."""
    return lambda scene: any(
        one.get("reason") == reason and words in (one.get("message") or one.get("note") or "")
        for one in scene.events
    )


def condition(kind: str, type_: str, status: str = "True", reason: str = "") -> Visible:
    """A condition on an object of that kind."""

    def holds(scene: Scene) -> bool:
        return any(
            one["type"] == type_ and one["status"] == status and reason in ("", one.get("reason"))
            for found in scene.of_kind(kind)
            for one in (found.get("status") or {}).get("conditions") or ()
        )

    return holds


def phase(kind: str, wanted: str) -> Visible:
    """An object of that kind in that phase."""
    return lambda scene: any((one.get("status") or {}).get("phase") == wanted for one in scene.of_kind(kind))


def played(scene: Scene) -> bool:
    """Every pod has met its fate, and its controller has noticed."""
    pods = scene.of_kind("Pod")
    noticed = all(
        (one.get("status") or {}).get("observedGeneration", one["metadata"].get("generation"))
        == one["metadata"].get("generation")
        for one in scene.objects
    )
    return bool(pods) and noticed and all(_has_fate(one) for one in pods)


def available(scene: Scene) -> bool:
    """Every Deployment has all the pods it wants."""
    found = scene.of_kind("Deployment")
    return bool(found) and all(
        (one.get("status") or {}).get("availableReplicas", 0) == one["spec"].get("replicas", 1)
        and (one.get("status") or {}).get("observedGeneration") == one["metadata"]["generation"]
        for one in found
    )


def has_slices(scene: Scene) -> bool:
    """The Services have their EndpointSlices."""
    return len(scene.of_kind("EndpointSlice")) >= len(scene.of_kind("Service")) > 0


def deleting(kind: str) -> Visible:
    """An object of that kind on its way out."""
    return lambda scene: any("deletionTimestamp" in one["metadata"] for one in scene.of_kind(kind))


def both(*visible: Visible) -> Visible:
    """All of them at once."""
    return lambda scene: all(one(scene) for one in visible)


def _has_fate(pod_: Mapping[str, Any]) -> bool:
    fate = FATES.get(pod_["metadata"].get("labels", {}).get("allup-fault", ""))
    return fate is None or bool((pod_.get("status") or {}).get("containerStatuses"))


def of_fate(fate: str) -> str:
    """The source of what that fate says."""
    return f"kwok Stage; words: {FATES[fate].source}"


def named(scenarios: Iterable[Scenario]) -> dict[str, Scenario]:
    """By name; a name used twice is an error."""
    known: dict[str, Scenario] = {}
    for scenario in scenarios:
        assert scenario.name not in known, f"two scenarios are called {scenario.name}"
        known[scenario.name] = scenario
    return known
