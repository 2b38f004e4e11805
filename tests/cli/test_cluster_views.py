"""inv cluster.* on the sandbox and on a cluster that is simply there; the doctor's exit codes; their JSON."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from allup.sandbox import SandboxStatus
from tests.cli.invoking import ROOT, Inv
from tests.cli.kubeconfigs import written

pytestmark = pytest.mark.cluster

SCHEMA = json.loads((ROOT / "docs" / "results.schema.json").read_text())


def read(printed: str) -> dict[str, object]:
    """The line of JSON, held against the documented schema."""
    found: dict[str, object] = json.loads(printed)
    jsonschema.validate(found, SCHEMA)
    return found


def test_the_sandbox_is_shown_as_any_cluster_is(beside: Inv, sandbox: SandboxStatus) -> None:
    name = ("--name", sandbox.name)
    shown = beside.fine("cluster.status", *name)
    assert f"sandbox     {sandbox.name}, running" in shown
    assert "kube-apiserver" in shown
    assert read(beside.fine("cluster.status", *name, "--json"))["state"] == "running"
    assert read(beside.fine("cluster.list", "--json"))["clusters"]
    assert "==> etcd" in beside.fine("cluster.logs", *name, "--lines", "1")
    assert Path(beside.fine("cluster.kubeconfig", *name).strip()).samefile(sandbox.kubeconfig)
    assert "its nodes are simulated and have no address" in beside.refused("cluster.address", *name)
    assert "has no docker in it" in beside.refused("cluster.docker-env", *name)


def test_a_cluster_that_is_simply_there_is_looked_at_and_left_alone(
    alone: Inv, sandbox: SandboxStatus, tmp_path: Path
) -> None:
    file = written(tmp_path / "far", sandbox, "far")
    environ = {"KUBECONFIG": str(file)}
    there = ("--provider", "existing", "--name", "far")
    shown = alone.fine("cluster.status", *there, environ=environ)
    assert "cluster     far, running" in shown
    assert "Ready" in shown
    assert alone.fine("cluster.kubeconfig", *there, environ=environ).strip() == str(file)
    for verb in ("cluster.up", "cluster.down"):
        assert "Its own tools do" in alone.refused(verb, *there, environ=environ)
    assert "is not allowed" in alone.refused("cluster.use", *there, code=3, environ=environ)


def test_the_doctor_leaves_with_5_only_when_asked_to_and_only_when_something_is_wrong(
    beside: Inv, sandbox: SandboxStatus, tmp_path: Path
) -> None:
    here = ("--context", sandbox.context)
    right = read(beside.fine("cluster.doctor", *here, "--platform", "k8s", "--check", "--json"))
    findings = right["findings"]
    assert isinstance(findings, list)
    assert {"about": "cluster", "state": "ok"}.items() <= next(
        f for f in findings if f["name"] == "permissions"
    ).items()
    missing = ("cluster.doctor", "--context", "nope", "--kubeconfig", str(tmp_path / "none"))
    assert "nope" in beside.fine(*missing)
    ended = beside(*missing, "--check")
    assert ended.code == 5
    assert ended.paragraph == "cluster.doctor: not right: cluster."


def test_a_platform_that_is_not_there_is_named_to_the_doctor(beside: Inv) -> None:
    assert "did you mean 'rstudio'" in beside.refused("cluster.doctor", "--platform", "rstdio")
