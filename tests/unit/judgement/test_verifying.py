"""verify's judgement: versions by their beginning, images of every container, what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from allup import Verify
from allup.verifying import backend, images


def verdicts(*, server: str = "v1.36.3", here: str = "x", **wanted: Any) -> list[tuple[str, str]]:
    task = Verify(name="verify", help="Verify.", **wanted)
    found = backend(task, version=server, context=here, kubeconfig="/home/me/config")
    return [(one.what, one.verdict) for one in found]


@pytest.mark.parametrize(
    ("version", "server", "strict", "verdict"),
    [
        ("v1.16.3", "v1.16.3", False, "match"),
        ("1.16.3", "v1.16.3", False, "match"),
        ("v1.16", "v1.16.3+k3s1", False, "match"),
        ("v1.16.3", "v1.16.3-gke.1", False, "match"),
        ("v1.1", "v1.16.3", False, "differs"),
        ("v1.16.3", "v1.36.3", False, "differs"),
        ("v1.16.3", "v1.36.3", True, "mismatch"),
    ],
)
def test_a_version_matches_what_it_begins_and_is_only_told_unless_strict(
    version: str, server: str, strict: bool, verdict: str
) -> None:
    assert verdicts(version=version, server=server, strict=strict) == [("Kubernetes", verdict)]


def test_another_context_is_a_mismatch_and_what_nobody_names_is_not_compared() -> None:
    assert verdicts() == []
    assert verdicts(context="reana-0.6.1", here="minikube") == [("context", "mismatch")]
    assert verdicts(context="minikube", here="minikube") == [("context", "match")]
    assert verdicts(kubeconfig="/home/me/config") == [("kubeconfig", "match")]
    assert verdicts(kubeconfig="/elsewhere") == [("kubeconfig", "mismatch")]


def workload(kind: str, name: str, **containers: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": n, "image": i} for n, i in containers.items()]}
    inner: dict[str, Any] = {"template": {"spec": spec}}
    if kind == "CronJob":
        inner = {"jobTemplate": {"spec": inner}}
    return {"kind": kind, "metadata": {"name": name}, "spec": inner}


def test_every_container_counts_not_only_the_first() -> None:
    wanted = [workload("Deployment", "server", server="a:1", scheduler="a:1")]
    live = [
        workload("Deployment", "server", server="a:1", scheduler="a:2"),
        workload("Deployment", "x", x="x:1"),
    ]
    found = [(one.what, one.found, one.verdict) for one in images(wanted, live)]
    assert found == [
        ("Deployment/server server", "a:1", "match"),
        ("Deployment/server scheduler", "a:2", "mismatch"),
    ]


def test_a_name_that_only_begins_alike_is_another_and_what_is_missing_is_not_there() -> None:
    wanted = [workload("Deployment", "server", server="a:1"), workload("CronJob", "nightly", run="b:1")]
    live = [workload("Deployment", "server-foo", server="a:1"), workload("CronJob", "nightly", other="b:1")]
    assert [one.found for one in images(wanted, live)] == ["not there", "not there"]


def test_an_init_container_counts_and_what_is_no_workload_does_not() -> None:
    deployment = workload("Deployment", "web", web="w:1")
    deployment["spec"]["template"]["spec"]["initContainers"] = [{"name": "wait", "image": "p:1"}]
    service = {"kind": "Service", "metadata": {"name": "web"}, "spec": {}}
    assert [one.what for one in images([deployment, service], [deployment])] == [
        "Deployment/web wait",
        "Deployment/web web",
    ]
