"""RStudio on a real control plane with simulated nodes: what needs no process is proven here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from allup import ListChildren, Platform, RunCommand, RunTrials
from allup.daily import offspring
from allup.daily.trying import Trying
from allup.errors import AllupError, ClusterError, InputError
from allup.run.progress import Action, CheckOutcome, Phase
from allup.run.seeing import Sight
from allup.sandbox import SandboxStatus
from allup.trials import TrialState, verdict
from k8s.rstudio import platform as module
from k8s.rstudio.platform import Settings, platform
from tests.cluster.platforms_for_tests import Instance, Object, Told, eventually, obj, pod_spec, unique_name

pytestmark = pytest.mark.cluster

CHECKOUT = Path(__file__).parents[2]
KEPT = {
    *("PersistentVolumeClaim/nfs", "PersistentVolumeClaim/nfs-data", "PersistentVolumeClaim/ldap-data"),
    *("PersistentVolumeClaim/rsp-state", "Service/nfs01"),
    *("Secret/launcher-keys", "Secret/ldap-users", "Secret/ldap-passwords", "Secret/ldap-tls"),
}


class RStudio(Instance):
    """An instance whose platform is the real one, with settings."""

    def define(self, **settings: Any) -> Platform:
        known = replace(Settings(), instance=self.name, namespace=self.namespace, **settings)
        return replace(platform(known), collection="k8s")

    def bring_up(self, **settings: Any) -> Told:
        return self.up(platform=self.define(**settings), timeout=120.0)

    def take_down(self, **options: Any) -> Told:
        return self.down(platform=self.define(), timeout=120.0, **options)

    def deployments(self) -> dict[str, str]:
        """The uid of each Deployment's pod."""
        return {name.rsplit("-", 2)[0]: uid for name, uid in self.pods().items()}

    def start_session(self, name: str, user: str, uid: int = 10001) -> None:
        """A session's Job and Service, as the launcher makes them."""
        labels = {"app.kubernetes.io/managed-by": "launcher"}
        template = {
            "metadata": {"annotations": {"user": user, "name": "RStudio Session"}},
            "spec": pod_spec("session", restartPolicy="Never", securityContext={"runAsUser": uid}),
        }
        job = obj("Job", name, "batch/v1", spec={"backoffLimit": 0, "template": template})
        door = obj(
            "Service",
            f"{name}-door",
            spec={"selector": {"job-name": name}, "ports": [{"port": 8788}]},
        )
        for each in (job, door):
            self.create(each, manager="launcher", labels=labels)

    def sessions(self) -> list[Object]:
        selector = "app.kubernetes.io/managed-by=launcher"
        return [*self.items("Job", selector), *self.items("Service", selector)]

    def sight(self, *_: Any, **__: Any) -> Sight:
        return Sight(self.session(), self.define(), frozenset())


@pytest.fixture
def rstudio(sandbox: SandboxStatus) -> Iterator[RStudio]:
    ours = RStudio(sandbox.kubeconfig, sandbox.context, unique_name(), Path(module.__file__).parent)
    try:
        yield ours
    finally:
        ours.discard()


def test_it_comes_up_stays_as_it_is_and_goes_down(rstudio: RStudio) -> None:
    first = rstudio.bring_up()
    assert first.outcome == "done"
    assert set(first.phases.values()) <= {Phase.READY, Phase.DISABLED}
    again = rstudio.bring_up()
    assert set(again.did().values()) == {Action.UNCHANGED}
    down = rstudio.take_down()
    assert down.outcome == "done"
    kept = KEPT | {f"PersistentVolume/{rstudio.name}-nfs"}
    assert {name for name in down.kept if not name.startswith("Namespace/")} == kept
    assert rstudio.deployments() == {}
    assert rstudio.take_down().outcome == "done"
    purged = rstudio.take_down(purge=True)
    assert purged.outcome == "done"
    assert rstudio.find(f"Namespace/{rstudio.namespace}") is None
    assert rstudio.find(f"PersistentVolume/{rstudio.name}-nfs") is None


@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "combined"},
        {"license_mode": "file"},
        {"mode": "combined", "license_mode": "server", "license_server": "licenses:8999"},
    ],
    ids=lambda settings: " ".join(str(value) for value in settings.values()),
)
def test_the_other_modes_come_up_and_go_down_without_ups_flags(
    rstudio: RStudio, settings: dict[str, str]
) -> None:
    assert rstudio.bring_up(**settings).outcome == "done"
    assert set(rstudio.bring_up(**settings).did().values()) == {Action.UNCHANGED}
    assert ("launcher" in rstudio.deployments()) is (settings.get("mode") != "combined")
    assert (rstudio.find("Secret/license") is None) is (settings.get("license_mode") == "server")
    assert rstudio.take_down().outcome == "done"
    assert rstudio.deployments() == {}
    assert rstudio.find("Secret/license") is None


def test_every_check_that_needs_a_process_is_skipped_and_says_so(rstudio: RStudio) -> None:
    told = rstudio.bring_up()
    outcomes = {check.check: check for result in told.finished.components for check in result.checks}
    assert outcomes["the claim has its volume"].outcome is CheckOutcome.PASSED
    others = [check for name, check in outcomes.items() if name != "the claim has its volume"]
    assert len(others) >= 10
    assert {(check.outcome, check.detail) for check in others} == {(CheckOutcome.SKIPPED, "simulated node")}


def test_the_keys_are_the_same_after_down_and_up(rstudio: RStudio) -> None:
    rstudio.bring_up()
    before = {name: rstudio.get(f"Secret/{name}")["data"] for name in ("launcher-keys", "ldap-users")}
    rstudio.take_down()
    rstudio.bring_up(mode="combined")
    assert {name: rstudio.get(f"Secret/{name}")["data"] for name in before} == before


def test_a_changed_setting_renews_exactly_the_pods_that_use_it(rstudio: RStudio) -> None:
    rstudio.bring_up()
    settings: dict[str, Any] = {}
    for name, value, expected in (
        ("session_timeout_minutes", 30, {"rsp"}),
        ("session_max_cpus", 8.0, {"launcher"}),
        ("ldap_organisation", "Other Inc.", {"openldap"}),
        ("nfs_mount_options", "nfsvers=4.2", set()),
        ("log_level", "debug", {"rsp", "launcher"}),
        ("workbench_version", "2026.07.1", {"rsp", "launcher"}),
    ):
        before = rstudio.deployments()
        settings[name] = value
        assert rstudio.bring_up(**settings).outcome == "done"
        after = rstudio.deployments()
        assert {pod for pod in after if after[pod] != before[pod]} == expected, name
    for name in ("rsp", "launcher"):
        (container,) = rstudio.get(f"Deployment/{name}")["spec"]["template"]["spec"]["containers"]
        assert "2026.07.1" in container["image"]
    profiles = rstudio.get("ConfigMap/launcher-config")["data"]["launcher.kubernetes.profiles.conf"]
    server = rstudio.get("ConfigMap/rsp-config")["data"]["rserver.conf"]
    assert "2026.07.1" in server + profiles


def test_a_change_to_combined_mode_moves_the_launcher_into_the_servers_pod(rstudio: RStudio) -> None:
    rstudio.bring_up()
    told = rstudio.bring_up(mode="combined")
    assert told.outcome == "done"
    pruned = told.did(Action.PRUNED)
    assert {"Deployment/launcher", "Service/launcher", "ConfigMap/launcher-config"} <= set(pruned)
    assert "ConfigMap/session-job" not in pruned
    spec = rstudio.get("Deployment/rsp")["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "job-launcher"
    eventually(lambda: "launcher" not in rstudio.deployments(), "the launcher to be gone")


# Sessions


def test_sessions_are_listed_ended_by_name_and_removed_on_the_way_down(rstudio: RStudio) -> None:
    rstudio.bring_up()
    for name, user in (("session-1", "joe"), ("session-2", "julie"), ("session-3", "bobo")):
        rstudio.start_session(name, user)
    definition, session = rstudio.define(), rstudio.session()
    task = next(t for t in definition.tasks if isinstance(t, ListChildren))
    found = offspring.listed(session, definition, task)
    assert [(o["metadata"]["name"], offspring.columns(task, o)[0]) for o in found] == [
        *(("session-1", "joe"), ("session-2", "julie"), ("session-3", "bobo")),
    ]
    with pytest.raises(InputError, match="did you mean 'session-1'"):
        offspring.end(session, definition, task, ["session-2", "sesion-1"])
    assert len(rstudio.sessions()) == 6
    gone = offspring.end(session, definition, task, ["session-1"])
    assert {f"{ref.kind}/{ref.name}" for ref in gone} == {"Job/session-1", "Service/session-1-door"}
    eventually(lambda: len(rstudio.sessions()) == 4, "session-1 to be gone")
    told = rstudio.take_down()
    assert {"Job/session-2", "Service/session-3-door"} <= set(told.did(Action.DELETED))
    assert rstudio.sessions() == []
    assert told.at("rsp", Phase.GONE) < told.at("nfs", Phase.DELETING)


def test_inv_lists_and_ends_them_for_a_person_and_for_a_program(
    rstudio: RStudio, sandbox_environ: dict[str, str]
) -> None:
    rstudio.bring_up()
    rstudio.start_session("session-1", "joe", 1000)
    rstudio.start_session("session-2", "joe")

    def inv(*words: str) -> str:
        where = ("--context", rstudio.context, "--instance", rstudio.name)
        command = [str(Path(sys.executable).parent / "inv"), "k8s.sessions", *where, *words]
        ended = subprocess.run(
            command, cwd=CHECKOUT, env=sandbox_environ, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    first, second = json.loads(inv("--json"))["items"]
    assert (first["name"], first["user"]) == ("session-1", "joe")
    assert first["uid"] == "1000, the directory began with 10001"
    assert second["uid"] == "10001"
    assert inv().splitlines()[0].split() == ["NAME", "USER", "UID", "SESSION", "STATE", "AGE"]
    assert "deleted Job" in inv("--stop", "session-1")
    eventually(lambda: len(rstudio.sessions()) == 2, "the session to be gone")
    assert "deleted Job" in inv("--stop", "all")
    eventually(lambda: rstudio.sessions() == [], "the other session to be gone")
    assert inv() == "No session is there.\n"


# The licence on the way down


def test_down_says_why_the_licence_could_not_be_listened_for_and_a_file_needs_no_word(
    rstudio: RStudio,
) -> None:
    rstudio.bring_up()
    assert "whether the licence is given back was not looked for: simulated node" in rstudio.take_down().notes
    rstudio.bring_up(license_mode="file")
    assert "licence" not in rstudio.take_down().notes


# CSI


def test_without_the_driver_csi_is_refused_before_anything_is_written(rstudio: RStudio) -> None:
    with pytest.raises(ClusterError, match=r"CSIDriver/nfs\.csi\.k8s\.io.*--nfs-mode address") as refused:
        rstudio.bring_up(nfs_mode="csi")
    assert refused.value.exit_code == 3
    assert rstudio.find(f"Namespace/{rstudio.namespace}") is None


def test_with_the_driver_the_homes_are_a_volume_by_name_and_a_way_back_is_found(rstudio: RStudio) -> None:
    driver = obj("CSIDriver", "nfs.csi.k8s.io", "storage.k8s.io/v1", spec={"attachRequired": False})
    rstudio.create(driver)
    try:
        assert rstudio.bring_up(nfs_mode="csi").outcome == "done"
        volume = rstudio.get(f"PersistentVolume/{rstudio.name}-nfs")["spec"]
        assert volume["csi"]["volumeAttributes"]["server"] == f"nfs01.{rstudio.name}.svc.cluster.local"
        assert rstudio.get("PersistentVolumeClaim/nfs")["status"]["phase"] == "Bound"
        rstudio.take_down()
        assert rstudio.bring_up().outcome == "done"
        address = rstudio.get("Service/nfs01")["spec"]["clusterIP"]
        volume = rstudio.get(f"PersistentVolume/{rstudio.name}-nfs")["spec"]
        assert volume["nfs"]["server"] == address
        assert "csi" not in volume
    finally:
        rstudio.delete("CSIDriver/nfs.csi.k8s.io")


# Tasks of its own, where no process runs


def test_trials_on_simulated_nodes_are_skipped_and_the_probe_pod_does_not_stay(rstudio: RStudio) -> None:
    rstudio.bring_up()
    definition = rstudio.define()
    task = next(t for t in definition.tasks if isinstance(t, RunTrials))
    told: list[str] = []
    results = Trying(rstudio.session(), definition, rstudio.sight()).trials(
        task, lambda result: told.append(result.trial.name)
    )
    assert [result.trial.name for result in results] == told == [trial.name for trial in task.trials]
    assert {result.state for result in results} == {TrialState.SKIPPED}
    judged = verdict(task, results)
    assert (judged.good, judged.sentence) == (None, "Nothing could be tried: simulated node.")
    eventually(lambda: not [p for p in rstudio.pods() if "probe" in p], "the probe pod to be gone")


def test_a_command_that_needs_a_process_is_refused_with_the_reason(rstudio: RStudio) -> None:
    rstudio.bring_up()
    definition = rstudio.define()
    task = next(t for t in definition.tasks if isinstance(t, RunCommand))
    with pytest.raises(AllupError, match="simulated node: no process answers"):
        Trying(rstudio.session(), definition, rstudio.sight()).command(task)
