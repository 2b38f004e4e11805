"""Pods that no node takes, and pods that lose theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cluster.platforms_for_tests import obj
from tests.cluster.recording.scenario import (
    CASE,
    NAMESPACE,
    REAL,
    Scenario,
    Scene,
    Step,
    Visible,
    both,
    condition,
    container,
    deployment,
    event,
    in_turn,
    mounted,
    of_fate,
    phase,
    pod,
)

if TYPE_CHECKING:
    from tests.cluster.recording.place import Place

_TAINT = {"key": "dedicated", "value": "batch", "effect": "NoSchedule"}
_UNSCHEDULED = event("FailedScheduling")


def _case(name: str, cause: str, *words: str, live: bool = True, fields: Any = None, **spec: Any) -> Scenario:
    return Scenario(
        name=name,
        family="scheduling",
        cause=cause,
        hopeless=False,
        words=words,
        subject=f"Deployment/{CASE}",
        objects=(container(deployment(**spec), **(fields or {})),),
        visible=both(_UNSCHEDULED, condition("Pod", "PodScheduled", "False")),
        beside=("Node",),
        live=live,
    )


def _on_prepared_nodes(
    name: str,
    cause: str,
    word: str,
    *,
    first: Step,
    after: Step,
    fields: Any = None,
    event_: Visible = _UNSCHEDULED,
    source: str = REAL,
) -> Scenario:
    """A Deployment gets its first replica once *first* was done to the nodes; *after* makes that good."""
    return Scenario(
        name=name,
        family="scheduling",
        cause=cause,
        hopeless=False,
        words=(word,),
        subject=f"Deployment/{CASE}",
        objects=(container(deployment(replicas=0), **(fields or {})),),
        then=in_turn(first, lambda place: place.patch(f"Deployment/{CASE}", {"spec": {"replicas": 1}})),
        after=after,
        visible=both(event_, condition("Pod", "PodScheduled", "False")),
        beside=("Node",),
        source=source,
        alone=True,
    )


def _requests(**resources: str) -> dict[str, Any]:
    return {"resources": {"requests": resources}}


def _taint_nodes(place: Place) -> None:
    for node in place.names("Node"):
        place.patch(f"Node/{node}", {"spec": {"taints": [_TAINT]}})


def _cordon_nodes(place: Place) -> None:
    for node in place.names("Node"):
        place.patch(f"Node/{node}", {"spec": {"unschedulable": True}})
    place.until(
        lambda: all(len(node["spec"].get("taints") or ()) == 1 for node in place.every("Node")),
        "the nodes to be tainted",
    )


def _uncordon_nodes(place: Place) -> None:
    for node in place.names("Node"):
        place.patch(f"Node/{node}", {"spec": {"unschedulable": None}})
    place.until(
        lambda: not any(node["spec"].get("taints") for node in place.every("Node")),
        "the nodes to be free",
    )


def _free_nodes(place: Place) -> None:
    for node in place.names("Node"):
        place.patch(f"Node/{node}", {"spec": {"taints": None}})


def lost_node(name: str) -> dict[str, Any]:
    """A Node of which nothing was heard: what the node controller writes when the leases stop, without the
    40 seconds that takes. The controller does the rest itself: it taints the node."""
    return _node(name, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")


def unmanaged_node(name: str) -> dict[str, Any]:
    """A Node that is Ready and whose kubelet does nothing: kwok leaves it alone, for lack of its label."""
    return _node(name, "True", "KubeletReady", "kubelet is posting ready status")


def _node(name: str, ready: str, reason: str, message: str) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready, "reason": reason, "message": message}]
    if ready != "True":
        types = ("MemoryPressure", "DiskPressure", "PIDPressure")
        conditions += [{**conditions[0], "type": type_} for type_ in types]
    room = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    return obj("Node", name, status={"conditions": conditions, "allocatable": room, "capacity": room})


_NODE = f"{NAMESPACE}-node"
_RUNS = {
    "phase": "Running",
    "conditions": [
        {"type": type_, "status": "True"} for type_ in ("Initialized", "Ready", "ContainersReady")
    ],
    "containerStatuses": [
        {
            "name": "main",
            "image": f"example.invalid/{CASE}:1",
            "imageID": "",
            "ready": True,
            "started": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }
    ],
}


def run_there(place: Place, name: str = CASE) -> None:
    """The pod runs, says its kubelet."""
    place.patch(f"Pod/{name}", {"status": _RUNS}, subresource="status")


def run_there_no_more(place: Place) -> None:
    """It ran, and then the node controller took Ready away, which it does when a node falls silent and not
    later (kubernetes v1.36.3 pkg/controller/util/node, MarkPodsNotReady)."""
    run_there(place)
    not_ready = {"conditions": [{"type": "Ready", "status": "False"}]}
    place.patch(f"Pod/{CASE}", {"status": not_ready}, subresource="status")


def unreachable(scene: Scene) -> bool:
    """The node controller has seen that the Node is silent."""
    taints = [taint for node in scene.of_kind("Node") for taint in node["spec"].get("taints") or ()]
    return any(taint["key"] == "node.kubernetes.io/unreachable" for taint in taints)


LOST_SOURCE = (
    "the sandbox's node controller and API server; the recorder wrote the Node's conditions as the node "
    "controller does when a lease runs out, and the pod's status in place of a kubelet"
)

SCENARIOS = [
    _case("more-cpu-than-any-node-has", "insufficient-resources", "cpu", "500", fields=_requests(cpu="500")),
    _case(
        "more-memory-than-any-node-has",
        "insufficient-resources",
        "memory",
        fields=_requests(memory="4Ti"),
    ),
    _case("no-node-with-that-label", "node-selector", "disk", nodeSelector={"disk": "ssd"}),
    _case(
        "no-node-for-that-affinity",
        "node-selector",
        "affinity",
        live=False,
        affinity={
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["north"]}]}
                    ]
                }
            }
        },
    ),
    _case(
        "host-port-taken-on-every-node",
        "unschedulable",
        "ports",
        live=False,
        replicas=3,
        fields={"ports": [{"containerPort": 8080, "hostPort": 18080}]},
    ),
    _case("claim-that-nobody-made", "unbound-claim", CASE, "not found", **mounted()),
    _on_prepared_nodes(
        "every-node-tainted", "untolerated-taint", "dedicated", first=_taint_nodes, after=_free_nodes
    ),
    _on_prepared_nodes(
        "one-node-tainted-the-other-too-small",
        "insufficient-resources",
        "cpu",
        first=lambda place: place.patch(f"Node/{min(place.names('Node'))}", {"spec": {"taints": [_TAINT]}}),
        after=_free_nodes,
        fields=_requests(cpu="500"),
        event_=event("FailedScheduling", "1 node(s) had untolerated taint"),
    ),
    _on_prepared_nodes(
        "every-node-cordoned", "no-nodes", "unschedulable", first=_cordon_nodes, after=_uncordon_nodes
    ),
    _on_prepared_nodes(
        "only-node-silent",
        "no-nodes",
        "ready",
        first=in_turn(
            lambda place: place.take_nodes(),
            lambda place: place.create(lost_node(_NODE)),
            lambda place: place.until_seen(unreachable, "the node to be tainted"),
        ),
        after=in_turn(lambda place: place.delete(f"Node/{_NODE}"), lambda place: place.give_nodes_back()),
        source=LOST_SOURCE,
    ),
    _on_prepared_nodes(
        "no-nodes-at-all",
        "no-nodes",
        "no node",
        first=lambda place: place.take_nodes(),
        after=lambda place: place.give_nodes_back(),
    ),
    Scenario(
        name="pod-evicted",
        family="scheduling",
        cause="evicted",
        hopeless=True,
        words=("memory",),
        subject=f"Pod/{CASE}",
        objects=(pod(fate="evicted"),),
        visible=phase("Pod", "Failed"),
        source=of_fate("evicted"),
        live=True,
    ),
    Scenario(
        name="node-of-the-pod-silent",
        family="scheduling",
        cause="node-lost",
        hopeless=False,
        words=(_NODE,),
        subject=f"Pod/{CASE}",
        objects=(
            lost_node(_NODE),
            pod(nodeName=_NODE, tolerations=[{"operator": "Exists"}]),
        ),
        then=run_there_no_more,
        visible=both(unreachable, condition("Pod", "Ready", "False")),
        after=lambda place: place.delete(f"Node/{_NODE}"),
        source=LOST_SOURCE,
        alone=True,
    ),
]
