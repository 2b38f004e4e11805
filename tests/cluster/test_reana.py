"""REANA on a real control plane with simulated nodes: what needs no process is proven here.

0.6.1 works in the namespace default alone, so there is one installation at a time on the sandbox.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from allup import Platform
from allup.errors import AllupError, InputError
from allup.run.progress import Action, CheckOutcome, Phase
from allup.sandbox import SandboxStatus
from k8s.reana import platform as module
from k8s.reana.platform import NAMESPACE, Settings, platform
from tests.cluster.platforms_for_tests import Instance, Told, unique_name

pytestmark = pytest.mark.cluster

CHECKOUT = Path(__file__).parents[2]
CANARY = "CanaryOfTheDatabase1"
DEFAULT = {
    "accounts",
    "network",
    "workspaces",
    "db",
    "cache",
    "message-broker",
    "server",
    "workflow-controller",
}
DATA = {
    "PersistentVolumeClaim/reana-db",
    "PersistentVolumeClaim/reana-cache",
    "PersistentVolumeClaim/reana-message-broker",
    "PersistentVolumeClaim/manila-cephfs-pvc",
    "Secret/reana-db-secrets",
    "Secret/reana-cache-secrets",
    "Secret/reana-server-secrets",
}


class Reana(Instance):
    """An instance whose platform is the real one, with settings; in the one namespace it can be in."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.namespace = NAMESPACE

    def define(self, **settings: Any) -> Platform:
        return replace(platform(replace(Settings(), instance=self.name, **settings)), collection="reana")

    def bring_up(self, *only: str, **settings: Any) -> Told:
        return self.up(platform=self.define(**settings), only=only, timeout=120.0)

    def take_down(self, *only: str, **options: Any) -> Told:
        return self.down(platform=self.define(), only=only, timeout=120.0, **options)

    def discard(self) -> None:
        self.take_down(purge=True)

    def running(self) -> dict[str, str]:
        """The uid of each app's pod."""
        return {
            pod["metadata"]["labels"]["app"]: pod["metadata"]["uid"]
            for pod in self.items("Pod", f"app.kubernetes.io/instance={self.name}")
            if not pod["metadata"].get("deletionTimestamp")
        }

    def inv(self, environ: dict[str, str], task: str, *words: str) -> subprocess.CompletedProcess[str]:
        here = ("--context", self.context, "--instance", self.name)
        return subprocess.run(
            [Path(sys.executable).with_name("inv"), f"reana.{task}", *words, *here],
            cwd=CHECKOUT,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )


@pytest.fixture
def reana(sandbox: SandboxStatus) -> Iterator[Reana]:
    ours = Reana(sandbox.kubeconfig, sandbox.context, unique_name(), Path(module.__file__).parent)
    try:
        yield ours
    finally:
        ours.discard()


def test_it_comes_up_stays_changes_only_what_it_must_and_goes_down(reana: Reana) -> None:
    reana.environ["REANA_DB_PASSWORD"] = CANARY
    plan = reana.plan(platform=reana.define())
    assert {entry.action for entry in plan.entries} == {"create"}
    assert reana.running() == {}

    first = reana.bring_up()
    assert first.outcome == "done"
    assert {name for name, phase in first.phases.items() if phase is Phase.READY} == DEFAULT
    checks = {check.check: check.outcome for part in first.finished.components for check in part.checks}
    assert set(checks.values()) == {CheckOutcome.SKIPPED}
    assert {"the server answers", "no other password opens the database", "the cache answers"} <= set(checks)
    # Nothing starts before what it needs: the server after its data, the controller after the server.
    for part in ("accounts", "workspaces", "db", "cache", "message-broker"):
        assert first.at(part, Phase.READY) < first.at("server", Phase.APPLYING)
    assert first.at("server", Phase.READY) < first.at("workflow-controller", Phase.APPLYING)

    assert set(reana.bring_up().did().values()) == {Action.UNCHANGED}

    # The password is in its Secret and nowhere else: no object, no annotation, no report.
    secret = reana.get("Secret/reana-db-secrets")
    assert base64.b64decode(secret["data"]["password"]).decode() == CANARY
    encoded = base64.b64encode(CANARY.encode()).decode()
    for kind in ("Secret", "ConfigMap", "Pod", "StatefulSet", "Deployment", "PersistentVolumeClaim", "Event"):
        for one in reana.items(kind):
            if one["metadata"]["name"] != "reana-db-secrets":
                assert CANARY not in json.dumps(one), f"{kind}/{one['metadata']['name']}"
                assert encoded not in json.dumps(one), f"{kind}/{one['metadata']['name']}"
    assert CANARY not in repr(first.progress)

    # One component down, and up again; one that others need is not taken from under them.
    before = reana.running()
    assert reana.take_down("workflow-controller").outcome == "done"
    assert set(before) - set(reana.running()) == {"workflow-controller"}
    assert reana.bring_up().outcome == "done"
    with pytest.raises(InputError, match="workflow-controller"):
        reana.take_down("server")
    now = reana.running()
    assert {app for app in before if before[app] != now[app]} == {"workflow-controller"}

    # A changed setting rolls those pods that it is about.
    assert reana.bring_up(cwl_image="example.org/cwl:2").outcome == "done"
    after = reana.running()
    assert {app for app in now if now[app] != after[app]} == {"workflow-controller"}
    assert reana.bring_up(cwl_image="example.org/cwl:2", cache_mem="256Mi").outcome == "done"
    last = reana.running()
    assert {app for app in after if after[app] != last[app]} == {"cache"}

    down = reana.take_down()
    assert down.outcome == "done"
    assert set(down.kept) == DATA
    assert reana.running() == {}
    assert reana.take_down(purge=True).outcome == "done"
    assert reana.left() == set()
    assert reana.find("Namespace/default") is not None


def test_another_password_than_the_data_was_made_with_is_refused(reana: Reana) -> None:
    reana.environ["REANA_DB_PASSWORD"] = "first-password"
    assert reana.bring_up("db").outcome == "done"
    before = reana.running()
    reana.environ["REANA_DB_PASSWORD"] = "second-password"
    with pytest.raises(AllupError, match="its data was made with other values"):
        reana.bring_up("db")
    assert reana.running() == before


def test_a_second_one_in_the_same_cluster_is_refused_and_the_first_is_not_touched(reana: Reana) -> None:
    assert reana.bring_up("cache").outcome == "done"
    before = reana.versions()
    other = Reana(reana.kubeconfig, reana.context, unique_name(), reana.folder)
    try:
        assert other.bring_up("cache")["cache"].phase is Phase.FAILED
    finally:
        other.discard()
    assert reana.versions() == before


def test_development_asks_the_node_for_the_sources_first_and_goes_back_without_leaving_anything(
    reana: Reana,
) -> None:
    told = reana.bring_up(dev=True, ui=True, reana_url="reana.example.org")
    assert told.outcome == "done"
    assert {name for name, phase in told.phases.items() if phase is Phase.READY} == DEFAULT | {
        *("sources", "wdb", "ui", "ingress")
    }
    for part in ("message-broker", "server"):
        assert told.at("sources", Phase.READY) < told.at(part, Phase.APPLYING)
    assert reana.get("Job/reana-sources")["status"]["succeeded"] == 1
    assert reana.get("Secret/reana-tls")["type"] == "kubernetes.io/tls"
    back = reana.bring_up()
    assert back.outcome == "done"
    for gone in ("Job/reana-sources", "Deployment/wdb", "Deployment/ui", "Ingress/frontend"):
        assert reana.find(gone) is None


CLUSTER_FILE = """\
cluster:
  type: kubernetes
  version: v1.16.3
  root_path: /data/reana
  shared_volume_path: /data/reana
  db_persistence_path: /data/reana-db
components:
  reana-workflow-controller: {image: "example.org/controller:1"}
  reana-server: {image: "example.org/server:1"}
  reana-message-broker: {image: "example.org/broker:1"}
"""


def test_a_layouts_file_is_brought_up_verified_and_reached_as_a_person_asks(
    reana: Reana, sandbox_environ: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "reana-cluster.yaml"
    file.write_text(CLUSTER_FILE)
    node_port = ("--service-type", "NodePort", "--server-node-port", "32767")
    up = reana.inv(sandbox_environ, "init", "--cluster-file", str(file), *node_port)
    assert up.returncode == 0, up.stderr

    # The version of the file is told, and fails only when it is asked to.
    said = reana.inv(sandbox_environ, "verify", "--json")
    assert said.returncode == 0, said.stderr
    compared = {one["what"]: one for one in json.loads(said.stdout)["compared"]}
    assert compared["Kubernetes"]["verdict"] == "differs"
    assert compared["Deployment/server scheduler"]["found"] == "example.org/server:1"
    assert {one["verdict"] for what, one in compared.items() if what != "Kubernetes"} == {"match"}
    assert "Kubernetes" not in reana.inv(sandbox_environ, "verify", "components").stdout

    reana.patch(
        "Deployment/server",
        {"spec": {"template": {"spec": {"nodeSelector": {"type": "kwok"}}}}},
    )
    template = reana.get("Deployment/server")["spec"]["template"]["spec"]
    template["containers"][1]["image"] = "example.org/server:other"
    reana.patch("Deployment/server", {"spec": {"template": {"spec": {"containers": template["containers"]}}}})
    wrong = reana.inv(sandbox_environ, "verify")
    assert wrong.returncode == 1
    assert "Deployment/server scheduler is example.org/server:other" in wrong.stderr
    assert "did you mean 'backend'" in reana.inv(sandbox_environ, "verify", "backnd").stderr

    shell = reana.inv(sandbox_environ, "env").stdout.splitlines()
    url = next(line for line in shell if line.startswith("export REANA_SERVER_URL="))
    assert url.startswith("export REANA_SERVER_URL=http://")
    assert url.endswith(":32767")
    token = next(line for line in shell if line.startswith("export REANA_ACCESS_TOKEN="))
    assert token.startswith('export REANA_ACCESS_TOKEN="$(inv reana.admin-token ')
    assert "on a simulated node" in reana.inv(sandbox_environ, "admin-token").stderr

    refused = reana.inv(sandbox_environ, "plan", "--namespace", "elsewhere")
    assert refused.returncode == 2
    assert "is not one REANA 0.6.1 works in" in refused.stderr

    restarted = reana.running()
    assert reana.inv(sandbox_environ, "restart", "cache").returncode == 0
    now = reana.running()
    assert {app for app in restarted if restarted[app] != now[app]} == {"cache"}
    assert reana.inv(sandbox_environ, "down").returncode == 0
    assert reana.running() == {}
