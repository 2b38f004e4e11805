"""Why an object that is to go is still there, and what force may do about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from allup.diagnosis import Cause
from allup.diagnosis.deletion import Around, why_there
from allup.diagnosis.forcing import Forced, Refused, remedies

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DELETED = "2026-03-01T11:59:00Z"


def going(kind: str, name: str, api_version: str = "v1", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "here",
            "uid": f"uid-{name}",
            "resourceVersion": "7",
            "deletionTimestamp": DELETED,
            **metadata,
        },
    }


def pod(
    name: str, node: str = "n1", claim: str = "", phase: str = "Running", **metadata: Any
) -> dict[str, Any]:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}] if claim else []
    spec = {"nodeName": node, "volumes": volumes}
    return {**going("Pod", name, **metadata), "spec": spec, "status": {"phase": phase}}


def node(status: str) -> dict[str, Any]:
    ready = {"type": "Ready", "status": status, "lastTransitionTime": "2026-03-01T11:00:00Z"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "status": {"conditions": [ready]}}


def condition(name: str, message: str) -> dict[str, Any]:
    return {"type": name, "status": "True", "message": message}


def namespace(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "here", "deletionTimestamp": DELETED},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Terminating", "conditions": list(conditions)},
    }


def test_a_finalizer_is_named_with_who_put_it_there() -> None:
    held = going(
        "ConfigMap",
        "held",
        finalizers=["tests.example/held"],
        managedFields=[
            {
                "manager": "their-tool",
                "fieldsV1": {"f:metadata": {"f:finalizers": {".": {}, 'v:"tests.example/held"': {}}}},
            }
        ],
    )
    [finding] = why_there(held, Around(), NOW)
    assert finding.cause == Cause.FINALIZER
    assert "tests.example/held, which their-tool put there" in finding.message


@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("service.kubernetes.io/load-balancer-cleanup", "the cloud's service controller"),
        ("kubernetes.io/pvc-protection", "the controller manager"),
        ("kubernetes.io/pv-protection", "the controller manager"),
        ("foregroundDeletion", "the controller manager"),
        ("orphan", "the controller manager"),
        ("external-attacher/disk-csi-example", "the CSI driver's attacher"),
    ],
)
def test_a_finalizer_known_by_name_says_who_serves_it(name: str, server: str) -> None:
    [finding] = why_there(going("Service", "web", finalizers=[name]), Around(), NOW)
    assert f"{name}: {server} takes it off once" in finding.message


def test_a_claim_in_use_names_the_pods_and_not_those_that_have_ended_or_wait_for_a_node() -> None:
    claim = going("PersistentVolumeClaim", "data", finalizers=["kubernetes.io/pvc-protection"])
    pods = [
        pod("user", claim="data"),
        pod("ended", claim="data", phase="Succeeded"),
        pod("waiting", node="", claim="data"),
        pod("other", claim="more"),
    ]
    [finding] = why_there(claim, Around(pods=pods), NOW)
    assert (finding.cause, finding.message) == (Cause.CLAIM_IN_USE, "is used by Pod/here/user")
    assert finding.culprit is not None
    assert finding.next_step.endswith("kubectl delete -n here pod/user")


def test_a_volume_in_use_names_its_claim() -> None:
    volume = going("PersistentVolume", "disk", finalizers=["kubernetes.io/pv-protection"])
    volume["spec"] = {"claimRef": {"uid": "uid-data"}}
    [finding] = why_there(volume, Around(claims=[going("PersistentVolumeClaim", "data")]), NOW)
    assert finding.message == "is bound to PersistentVolumeClaim/here/data"


def test_foreground_deletion_names_what_it_waits_for() -> None:
    owner = going("Deployment", "web", "apps/v1", finalizers=["foregroundDeletion"])
    [finding] = why_there(owner, Around(dependants=[pod("web-1")]), NOW)
    assert (finding.cause, finding.message) == (Cause.DEPENDENTS, "waits for what it owns: Pod/here/web-1")


@pytest.mark.parametrize(
    ("nodes", "cause", "said"),
    [
        ({"n1": None}, Cause.POD_ON_LOST_NODE, "its node n1 is gone"),
        (
            {"n1": node("Unknown")},
            Cause.POD_ON_LOST_NODE,
            "does not answer (Ready is Unknown since 2026-03-01T11:00:00Z)",
        ),
        (
            {"n1": node("True")},
            Cause.POD_ENDING,
            "its node n1 has not confirmed its end (grace period ended 60 s ago)",
        ),
        ({}, Cause.POD_ENDING, "its node n1 has not confirmed its end"),
    ],
)
def test_a_pod_says_what_became_of_its_node(nodes: dict[str, Any], cause: Cause, said: str) -> None:
    [finding] = why_there(pod("web"), Around(nodes=nodes), NOW)
    assert finding.cause == cause
    assert said in finding.message


def test_a_pod_with_two_reasons_has_two_findings() -> None:
    held = pod("web", finalizers=["tests.example/held"])
    found = why_there(held, Around(nodes={"n1": None}), NOW)
    assert [finding.cause for finding in found] == [Cause.POD_ON_LOST_NODE, Cause.FINALIZER]


def test_a_namespace_without_its_api_service_names_it_even_before_it_says_so_itself() -> None:
    dead = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.dead.example"},
        "status": {"conditions": [{"type": "Available", "status": "False", "reason": "ServiceNotFound"}]},
    }
    [finding] = why_there(namespace(), Around(unavailable=[dead]), NOW)
    assert finding.cause == Cause.APISERVICE_UNAVAILABLE
    assert "APIService v1.dead.example does not answer (ServiceNotFound)" in finding.message
    assert finding.next_step.endswith("kubectl delete apiservice v1.dead.example")


def test_a_failed_discovery_is_translated_into_the_api_service() -> None:
    said = (
        "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: "
        "dead.example/v1: stale GroupVersion discovery: dead.example/v1"
    )
    found = why_there(namespace(condition("NamespaceDeletionDiscoveryFailure", said)), Around(), NOW)
    assert [finding.culprit.name for finding in found if finding.culprit] == ["v1.dead.example"]


def test_what_a_namespace_still_holds_is_counted_by_kind() -> None:
    [finding] = why_there(
        namespace(
            condition(
                "NamespaceContentRemaining",
                "Some resources are remaining: configmaps. has 1 resource instances, "
                "deployments.apps has 2 resource instances",
            ),
            condition(
                "NamespaceFinalizersRemaining",
                "Some content in the namespace has finalizers remaining: "
                "tests.example/held in 3 resource instances",
            ),
        ),
        Around(),
        NOW,
    )
    assert finding.message == (
        "still holds 1 configmaps, 2 deployments.apps; held by finalizers: tests.example/held on 3"
    )


def test_the_objects_that_hold_a_namespace_are_named_one_by_one_when_they_can_be_read() -> None:
    held = going("ConfigMap", "held", finalizers=["tests.example/held"])
    del held["metadata"]["deletionTimestamp"]  # what will hold it is known before it is deleted
    found = why_there(
        namespace(condition("NamespaceContentRemaining", "…")), Around(here=[held, pod("web")]), NOW
    )
    assert [str(finding.ref) for finding in found] == ["ConfigMap/here/held", "Pod/here/web"]
    assert "tests.example/held" in found[0].message


def test_a_namespace_that_says_nothing_and_what_nobody_deleted_still_get_a_sentence() -> None:
    [finding] = why_there(namespace(), Around(), NOW)
    assert "held by kubernetes in spec.finalizers" in finding.message
    there = going("ConfigMap", "there")
    del there["metadata"]["deletionTimestamp"]
    assert why_there(there, Around(), NOW)[0].cause == Cause.NOT_DELETED


# What force may do


def forced(obj: dict[str, Any], around: Around | None = None, *, ours: bool = True) -> list[Forced | Refused]:
    return list(remedies(obj, around or Around(), NOW, component="web", ours=ours))


def test_a_finalizer_nobody_serves_is_taken_off_that_very_object() -> None:
    [step] = forced(going("ConfigMap", "held", finalizers=["tests.example/held"]))
    assert isinstance(step, Forced)
    assert (step.uid, step.version, step.finalizers) == ("uid-held", "7", ("tests.example/held",))
    assert str(step) == (
        "take finalizer tests.example/held (nobody says whose) off ConfigMap/here/held (component web). "
        "What is lost: whatever its owner would have cleaned up elsewhere stays"
    )


def test_what_a_load_balancer_costs_is_said() -> None:
    [step] = forced(going("Service", "web", finalizers=["service.kubernetes.io/load-balancer-cleanup"]))
    assert "may cost money" in str(step)


@pytest.mark.parametrize(
    "name", ["kubernetes.io/pvc-protection", "kubernetes.io/pv-protection", "foregroundDeletion", "orphan"]
)
def test_the_control_planes_own_finalizers_are_never_taken_off(name: str) -> None:
    [step] = forced(going("PersistentVolumeClaim", "data", finalizers=[name]))
    assert isinstance(step, Refused)


def test_a_pod_is_deleted_without_a_node_that_is_lost_or_long_silent_and_not_within_its_grace() -> None:
    [step] = forced(pod("web"), Around(nodes={"n1": None}))
    assert isinstance(step, Forced)
    assert step.finalizers == ()
    assert "grace period 0: its node n1 is gone" in str(step)
    assert isinstance(forced(pod("web"), Around(nodes={"n1": node("True")}))[0], Forced)
    soon = pod("web", deletionTimestamp="2026-03-01T12:00:20Z")
    assert isinstance(forced(soon, Around(nodes={"n1": node("True")}))[0], Refused)


def test_what_is_not_ours_or_belongs_to_kubernetes_is_left_alone() -> None:
    held: dict[str, Any] = {"finalizers": ["tests.example/held"]}
    assert isinstance(forced(going("ConfigMap", "held", **held), ours=False)[0], Refused)
    for protected in ("default", "kube-system"):
        [step] = forced(going("ConfigMap", "held", **{**held, "namespace": protected}))
        assert isinstance(step, Refused)
    there = going("ConfigMap", "held", **held)
    del there["metadata"]["deletionTimestamp"]
    assert isinstance(forced(there)[0], Refused)
