"""The pod that trials get of their own."""

from __future__ import annotations

from typing import Any

from allup import Component, Platform, PodShell, ProbePod
from allup.daily.probing import pod_body, shell_body
from allup.model import labels

PLATFORM = Platform("rstudio", [Component("nfs-pv")], namespace="team-a", instance="blue")
TEMPLATE: dict[str, Any] = {
    "spec": {
        "imagePullSecrets": [{"name": "mirror"}],
        "serviceAccountName": "rich",
        "containers": [{"name": "nfs", "image": "example.net/nfs:12", "env": [{"name": "A"}]}],
    }
}


def body(**settings: Any) -> dict[str, Any]:
    probe = ProbePod(image_of="Deployment/nfs01", component="nfs-pv", **settings)
    return pod_body(probe, PLATFORM, name="nfs01-probe-1", template=TEMPLATE)


def test_it_ends_by_itself_and_holds_no_token() -> None:
    spec = body(lifetime=120)["spec"]
    assert spec["activeDeadlineSeconds"] == 120
    assert spec["restartPolicy"] == "Never"
    assert spec["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in spec


def test_it_runs_the_workloads_image_pulled_the_same_way_and_nothing_else_of_it() -> None:
    spec = body()["spec"]
    assert spec["imagePullSecrets"] == [{"name": "mirror"}]
    (container,) = spec["containers"]
    assert container["image"] == "example.net/nfs:12"
    assert "env" not in container


def test_it_is_privileged_only_where_that_is_declared() -> None:
    for privileged in (True, False):
        (container,) = body(privileged=privileged)["spec"]["containers"]
        assert container["securityContext"] == {"privileged": privileged}


def test_one_that_was_left_behind_goes_down_with_its_component() -> None:
    metadata = body()["metadata"]
    assert metadata["namespace"] == "team-a"
    assert metadata["labels"][labels.INSTANCE] == "blue"
    assert metadata["labels"][labels.COMPONENT] == "nfs-pv"


def shell(**settings: Any) -> dict[str, Any]:
    task = PodShell(name="data-shell", help="", image="nginx:1.27", component="nfs-pv", **settings)
    made: dict[str, Any] = shell_body(task, PLATFORM, name="test-rstudio-1")["spec"]
    return made


def test_a_shells_pod_sees_the_claims_it_names() -> None:
    spec = shell(claims={"homes": "/data"})
    (volume,), (mount,) = spec["volumes"], spec["containers"][0]["volumeMounts"]
    assert volume["persistentVolumeClaim"] == {"claimName": "homes"}
    assert mount == {"name": volume["name"], "mountPath": "/data"}
    assert "volumes" not in shell()


def test_a_shells_pod_with_a_user_may_run_in_a_restricted_namespace() -> None:
    spec = shell(user=1000)
    assert {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000}.items() <= spec[
        "securityContext"
    ].items()
    assert spec["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
