"""The doctor beside a real node: what a kubelet says, what containers can be asked, how a node is reached."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from allup.cluster.connect import connect
from allup.cluster.requests import MERGE_PATCH, Api
from allup.commands import Here
from allup.doctor.looking import Doctor
from allup.providers.sandbox import Sandbox
from allup.redaction import Redactor
from allup.sandbox import Sandboxes, SandboxStatus
from allup.sandbox.doctor import Finding
from allup.target import Target
from tests.cluster.platforms_for_tests import eventually
from tests.nodes.node_for_tests import IMAGE, NAME, PATIENCE

pytestmark = pytest.mark.nodes

PODS = "/api/v1/namespaces/default/pods"
INGRESSES = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
NOWHERE = "127.0.0.1:9/none/such:1"


def examined(node: SandboxStatus) -> Mapping[str, Finding]:
    """What the doctor finds, by name."""
    doctor = Doctor(Here(os.environ), os.environ, "linux", resolve=lambda host: ())
    target = Target(str(node.kubeconfig), node.context, sandbox=node.name)
    return {finding.name: finding for finding in doctor.cluster(target, None)}


def pod(name: str, image: str, *arguments: str) -> dict[str, Any]:
    """A pod of ours."""
    container = {"name": "main", "image": image, "args": list(arguments)}
    labels = {"app.kubernetes.io/managed-by": "allup"}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec}


@pytest.fixture
def api(node: SandboxStatus) -> Iterator[Api]:
    """The server; what the test made is gone afterwards."""
    api = connect(str(node.kubeconfig), node.context, redactor=Redactor(), stop=threading.Event())
    made = [f"{PODS}/doctor-talks", f"{PODS}/doctor-pulls", f"{INGRESSES}/doctor"]
    try:
        yield api
    finally:
        for path in made:
            if api.fetch(path, timeout=PATIENCE)[0] == 200:
                api.request("DELETE", path)


def phase(api: Api, name: str) -> str:
    """The phase of a pod."""
    return str(api.get(f"{PODS}/{name}")["status"].get("phase"))


def test_an_image_that_is_not_pulled_and_a_pod_that_cannot_be_asked_are_told(
    api: Api, node: SandboxStatus, sandboxes: Sandboxes
) -> None:
    assert examined(node)["image pull"].state in ("unknown", "ok")
    api.request("POST", PODS, body=pod("doctor-pulls", NOWHERE))
    api.request("POST", PODS, body=pod("doctor-talks", IMAGE, "serve", "8080", "doctor"))
    rule = {
        "host": "doctor.test",
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": _BACKEND}]},
    }
    api.request("POST", INGRESSES, body={"metadata": {"name": "doctor"}, "spec": {"rules": [rule]}})
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}}
    api.request("PATCH", f"{INGRESSES}/doctor/status", body=status, content_type=MERGE_PATCH)
    eventually(lambda: phase(api, "doctor-talks") == "Running", "a pod that runs", within=PATIENCE)
    eventually(lambda: examined(node)["image pull"].state == "fail", "an image not pulled", within=PATIENCE)
    found = examined(node)
    assert found["image pull"].fact.startswith("Pod/default/doctor-pulls")
    assert NOWHERE in found["image pull"].fact
    assert found["name doctor.test"].state == "warn"
    assert found["name doctor.test in pods"].fact == "doctor-talks has no getent to ask"
    assert found["NFS client"].state == "unknown"
    assert found["versions"].fact.startswith("server v1.")
    address = Sandbox(NAME, sandboxes).address()
    assert f"{address} by " in found["routes"].fact
    assert found["routes"].state == "ok"


_BACKEND = {"service": {"name": "doctor", "port": {"number": 80}}}
