"""What shall go and does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cluster.platforms_for_tests import HELD, config, obj
from tests.cluster.recording.families.custom import definition
from tests.cluster.recording.families.scheduling import LOST_SOURCE, lost_node, run_there_no_more, unreachable
from tests.cluster.recording.scenario import (
    BOUND,
    CASE,
    NAMESPACE,
    REAL,
    Scenario,
    both,
    claim,
    condition,
    container,
    deleting,
    in_turn,
    mounted,
    phase,
    pod,
    volume,
)

if TYPE_CHECKING:
    from tests.cluster.recording.place import Place

_VOLUME = f"{NAMESPACE}-volume"
_NODE = f"{NAMESPACE}-node"


def _held(thing: dict[str, Any]) -> dict[str, Any]:
    return {**thing, "metadata": {**thing["metadata"], "finalizers": [HELD]}}


def _delete(*shorts: str) -> Any:
    def then(place: Place) -> None:
        for short in shorts:
            place.delete(short, wait=False)

    return then


def _bound_then_delete(short: str) -> Any:
    def then(place: Place) -> None:
        place.until(lambda: place.phase(f"PersistentVolumeClaim/{CASE}") == "Bound", "the claim to be bound")
        place.delete(short, wait=False)

    return then


def _make_and_delete_the_last_of_its_kind(place: Place) -> None:
    """Its definition goes too, and waits for it."""
    place.until_served("Widget")
    place.create(_held(obj("Widget", CASE, f"{NAMESPACE}.example/v1", spec={})))
    place.delete(f"CustomResourceDefinition/widgets.{NAMESPACE}.example", wait=False)


def _run_there_and_go(place: Place) -> None:
    run_there_no_more(place)
    place.delete(f"Pod/{CASE}", wait=False)


_DEAD_API = obj(
    "APIService",
    f"v1.{NAMESPACE}.example",
    "apiregistration.k8s.io/v1",
    spec={
        "group": f"{NAMESPACE}.example",
        "version": "v1",
        "service": {"namespace": "default", "name": "measures"},
        "insecureSkipTLSVerify": True,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
    },
)

SCENARIOS = [
    Scenario(
        name="finalizer-that-nobody-serves",
        family="deletion",
        cause="finalizer",
        hopeless=False,
        words=(HELD,),
        subject=f"ConfigMap/{CASE}",
        objects=(_held(config(CASE)),),
        then=_delete(f"ConfigMap/{CASE}"),
        visible=deleting("ConfigMap"),
        seen_after=60,
    ),
    Scenario(
        name="definition-waits-for-its-last-object",
        family="deletion",
        cause="finalizer",
        hopeless=False,
        words=("customresourcecleanup.apiextensions.k8s.io",),
        subject=f"CustomResourceDefinition/widgets.{NAMESPACE}.example",
        objects=(definition(),),
        then=_make_and_delete_the_last_of_its_kind,
        visible=both(deleting("CustomResourceDefinition"), deleting("Widget")),
        also=("Widget",),
        seen_after=60,
    ),
    Scenario(
        name="pod-goes-on-a-silent-node",
        family="deletion",
        cause="pod-on-lost-node",
        hopeless=False,
        words=(_NODE,),
        subject=f"Pod/{CASE}",
        objects=(lost_node(_NODE), pod(nodeName=_NODE, terminationGracePeriodSeconds=1)),
        then=_run_there_and_go,
        visible=both(deleting("Pod"), unreachable),
        after=lambda place: place.delete(f"Node/{_NODE}"),
        source=LOST_SOURCE,
        seen_after=60,
        alone=True,
    ),
    Scenario(
        name="claim-in-use",
        family="deletion",
        cause="claim-in-use",
        hopeless=False,
        words=(f"{CASE}",),
        subject=f"PersistentVolumeClaim/{CASE}",
        objects=(
            volume(claimRef=BOUND),
            claim(storageClassName="", volumeName=_VOLUME),
            container(pod(**mounted()), volumeMounts=[{"name": "data", "mountPath": "/data"}]),
        ),
        then=in_turn(
            lambda place: place.until(lambda: place.phase(f"Pod/{CASE}") == "Running", "the pod to run"),
            _delete(f"PersistentVolumeClaim/{CASE}"),
        ),
        visible=deleting("PersistentVolumeClaim"),
        seen_after=30,
    ),
    Scenario(
        name="volume-in-use",
        family="deletion",
        cause="volume-in-use",
        hopeless=False,
        words=(f"{NAMESPACE}/{CASE}",),
        subject=f"PersistentVolume/{_VOLUME}",
        objects=(volume(claimRef=BOUND), claim(storageClassName="", volumeName=_VOLUME)),
        then=_bound_then_delete(f"PersistentVolume/{_VOLUME}"),
        visible=deleting("PersistentVolume"),
        seen_after=30,
    ),
    Scenario(
        name="namespace-held-by-a-finalizer-inside",
        family="deletion",
        cause="namespace-stuck",
        hopeless=False,
        words=("configmaps", HELD),
        subject=f"Namespace/{NAMESPACE}",
        objects=(_held(config(CASE)),),
        then=_delete(f"Namespace/{NAMESPACE}"),
        visible=both(
            phase("Namespace", "Terminating"), condition("Namespace", "NamespaceFinalizersRemaining")
        ),
        seen_after=60,
    ),
    Scenario(
        name="namespace-held-by-a-dead-api",
        family="deletion",
        cause="namespace-stuck",
        hopeless=False,
        words=(f"APIService v1.{NAMESPACE}.example", "does not answer"),
        subject=f"Namespace/{NAMESPACE}",
        objects=(_DEAD_API, config(CASE)),
        then=in_turn(
            lambda place: place.until(
                lambda: condition("APIService", "Available", "False")(place.scene()),
                "the API to be seen as dead",
            ),
            _delete(f"Namespace/{NAMESPACE}"),
        ),
        visible=condition("Namespace", "NamespaceDeletionDiscoveryFailure"),
        after=lambda place: place.delete(f"APIService/v1.{NAMESPACE}.example"),
        seen_after=60,
        source=REAL,
        alone=True,
    ),
]
