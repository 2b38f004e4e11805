"""Rollouts that do not get on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cluster.platforms_for_tests import obj
from tests.cluster.recording.families.scheduling import run_there, unmanaged_node
from tests.cluster.recording.scenario import (
    CASE,
    NAMESPACE,
    REAL,
    Scenario,
    both,
    condition,
    container,
    deleting,
    deployment,
    in_turn,
    of_fate,
    played,
    service,
    stateful_set,
    with_spec,
)

if TYPE_CHECKING:
    from tests.cluster.recording.place import Place


_NODE = f"{NAMESPACE}-node"


def new_image(place: Place, kind: str = "Deployment", **labels: str | None) -> None:
    """Another image for the pods, and other labels: an underscore stands for a hyphen."""
    template: dict[str, Any] = {"spec": {"containers": [{"name": "main", "image": "example.invalid/new:2"}]}}
    if labels:
        template["metadata"] = {"labels": {name.replace("_", "-"): value for name, value in labels.items()}}
    place.patch(f"{kind}/{CASE}", {"spec": {"template": template}})


def _hang_with_the_old_pod(place: Place) -> None:
    """The kubelet of the old pod does not end it."""
    old = place.wait_for("Pod", lambda pod: True)
    run_there(place, old["metadata"]["name"])
    place.until_ready(f"Deployment/{CASE}")
    new_image(place)


def _pause(place: Place) -> None:
    place.until_ready(f"Deployment/{CASE}")
    place.patch(f"Deployment/{CASE}", {"spec": {"paused": True}})
    new_image(place)


def _mend_the_template(place: Place) -> None:
    place.until_seen(played, "the first pod to crash")
    new_image(place, "StatefulSet", allup_fault=None)


def _evict(place: Place) -> None:
    place.until(lambda: place.allowed_disruptions() == 0, "the budget to be counted")
    [name] = place.names("Pod")
    place.evict(name)


def _late(scene: Any) -> bool:
    return bool(scene.of_kind("Deployment"))


SCENARIOS = [
    Scenario(
        name="rollout-passes-its-deadline",
        family="rollout",
        cause="progress-deadline",
        hopeless=False,
        words=("1 s",),
        subject=f"Deployment/{CASE}",
        objects=(with_spec(deployment(fate="silent"), progressDeadlineSeconds=1),),
        visible=both(played, condition("Deployment", "Progressing", "False", "ProgressDeadlineExceeded")),
        source=f"the control plane of the sandbox; pod status: {of_fate('silent')}",
        live=True,
    ),
    Scenario(
        name="rollout-paused",
        family="rollout",
        cause="paused",
        hopeless=False,
        words=("paused",),
        subject=f"Deployment/{CASE}",
        objects=(deployment(),),
        then=_pause,
        visible=condition("Deployment", "Progressing", "Unknown", "DeploymentPaused"),
    ),
    Scenario(
        name="deployment-paused-from-the-start",
        family="rollout",
        cause="paused",
        hopeless=False,
        words=("paused",),
        subject=f"Deployment/{CASE}",
        objects=(with_spec(deployment(), paused=True),),
        visible=condition("Deployment", "Progressing", "Unknown", "DeploymentPaused"),
        live=True,
    ),
    Scenario(
        name="controllers-silent",
        family="rollout",
        cause="controller-silent",
        hopeless=False,
        words=("controller",),
        subject=f"Deployment/{CASE}",
        then=in_turn(lambda place: place.freeze_controllers(), lambda place: place.create(deployment())),
        also=("Deployment", "ReplicaSet", "Pod"),
        after=lambda place: place.thaw_controllers(),
        visible=_late,
        seen_after=60,
        source="the API server of the sandbox, its controller manager stopped with SIGSTOP",
        alone=True,
    ),
    Scenario(
        name="old-pod-does-not-leave",
        family="rollout",
        cause="old-pods-stay",
        hopeless=False,
        words=("old",),
        subject=f"Deployment/{CASE}",
        objects=(
            unmanaged_node(_NODE),
            with_spec(
                deployment(terminationGracePeriodSeconds=1, nodeName=_NODE), strategy={"type": "Recreate"}
            ),
        ),
        then=_hang_with_the_old_pod,
        after=lambda place: place.delete(f"Node/{_NODE}"),
        visible=deleting("Pod"),
        source=f"{REAL}; the recorder wrote the Node and the pod's first status in place of a kubelet, which "
        "then did nothing",
        seen_after=60,
        alone=True,
    ),
    Scenario(
        name="budget-forbids-the-eviction",
        family="rollout",
        cause="disruption-budget",
        hopeless=False,
        words=(CASE,),
        subject=f"Deployment/{CASE}",
        objects=(
            obj(
                "PodDisruptionBudget",
                CASE,
                "policy/v1",
                spec={"minAvailable": 1, "selector": {"matchLabels": {"app": CASE}}},
            ),
            deployment(),
        ),
        then=lambda place: place.until_ready(f"Deployment/{CASE}"),
        asked=_evict,
    ),
    Scenario(
        name="statefulset-stuck-on-its-old-revision",
        family="rollout",
        cause="old-revision",
        hopeless=False,
        words=("old revision", "exit code 3"),
        subject=f"StatefulSet/{CASE}",
        objects=(service(clusterIP="None"), stateful_set(fate="crash-exit-3")),
        then=_mend_the_template,
        visible=lambda scene: any(
            one["status"].get("updateRevision") != one["status"].get("currentRevision")
            for one in scene.of_kind("StatefulSet")
        ),
        source=f"the control plane of the sandbox; pod status: {of_fate('crash-exit-3')}",
    ),
    Scenario(
        name="new-revision-crashes-while-the-old-runs",
        family="rollout",
        cause="crash-loop",
        hopeless=False,
        words=("exit code 3",),
        subject=f"Deployment/{CASE}",
        objects=(container(deployment(replicas=2), imagePullPolicy="IfNotPresent"),),
        then=in_turn(
            lambda place: place.until_ready(f"Deployment/{CASE}"),
            lambda place: new_image(place, allup_fault="crash-exit-3"),
        ),
        visible=lambda scene: any(
            (one.get("status") or {}).get("containerStatuses")
            for one in scene.of_kind("Pod")
            if "allup-fault" in one["metadata"]["labels"]
        ),
        source=f"the control plane of the sandbox; pod status: {of_fate('crash-exit-3')}",
    ),
]
