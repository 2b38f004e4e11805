"""The doctor on the real control plane, with faults that are really there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from allup.cluster.connect import connect
from allup.cluster.requests import MERGE_PATCH, Api
from allup.commands import Here
from allup.doctor.looking import Doctor, Wants
from allup.redaction import Redactor
from allup.refs import GroupKind
from allup.sandbox import SandboxStatus
from allup.sandbox.doctor import Finding
from allup.target import Target
from tests.cli.kubeconfigs import reader, written

pytestmark = pytest.mark.cluster

WANTS = Wants("web", "web", frozenset([GroupKind("apps", "Deployment"), GroupKind("", "Service")]))
_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
_DEFAULT = "storageclass.kubernetes.io/is-default-class"


@pytest.fixture
def api(sandbox: SandboxStatus) -> Api:
    """The sandbox's API server."""
    return connect(str(sandbox.kubeconfig), sandbox.context, redactor=Redactor(), stop=Event())


def examined(
    kubeconfig: Path,
    context: str,
    *,
    wants: Wants | None = None,
    wrong_by: timedelta = timedelta(0),
    resolve: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Finding]:
    """What the doctor finds, by name."""
    doctor = Doctor(
        Here(os.environ),
        os.environ,
        "linux",
        now=lambda: datetime.now(UTC) + wrong_by,
        resolve=lambda host: (resolve or {}).get(host, ()),
    )
    target = Target(str(kubeconfig), context)
    return {finding.name: finding for finding in doctor.cluster(target, wants)}


def test_a_cluster_that_is_right_is_all_right(sandbox: SandboxStatus) -> None:
    found = examined(sandbox.kubeconfig, sandbox.context, wants=WANTS)
    assert not [finding for finding in found.values() if finding.state == "fail"]
    right = ("kubeconfig", "credentials", "clock", "nodes", "StorageClass", "permissions")
    assert {name: found[name].state for name in right} == dict.fromkeys(right, "ok")
    assert found["permissions"].fact.endswith("may do all that web needs")
    assert found["metrics"].state == found["Ingress class"].state == "note"
    assert found["image pull"].fact == "simulated nodes pull nothing"


def test_a_kubeconfig_that_is_not_there_or_open_to_others_is_told(
    sandbox: SandboxStatus, tmp_path: Path
) -> None:
    found = examined(tmp_path / "none", "there")
    assert list(found) == ["kubeconfig"]
    assert (found["kubeconfig"].state, "is not there" in found["kubeconfig"].fact) == ("fail", True)
    file = written(tmp_path / "open", sandbox, "there")
    file.chmod(0o644)
    assert examined(file, "there")["kubeconfig"].remedy == f"chmod 600 {file}"
    assert "did you mean 'there'" in examined(file, "their")["kubeconfig"].fact


def test_a_plugin_that_fails_ends_the_look_with_its_own_words(sandbox: SandboxStatus, tmp_path: Path) -> None:
    login = tmp_path / "login"
    login.write_text("#!/bin/sh\necho canary-on-stdout\necho 'your session has ended' >&2\nexit 3\n")
    login.chmod(0o700)
    spec = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": str(login)}
    found = examined(written(tmp_path / "far", sandbox, "far", user={"exec": spec}), "far")
    assert list(found) == ["kubeconfig", "credentials"]
    assert found["credentials"].fact == "login failed (3): your session has ended"
    assert "canary" not in repr(found)
    login.unlink()
    found = examined(tmp_path / "far", "far")
    assert found["credentials"].fact.endswith("login is not on this machine")


def test_a_plugin_whose_token_the_server_takes_is_fine(
    api: Api, sandbox: SandboxStatus, tmp_path: Path
) -> None:
    token = reader(api)["token"]
    version = "client.authentication.k8s.io/v1beta1"
    answer = json.dumps({"kind": "ExecCredential", "apiVersion": version, "status": {"token": token}})
    (tmp_path / "answer").write_text(answer)
    spec = {"apiVersion": version, "command": "cat", "args": [str(tmp_path / "answer")]}
    found = examined(written(tmp_path / "far", sandbox, "far", user={"exec": spec}), "far", wants=WANTS)
    assert found["credentials"].fact == "cat gives a token"
    assert token not in repr(found)
    told = found["permissions"]
    assert told.state == "fail"
    assert told.fact.startswith("system:serviceaccount:default:reader may not do")
    assert "create, delete, patch: configmaps, deployments.apps, services" in told.fact
    assert "create, get, update: leases.coordination.k8s.io" in told.fact


def test_a_token_that_is_not_taken_is_told(sandbox: SandboxStatus, tmp_path: Path) -> None:
    found = examined(written(tmp_path / "far", sandbox, "far", user={"token": "wrong"}), "far")
    assert [finding.name for finding in found.values() if finding.state == "fail"] == ["server"]
    nobody = examined(written(tmp_path / "anonymous", sandbox, "far", user={"username": "x"}), "far")
    assert nobody["credentials"].state == "fail"
    assert "system:anonymous" in nobody["credentials"].fact


def test_a_server_that_does_not_answer_is_told(sandbox: SandboxStatus, tmp_path: Path) -> None:
    file = written(tmp_path / "far", sandbox, "far", server="https://127.0.0.1:9")
    found = examined(file, "far")
    assert found["server"].state == "fail"
    assert "nothing listens there" in found["server"].fact


@pytest.mark.parametrize(("wrong_by", "said"), [(90, "ahead of"), (-90, "behind")])
def test_a_clock_that_is_wrong_is_told(sandbox: SandboxStatus, wrong_by: int, said: str) -> None:
    found = examined(sandbox.kubeconfig, sandbox.context, wrong_by=timedelta(seconds=wrong_by))
    assert found["clock"].state == "fail"
    assert said in found["clock"].fact


@pytest.fixture
def no_default_class(api: Api) -> Iterator[None]:
    """No StorageClass is the default, until the test has ended."""
    names = [each["metadata"]["name"] for each in api.get(_CLASSES)["items"]]

    def annotate(value: str | None) -> None:
        for name in names:
            body: dict[str, Any] = {"metadata": {"annotations": {_DEFAULT: value}}}
            api.request("PATCH", f"{_CLASSES}/{name}", body=body, content_type=MERGE_PATCH)

    annotate(None)
    try:
        yield
    finally:
        annotate("true")


def test_no_default_storage_class_is_told(no_default_class: None, sandbox: SandboxStatus) -> None:
    found = examined(sandbox.kubeconfig, sandbox.context)["StorageClass"]
    assert found.state == "fail"
    assert "waits for ever" in found.fact


def test_the_name_of_an_ingress_that_leads_nowhere_is_told(api: Api, sandbox: SandboxStatus) -> None:
    path = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    http = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
    rules = {"rules": [{"host": "doctor.test", "http": http}]}
    api.request("POST", path, body={"metadata": {"name": "doctor"}, "spec": rules})
    try:
        status = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}}
        api.request("PATCH", f"{path}/doctor/status", body=status, content_type=MERGE_PATCH)
        found = examined(sandbox.kubeconfig, sandbox.context)
        assert found["name doctor.test"].remedy == "A line in /etc/hosts: 192.0.2.7 doctor.test"
        assert found["name doctor.test in pods"].state == "unknown"
        right = examined(sandbox.kubeconfig, sandbox.context, resolve={"doctor.test": ["192.0.2.7"]})
        assert right["name doctor.test"].state == "ok"
    finally:
        api.request("DELETE", f"{path}/doctor")
