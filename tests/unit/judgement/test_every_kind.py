"""Every built-in kind that has a status: what each of its states means for whoever waits. And what a wait may
meet: objects replaced, statuses that are stale, generations that move on."""

from __future__ import annotations

from typing import Any

import pytest

from allup.readiness import NoNeighbours, State, judge
from tests.unit.judgement.judgement_objects import (
    NOW,
    Beside,
    Json,
    ago,
    condition,
    gone_soon,
    pod,
    running,
    thing,
)

READY, NOT_YET, FAILED = State.READY, State.NOT_YET, State.FAILED


def cluster_wide(api_version: str, kind: str, *conditions: Json, **status: object) -> Json:
    return thing(api_version, kind, namespaced=False, status={"conditions": list(conditions), **status})


def local(api_version: str, kind: str, *conditions: Json, **status: object) -> Json:
    return thing(api_version, kind, status={"conditions": list(conditions), **status})


AUTOSCALER = ("autoscaling/v2", "HorizontalPodAutoscaler")
APF = "flowcontrol.apiserver.k8s.io/v1"
SIGNING = ("certificates.k8s.io/v1", "CertificateSigningRequest")
API = ("apiregistration.k8s.io/v1", "APIService")
CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")

# What has a table of its own is in test_pods, test_workloads and test_standing_objects.
CASES: dict[str, tuple[Json, State]] = {
    "Node: ready": (cluster_wide("v1", "Node", condition("Ready")), READY),
    "Node: silent": (cluster_wide("v1", "Node", condition("Ready", "Unknown")), NOT_YET),
    "Node: with pressure, yet ready": (
        cluster_wide("v1", "Node", condition("MemoryPressure"), condition("Ready")),
        READY,
    ),
    "Node: just registered": (cluster_wide("v1", "Node"), READY),
    "ResourceQuota: not counted yet": (local("v1", "ResourceQuota"), READY),
    "ResourceQuota: used up is still a quota": (
        local("v1", "ResourceQuota", hard={"pods": "1"}, used={"pods": "1"}),
        READY,
    ),
    "ReplicationController: complete": (
        thing(
            "v1",
            "ReplicationController",
            spec={"replicas": 1},
            status={"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "availableReplicas": 1},
        ),
        READY,
    ),
    "ReplicationController: its pod is missing": (
        thing(
            "v1",
            "ReplicationController",
            spec={"replicas": 1},
            status={"observedGeneration": 1, "replicas": 0},
        ),
        NOT_YET,
    ),
    "HorizontalPodAutoscaler: no metrics yet": (
        local(*AUTOSCALER, condition("ScalingActive", "False", "FailedGetResourceMetric")),
        READY,
    ),
    "HorizontalPodAutoscaler: works": (local(*AUTOSCALER, condition("ScalingActive")), READY),
    "PodDisruptionBudget: lets a pod go": (
        local("policy/v1", "PodDisruptionBudget", condition("DisruptionAllowed"), disruptionsAllowed=1),
        READY,
    ),
    "PodDisruptionBudget: lets none go, which is what it is for": (
        local(
            "policy/v1",
            "PodDisruptionBudget",
            condition("DisruptionAllowed", "False", "InsufficientPods"),
            disruptionsAllowed=0,
            expectedPods=1,
        ),
        READY,
    ),
    "Ingress: without an address": (local("networking.k8s.io/v1", "Ingress"), READY),
    "NetworkPolicy": (local("networking.k8s.io/v1", "NetworkPolicy"), READY),
    "ServiceCIDR: ready": (cluster_wide("networking.k8s.io/v1", "ServiceCIDR", condition("Ready")), READY),
    "ServiceCIDR: on its way": (
        cluster_wide("networking.k8s.io/v1", "ServiceCIDR", condition("Ready", "False", "Terminating")),
        NOT_YET,
    ),
    "FlowSchema: dangling is said of a missing level": (
        cluster_wide(APF, "FlowSchema", condition("Dangling", "False", "Found")),
        READY,
    ),
    "PriorityLevelConfiguration": (cluster_wide(APF, "PriorityLevelConfiguration"), READY),
    "ValidatingAdmissionPolicy": (
        cluster_wide("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", typeChecking={}),
        READY,
    ),
    "CertificateSigningRequest: asked": (cluster_wide(*SIGNING), READY),
    "CertificateSigningRequest: approved": (cluster_wide(*SIGNING, condition("Approved")), READY),
    "CertificateSigningRequest: failed": (cluster_wide(*SIGNING, condition("Failed")), FAILED),
    "VolumeAttachment: attached": (
        cluster_wide("storage.k8s.io/v1", "VolumeAttachment", attached=True),
        READY,
    ),
    "APIService: served": (cluster_wide(*API, condition("Available")), READY),
    "APIService: nobody behind it": (
        cluster_wide(*API, condition("Available", "False", "MissingEndpoints")),
        NOT_YET,
    ),
    "APIService: not asked yet": (cluster_wide(*API), NOT_YET),
    "CustomResourceDefinition: served": (
        cluster_wide(*CRD, condition("NamesAccepted"), condition("Established")),
        READY,
    ),
    "CustomResourceDefinition: accepted, not served yet": (
        cluster_wide(*CRD, condition("NamesAccepted"), condition("Established", "False", "Installing")),
        NOT_YET,
    ),
    "CustomResourceDefinition: just made": (cluster_wide(*CRD), NOT_YET),
    "CustomResourceDefinition: its names are taken": (
        cluster_wide(*CRD, condition("NamesAccepted", "False", "PluralConflict")),
        FAILED,
    ),
}


@pytest.mark.parametrize(("obj", "state"), CASES.values(), ids=list(CASES))
def test_each_state_of_each_kind_is_judged(obj: Json, state: State) -> None:
    found = judge(obj, NoNeighbours(), NOW)
    assert found.state is state, found.message
    assert found.hopeless is (state is FAILED)


SERVED = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}


def web(generation: int, observed: int, uid: str = "uid-web") -> Json:
    return thing(
        "apps/v1",
        "Deployment",
        metadata={
            "generation": generation,
            "uid": uid,
            "annotations": {"deployment.kubernetes.io/revision": "1"},
        },
        spec={"replicas": 1},
        status={"observedGeneration": observed, **SERVED},
    )


def test_a_status_about_an_older_generation_says_nothing_whatever_it_says() -> None:
    assert judge(web(1, 1), NoNeighbours(), NOW).ready
    bumped = judge(web(2, 1), NoNeighbours(), NOW)
    assert (bumped.state, bumped.message) == (NOT_YET, "waits for its controller")


@pytest.mark.parametrize(
    ("seconds", "cause"), [(5, ""), (29, ""), (31, "controller-silent"), (500, "controller-silent")]
)
def test_a_status_that_stays_stale_gets_a_name(seconds: float, cause: str) -> None:
    """Who wrote the spec last is in managedFields; the status' own writers do not count."""
    obj = web(2, 1)
    obj["metadata"]["creationTimestamp"] = ago(9000)
    obj["metadata"]["managedFields"] = [
        {"manager": "allup", "time": ago(seconds)},
        {"manager": "kube-controller-manager", "time": ago(1), "subresource": "status"},
    ]
    assert judge(obj, NoNeighbours(), NOW).cause == cause


def test_the_pods_of_an_object_that_was_replaced_under_us_do_not_count_for_the_new_one() -> None:
    crashing = pod("web-1", {"state": {"waiting": {"reason": "InvalidImageName"}}})
    beside = Beside(
        owns={
            "uid-before": [thing("apps/v1", "ReplicaSet", metadata={"annotations": {}, "uid": "uid-rs"})],
            "uid-rs": [crashing],
        }
    )
    again = web(1, 1, uid="uid-after")
    again["status"] = {"observedGeneration": 1}
    found = judge(again, beside, NOW)
    assert (found.state, found.cause) == (NOT_YET, "")


def test_an_object_on_its_way_out_is_not_ready_however_well_its_status_looks() -> None:
    for obj in (web(1, 1), pod(phase="Running", ready=True), cluster_wide(*API, condition("Available"))):
        assert judge(gone_soon(obj), NoNeighbours(), NOW).state is NOT_YET


def test_a_pod_that_was_ready_and_died_is_not_ready() -> None:
    one = pod("web-1", running(2, restartCount=1), phase="Running")
    assert judge(one, NoNeighbours(), NOW).state is NOT_YET


def test_a_service_whose_named_port_no_pod_opens_has_endpoints_and_serves_nothing() -> None:
    """The EndpointSlice controller lists such pods, without a port."""
    service = thing(
        "v1", "Service", spec={"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "x"}]}
    )
    endpoints: dict[str, Any] = {"endpoints": [{"conditions": {"ready": True}}]}
    portless = thing("discovery.k8s.io/v1", "EndpointSlice", ports=[], **endpoints)
    serving = thing("discovery.k8s.io/v1", "EndpointSlice", ports=[{"port": 8080}], **endpoints)
    assert judge(service, Beside(wanted=True, slices=[portless]), NOW).state is NOT_YET
    assert judge(service, Beside(wanted=True, slices=[serving]), NOW).ready
