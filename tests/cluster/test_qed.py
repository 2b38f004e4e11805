"""QED on a real control plane with simulated nodes: what needs no process is proven here."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from allup import Platform
from allup.errors import AllupError, InputError
from allup.run.progress import Action, CheckOutcome, Phase
from allup.sandbox import SandboxStatus
from k8s.qed import platform as module
from k8s.qed.platform import platform
from k8s.qed.settings import Settings
from tests.cluster.platforms_for_tests import Instance, Told, eventually, unique_name

pytestmark = pytest.mark.cluster

KEPT = {
    *(
        f"PersistentVolumeClaim/{name}"
        for name in ("qed-data", "redis-data", "mongodb-data", "postgres-data")
    ),
    *("Secret/django", "Secret/postgres"),
}


class Qed(Instance):
    """An instance whose platform is the real one, with settings."""

    def define(self, **settings: Any) -> Platform:
        known = replace(Settings(), instance=self.name, namespace=self.namespace, **settings)
        return replace(platform(known), collection="qed")

    def bring_up(self, *only: str, **settings: Any) -> Told:
        return self.up(platform=self.define(**settings), timeout=120.0, only=only)

    def take_down(self, **options: Any) -> Told:
        return self.down(platform=self.define(), timeout=120.0, **options)

    def workloads(self) -> dict[str, str]:
        """The uid of each workload's pod, by the label ``app``."""
        return {
            pod["metadata"]["labels"]["app"]: pod["metadata"]["uid"]
            for pod in self.items("Pod")
            if not pod["metadata"].get("deletionTimestamp")
        }

    def renewed(self, before: dict[str, str]) -> set[str]:
        after = self.workloads()
        return {app for app in after if after[app] != before.get(app)}

    def value(self, secret: str, key: str) -> str:
        return base64.b64decode(self.get(f"Secret/{secret}")["data"][key]).decode()


@pytest.fixture
def qed(sandbox: SandboxStatus) -> Iterator[Qed]:
    ours = Qed(sandbox.kubeconfig, sandbox.context, unique_name(), Path(module.__file__).parent)
    try:
        yield ours
    finally:
        ours.discard()


def test_a_plan_on_an_empty_sandbox_lists_everything_and_what_is_off(qed: Qed) -> None:
    plan = qed.plan(platform=qed.define())
    actions = {f"{e.ref.kind}/{e.ref.name}": e.action for e in plan.entries}
    assert set(actions.values()) == {"create"}
    assert {"Deployment/qed-django", "StatefulSet/postgres", "Secret/django"} <= set(actions)
    assert "Deployment/qed-tomcat" not in actions
    off = dict(plan.off)
    assert set(off) == {"login", "certificate", "tomcat", "ingress"}
    assert "licence" in off["tomcat"]
    assert qed.find(f"Namespace/{qed.namespace}") is None


def test_it_comes_up_stays_as_it_is_and_goes_down_and_its_data_stay(qed: Qed) -> None:
    first = qed.bring_up()
    assert first.outcome == "done"
    assert set(first.phases.values()) <= {Phase.READY, Phase.DISABLED}
    checks = {check for part in first.finished.components for check in part.checks}
    assert len(checks) == 14
    assert {(c.outcome, c.detail) for c in checks} == {(CheckOutcome.SKIPPED, "simulated node")}
    assert len(qed.workloads()) == 14
    level = qed.get(f"Namespace/{qed.namespace}")["metadata"]["labels"]
    assert level["pod-security.kubernetes.io/enforce"] == "baseline"

    again = qed.bring_up()
    assert set(again.did().values()) == {Action.UNCHANGED}

    # One part down and up again, and nothing else moves.
    before = qed.workloads()
    assert qed.take_down(only=("flask",)).outcome == "done"
    assert "qed-flask" not in qed.workloads()
    assert qed.find("Service/qed-flask") is not None  # nginx ends without the name
    assert qed.bring_up("flask").did(Action.CREATED) == {"Deployment/qed-flask": Action.CREATED}
    assert qed.renewed(before) == {"qed-flask"}

    secrets = {name: qed.get(f"Secret/{name}")["data"] for name in ("django", "postgres")}
    down = qed.take_down()
    assert down.outcome == "done"
    assert {name for name in down.kept if not name.startswith("Namespace/")} == KEPT
    eventually(lambda: qed.workloads() == {}, "every pod to be gone")
    assert qed.bring_up("environment").outcome == "done"
    assert {name: qed.get(f"Secret/{name}")["data"] for name in secrets} == secrets
    assert qed.take_down(purge=True).outcome == "done"
    assert qed.find(f"Namespace/{qed.namespace}") is None


def test_a_changed_setting_renews_exactly_the_pods_that_use_it(qed: Qed) -> None:
    assert qed.bring_up().outcome == "done"
    settings: dict[str, Any] = {}
    apps = {"qed-django", "qed-flask", "qed-celery", "cts-manager", "cts-worker"}
    for name, value, expected in (
        ("celery_concurrency", 3, {"qed-celery"}),
        ("flask_mem", "2Gi", {"qed-flask"}),
        ("flask_image", "example.org/flask_qed:2", {"qed-flask", "qed-celery"}),
        ("dask_worker_cpu", "1", {"dask-worker"}),
        ("service_type", "NodePort", set()),
        ("https", "made", {"qed-nginx"}),
        ("django_settings", "settings_kube", {"qed-django"}),
        ("is_public", True, apps),
    ):
        before = qed.workloads()
        settings[name] = value
        assert qed.bring_up(**settings).outcome == "done", name
        assert qed.renewed(before) == expected, name


def test_a_part_that_is_switched_off_goes_with_its_service_and_comes_back(qed: Qed) -> None:
    assert qed.bring_up().outcome == "done"
    before = qed.workloads()
    told = qed.bring_up(cts=False)
    assert set(told.did(Action.PRUNED)) == {
        *("Deployment/cts-manager", "Deployment/cts-worker", "Deployment/cts-nodejs", "Service/cts-nodejs")
    }
    assert qed.renewed(before) == {"qed-nginx"}  # which would end without the name
    assert qed.bring_up().outcome == "done"
    assert {"cts-manager", "cts-worker", "cts-nodejs"} <= set(qed.workloads())


def test_everything_optional_comes_up_from_a_folder_of_the_nodes(qed: Qed) -> None:
    qed.environ["QED_LOGIN_HASH"] = "$2b$12$canary-of-a-hash\n"
    sets = "site,sam,basins,hms-app-data,hms-databases,dask-source,pisces,tomcat"
    told = qed.bring_up(data=sets, data_root="/srv/qed", https="made", login=True, ingress=True)
    assert told.outcome == "done"
    assert Phase.DISABLED not in told.phases.values()
    assert qed.value("qed-login", "secret_key_login.txt") == "$2b$12$canary-of-a-hash"  # no newline
    assert "canary-of-a-hash" not in json.dumps(qed.get("Deployment/qed-django"))
    outcomes = {c.check: c.outcome for part in told.finished.components for c in part.checks}
    assert outcomes["the claim has its volume"] is CheckOutcome.PASSED
    assert qed.take_down(purge=True).outcome == "done"
    assert qed.find(f"PersistentVolume/{qed.name}-data") is None


def test_the_demo_comes_up_in_a_restricted_namespace(qed: Qed) -> None:
    told = qed.bring_up(preset="demo", data="tomcat", https="made")
    assert told.outcome == "done"
    level = qed.get(f"Namespace/{qed.namespace}")["metadata"]["labels"]
    assert level["pod-security.kubernetes.io/enforce"] == "restricted"
    assert len(qed.workloads()) == 15

    # The originals' images, which run as root, would not be let in: the level goes with the settings.
    entry = next(e for e in qed.plan(platform=qed.define()).entries if e.ref.kind == "Namespace")
    assert (entry.action, entry.note) == ("change", "Pod Security restricted → baseline")
    told = qed.bring_up()
    assert (told.outcome, "baseline now, not restricted" in told.notes) == ("done", True)
    level = qed.get(f"Namespace/{qed.namespace}")["metadata"]["labels"]
    assert level["pod-security.kubernetes.io/enforce"] == "baseline"


def test_another_password_than_the_databases_own_is_refused_before_anything_changes(qed: Qed) -> None:
    qed.environ["POSTGRES_PASSWORD"] = "first-canary-1"
    assert qed.bring_up("postgres").outcome == "done"
    django = base64.b64decode(qed.get("Secret/qed-django")["data"]["secret_key_database.txt"]).decode()
    assert django.strip() == qed.value("postgres", "password") == "first-canary-1"
    before = qed.versions()
    qed.environ["POSTGRES_PASSWORD"] = "second-canary-2"
    with pytest.raises(AllupError, match="made with other values") as error:
        qed.bring_up("postgres")
    assert "canary" not in str(error.value)
    assert qed.versions() == before


def test_a_login_without_its_hash_is_refused_before_anything_is_there(qed: Qed) -> None:
    with pytest.raises(InputError, match="QED_LOGIN_HASH"):
        qed.bring_up(login=True)
    assert qed.find(f"Namespace/{qed.namespace}") is None
