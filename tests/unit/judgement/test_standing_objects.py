"""Everything without pods of its own: namespaces, Services, volumes, Ingresses, custom resources; and many
verdicts as one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allup.diagnosis.storage import blocks_consumer
from allup.readiness import (
    Neighbours,
    NoNeighbours,
    Readiness,
    State,
    aggregate,
    judge,
)
from allup.refs import ObjectRef
from tests.unit.judgement.judgement_objects import NOW, Beside, Json, ago, condition, gone_soon, thing

READY, NOT_YET, FAILED = State.READY, State.NOT_YET, State.FAILED


def service(*, selector: Json | None = None, status: Json | None = None, **spec: Any) -> Json:
    return thing(
        "v1",
        "Service",
        spec={"type": "ClusterIP", "selector": selector or {}, **spec},
        status=status or {"loadBalancer": {}},
    )


def endpoints(ready: bool | None) -> Json:
    conditions = {} if ready is None else {"ready": ready}
    return thing(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        endpoints=[{"addresses": ["10.1.0.7"], "conditions": conditions}],
    )


def claim(phase: str, seconds: float = 5, **spec: Any) -> Json:
    return thing(
        "v1",
        "PersistentVolumeClaim",
        "data",
        metadata={"creationTimestamp": ago(seconds)},
        spec=spec,
        status={"phase": phase},
    )


def volume(phase: str, claimed: Json | None = None, **more: Any) -> Json:
    spec = {"persistentVolumeReclaimPolicy": "Retain"} | ({"claimRef": claimed} if claimed else {})
    return thing(
        "v1",
        "PersistentVolume",
        "nfs",
        namespaced=False,
        spec=spec | more.pop("spec", {}),
        status={"phase": phase, **more},
    )


def widget(*conditions: Json, generation: int = 1, **status: Any) -> Json:
    return thing(
        "example.com/v1",
        "Widget",
        metadata={"generation": generation},
        status={"conditions": list(conditions), **status},
    )


SELECTED = {"app": "web"}
WANTED = Beside(wanted=True)
CLAIM = {"namespace": "demo", "name": "data", "uid": "uid-data"}
LATE = Beside(modes={"local": "WaitForFirstConsumer", None: "WaitForFirstConsumer", "fast": "Immediate"})

CASES: dict[str, tuple[Json, Neighbours, State, str, str]] = {
    "Namespace: active": (
        thing("v1", "Namespace", namespaced=False, status={"phase": "Active"}),
        NoNeighbours(),
        READY,
        "",
        "",
    ),
    "Namespace: terminating says what is left": (
        thing(
            "v1",
            "Namespace",
            namespaced=False,
            status={
                "phase": "Terminating",
                "conditions": [
                    condition(
                        "NamespaceContentRemaining",
                        message="Some resources are remaining: pods. has 1 resource instances",
                    )
                ],
            },
        ),
        NoNeighbours(),
        NOT_YET,
        "is being deleted",
        "terminating",
    ),
    "ConfigMap: ready by being there": (thing("v1", "ConfigMap"), NoNeighbours(), READY, "", ""),
    "ConfigMap: on its way out, with what holds it": (
        gone_soon(thing("v1", "ConfigMap", metadata={"finalizers": ["example.com/keep"]})),
        NoNeighbours(),
        NOT_YET,
        (
            "is being deleted: is held by finalizer example.com/keep, which somebody put there and nobody "
            "takes off"
        ),
        "finalizer",
    ),
    "Service: no selector": (service(), WANTED, READY, "", ""),
    "Service: selects nothing that wants pods": (service(selector=SELECTED), NoNeighbours(), READY, "", ""),
    "Service: no endpoint": (service(selector=SELECTED), WANTED, NOT_YET, "waits for an endpoint", ""),
    "Service: endpoint not ready": (
        service(selector=SELECTED),
        Beside(wanted=True, slices=[endpoints(False)]),
        NOT_YET,
        "waits for an endpoint",
        "",
    ),
    "Service: endpoint ready": (
        service(selector=SELECTED),
        Beside(wanted=True, slices=[endpoints(False), endpoints(True)]),
        READY,
        "",
        "",
    ),
    "Service: unknown means ready": (
        service(selector=SELECTED),
        Beside(wanted=True, slices=[endpoints(None)]),
        READY,
        "",
        "",
    ),
    "Service: headless wants endpoints too": (
        service(selector=SELECTED, clusterIP="None"),
        WANTED,
        NOT_YET,
        "waits for an endpoint",
        "",
    ),
    "Service: an alias": (
        service(type="ExternalName", externalName="db.example", selector=SELECTED),
        WANTED,
        READY,
        "alias of db.example",
        "",
    ),
    "Service: a load balancer without an address": (
        service(type="LoadBalancer"),
        NoNeighbours(),
        NOT_YET,
        "waits for an address from the load balancer",
        "",
    ),
    "Service: a load balancer with one": (
        service(type="LoadBalancer", status={"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}),
        NoNeighbours(),
        READY,
        "",
        "",
    ),
    "PersistentVolume: available": (volume("Available"), NoNeighbours(), READY, "", ""),
    "PersistentVolume: bound": (volume("Bound", CLAIM), NoNeighbours(), READY, "bound to demo/data", ""),
    "PersistentVolume: released and retained": (
        volume("Released", CLAIM),
        NoNeighbours(),
        FAILED,
        "is Released: still belongs to the deleted claim demo/data",
        "volume-released",
    ),
    "PersistentVolume: released, being recycled": (
        volume("Released", CLAIM, spec={"persistentVolumeReclaimPolicy": "Delete"}),
        NoNeighbours(),
        NOT_YET,
        "is Released: still belongs to the deleted claim demo/data",
        "volume-released",
    ),
    "PersistentVolume: released, its claimRef repaired": (
        volume("Released", {"namespace": "demo", "name": "data"}),
        NoNeighbours(),
        NOT_YET,
        "is Released: still belongs to the deleted claim demo/data",
        "volume-released",
    ),
    "PersistentVolume: failed": (
        volume("Failed", message="error deleting the volume"),
        NoNeighbours(),
        FAILED,
        "volume failed: error deleting the volume",
        "volume-failed",
    ),
    "claim: bound": (claim("Bound", volumeName="nfs"), NoNeighbours(), READY, "bound to nfs", ""),
    "claim: lost": (
        claim("Lost", volumeName="nfs"),
        NoNeighbours(),
        FAILED,
        "its volume nfs is gone",
        "claim-lost",
    ),
    "claim: just made": (claim("Pending"), NoNeighbours(), NOT_YET, "claim is Pending: unbound", ""),
    "claim: pending for long": (
        claim("Pending", seconds=31),
        NoNeighbours(),
        NOT_YET,
        "claim is Pending: unbound",
        "claim-pending",
    ),
    "claim: waits for one volume": (
        claim("Pending", volumeName="nfs"),
        LATE,
        NOT_YET,
        "claim is Pending: waits for volume nfs",
        "",
    ),
    "claim: bound by its first pod": (
        claim("Pending", seconds=900, storageClassName="local"),
        LATE,
        READY,
        "is bound when a pod uses it",
        "",
    ),
    "claim: of an immediate class": (
        claim("Pending", storageClassName="fast"),
        LATE,
        NOT_YET,
        "claim is Pending: unbound",
        "",
    ),
    "Ingress: without an address": (
        thing("networking.k8s.io/v1", "Ingress", status={"loadBalancer": {}}),
        NoNeighbours(),
        READY,
        "no address yet",
        "",
    ),
    "Ingress: with one": (
        thing(
            "networking.k8s.io/v1",
            "Ingress",
            status={"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}},
        ),
        NoNeighbours(),
        READY,
        "address lb.example",
        "",
    ),
    "CRD: just made": (
        thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", namespaced=False),
        NoNeighbours(),
        NOT_YET,
        "is not served yet",
        "",
    ),
    "CRD: established": (
        thing(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            namespaced=False,
            status={"conditions": [condition("NamesAccepted"), condition("Established")]},
        ),
        NoNeighbours(),
        READY,
        "",
        "",
    ),
    "CRD: a name that is taken": (
        thing(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            namespaced=False,
            status={
                "conditions": [
                    condition("NamesAccepted", "False", "PluralConflict", '"widgets" is already in use')
                ]
            },
        ),
        NoNeighbours(),
        FAILED,
        'names not accepted: "widgets" is already in use',
        "crd-not-established",
    ),
    "custom: no status": (thing("example.com/v1", "Widget"), NoNeighbours(), READY, "", ""),
    "custom: ready": (widget(condition("Ready")), NoNeighbours(), READY, "", ""),
    "custom: not ready says why": (
        widget(condition("Ready", "False", "Issuing", "waits for the issuer")),
        NoNeighbours(),
        NOT_YET,
        "not Ready: waits for the issuer",
        "",
    ),
    "custom: Ready counts before Available": (
        widget(condition("Available"), condition("Ready", "Unknown", "Issuing")),
        NoNeighbours(),
        NOT_YET,
        "not Ready: Issuing",
        "",
    ),
    "custom: stalled": (
        widget(condition("Ready", "False"), condition("Stalled", message="no such issuer")),
        NoNeighbours(),
        FAILED,
        "Stalled: no such issuer",
        "condition-failed",
    ),
    "custom: ready, of an older generation": (
        widget(condition("Ready"), generation=3, observedGeneration=2),
        NoNeighbours(),
        NOT_YET,
        "waits for its controller",
        "",
    ),
    "custom: a condition of an older generation": (
        widget(condition("Ready", observedGeneration=2), generation=3),
        NoNeighbours(),
        NOT_YET,
        "not Ready",
        "",
    ),
    "custom: conditions nobody can read": (
        thing("example.com/v1", "Widget", status={"conditions": "fine"}),
        NoNeighbours(),
        READY,
        "",
        "",
    ),
    "autoscaler: its conditions are no readiness": (
        thing(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            status={"conditions": [condition("ScalingActive", "False")]},
        ),
        NoNeighbours(),
        READY,
        "",
        "",
    ),
}


@pytest.mark.parametrize(("obj", "beside", "state", "message", "cause"), CASES.values(), ids=CASES)
def test_an_object_is_judged(obj: Json, beside: Neighbours, state: State, message: str, cause: str) -> None:
    found = judge(obj, beside, NOW)
    assert (found.state, found.message, found.cause) == (state, message, cause)
    assert found.hopeless is (state is FAILED)


@pytest.mark.parametrize(
    ("one", "blocks"),
    [
        (claim("Bound", storageClassName="fast"), False),
        (claim("Pending", storageClassName="fast"), True),
        (claim("Pending", storageClassName="local"), False),
        (claim("Pending"), False),
        (claim("Pending", storageClassName=""), True),
        (claim("Pending", storageClassName="unheard-of"), True),
    ],
    ids=["bound", "immediate", "first consumer", "default class", "no class", "unknown class"],
)
def test_only_a_claim_that_could_be_bound_now_blocks_its_consumer(one: Json, blocks: bool) -> None:
    assert blocks_consumer(one, LATE) is blocks


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "Ready", "True", "Pending"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["conditions", "type", "status", "phase", "replicas", "state", "waiting", "reason", "name"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
_KINDS = [
    ("v1", "Pod"),
    ("v1", "Service"),
    ("v1", "PersistentVolume"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "Namespace"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("networking.k8s.io/v1", "Ingress"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("example.com/v1", "Widget"),
]


@given(kind=st.sampled_from(_KINDS), status=_JSON)
def test_a_status_of_any_shape_gets_an_answer_and_is_failed_exactly_when_hopeless(
    kind: tuple[str, str], status: Any
) -> None:
    found = judge(thing(*kind, spec={}, status=status), NoNeighbours(), NOW)
    assert (found.state is FAILED) is found.hopeless
    assert found.ready or found.message


def _ref(name: str) -> ObjectRef:
    return ObjectRef("apps", "Deployment", "demo", name)


WAITING = Readiness(NOT_YET, "0/1 pods ready")
CRASHING = Readiness(NOT_YET, "0/1 pods ready: crash loop", "crash-loop")
BROKEN = Readiness(FAILED, "image x not found", "image-not-found", True)


def test_a_component_is_ready_when_all_of_it_is() -> None:
    assert aggregate([(_ref("a"), Readiness(READY, "1/1 pods ready"))]).ready
    assert aggregate([]).ready


def test_a_failed_object_speaks_for_its_component() -> None:
    found = aggregate([(_ref("a"), WAITING), (_ref("b"), CRASHING), (_ref("c"), BROKEN)])
    assert found == Readiness(
        FAILED,
        "Deployment/demo/c: image x not found (and 2 more not ready)",
        "image-not-found",
        True,
        _ref("c"),
    )


def test_an_object_with_a_cause_speaks_before_one_that_only_waits() -> None:
    found = aggregate([(_ref("a"), WAITING), (_ref("b"), CRASHING)])
    assert (found.state, found.cause, found.culprit) == (NOT_YET, "crash-loop", _ref("b"))


def test_the_first_of_equals_speaks_and_ready_ones_are_not_counted() -> None:
    found = aggregate([(_ref("a"), Readiness(READY)), (_ref("b"), WAITING), (_ref("c"), WAITING)])
    assert found.message == "Deployment/demo/b: 0/1 pods ready (and 1 more not ready)"
