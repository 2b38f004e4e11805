"""RStudio's two layouts, its two ways to mount, its own tasks: as its definition declares them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from allup import InputError, ListChildren, Platform, RunCommand, RunTrials, expressions
from allup.daily import offspring
from allup.loading import assemble, dependencies, live_values, load
from allup.manifests import builtin_scope
from allup.model.checks import CommandCheck, TcpCheck
from k8s.rstudio import platform as module
from k8s.rstudio.platform import JOE, PRIMARY_GROUP, SEED_USERS, Settings, platform

FOLDER = Path(module.__file__).parent
Object = Mapping[str, Any]


def made(settings: Settings) -> dict[str, Object]:
    """Every object of a platform by ``Kind/name``, as the engine puts it together."""
    loaded = load(platform(settings), FOLDER)
    found: dict[str, Object] = {}
    for component in loaded.enabled:
        secrets = {s.name: dict.fromkeys(s.keys, "value") for c in loaded.enabled for s in c.secrets}
        live = dict.fromkeys(live_values(loaded, component.name), "10.96.0.7")
        for desired in assemble(
            loaded, component.name, live=live, secrets=secrets, salt_key=b"\0" * 32, scope=builtin_scope
        ):
            found[f"{desired.ref.kind}/{desired.ref.name}"] = desired.body
    return found


@pytest.fixture(scope="module")
def split() -> dict[str, Object]:
    return made(Settings())


@pytest.fixture(scope="module")
def combined() -> dict[str, Object]:
    return made(Settings(mode="combined"))


def pod(objects: Mapping[str, Object], deployment: str) -> Object:
    found: Object = objects[f"Deployment/{deployment}"]["spec"]["template"]["spec"]
    return found


def mounts(objects: Mapping[str, Object], deployment: str) -> dict[str, Object]:
    """What is mounted in a pod's container: the volume's definition by mount path."""
    spec = pod(objects, deployment)
    volumes = {v["name"]: v for v in spec["volumes"]}
    return {m["mountPath"]: volumes[m["name"]] for m in spec["containers"][0]["volumeMounts"]}


def checks(definition: Platform, component: str) -> dict[str, Any]:
    return {check.name: check for check in definition.component(component).checks}


# Combined mode


def test_combined_mode_has_no_launcher_of_its_own_and_nothing_waits_for_one() -> None:
    definition = platform(Settings(mode="combined"))
    assert not definition.component("launcher").enabled
    needs = dependencies(load(definition, FOLDER))
    assert needs["rsp"] == {"launcher-keys", "ldap", "license", "nfs-pv"}


def test_in_combined_mode_the_servers_pod_has_all_that_the_launcher_needs(
    split: dict[str, Object], combined: dict[str, Object]
) -> None:
    apart, together = pod(split, "launcher"), pod(combined, "rsp")
    assert together["serviceAccountName"] == apart["serviceAccountName"]
    assert together["automountServiceAccountToken"] is True
    assert set(mounts(split, "launcher")) <= set(mounts(combined, "rsp"))
    config = combined["ConfigMap/rsp-config"]["data"]
    assert set(split["ConfigMap/launcher-config"]["data"]) <= set(config)
    keys = mounts(combined, "rsp")["/mnt/secret-configmap/rstudio"]["secret"]["items"]
    assert {k["key"] for k in keys} == {"launcher.pem", "launcher.pub", "secure-cookie-key"}
    assert combined["ConfigMap/session-job"]["data"] == split["ConfigMap/session-job"]["data"]


def test_each_mode_starts_the_launcher_exactly_once(
    split: dict[str, Object], combined: dict[str, Object]
) -> None:
    assert "emptyDir" in mounts(split, "rsp")["/startup/launcher"]
    assert "/startup/launcher" not in mounts(split, "launcher")
    assert "/startup/launcher" not in mounts(combined, "rsp")
    for objects, expected in ((split, "false"), (combined, "true")):
        env = {e["name"]: e.get("value") for e in pod(objects, "rsp")["containers"][0]["env"]}
        assert env["RSW_LAUNCHER"] == env["PWB_LAUNCHER"] == expected


def test_the_server_calls_the_launcher_where_it_listens(
    split: dict[str, Object], combined: dict[str, Object]
) -> None:
    assert "launcher-address=launcher\n" in split["ConfigMap/rsp-config"]["data"]["rserver.conf"]
    assert "address=0.0.0.0\n" in split["ConfigMap/launcher-config"]["data"]["launcher.conf"]
    together = combined["ConfigMap/rsp-config"]["data"]
    assert "launcher-address=localhost\n" in together["rserver.conf"]
    assert "address=127.0.0.1\n" in together["launcher.conf"]


@pytest.mark.parametrize("mode", ["split", "combined"])
def test_both_modes_declare_every_volume_they_mount_and_mount_all(mode: str) -> None:
    for name, obj in made(Settings(mode=mode)).items():
        if name.startswith("Deployment/"):
            spec = obj["spec"]["template"]["spec"]
            used = {m["name"] for c in spec["containers"] for m in c.get("volumeMounts", ())}
            assert used == {v["name"] for v in spec.get("volumes", ())}, name


# Health checks


@pytest.mark.parametrize("mode", ["split", "combined"])
def test_every_health_check_of_the_list_is_there_under_a_name_of_its_own(mode: str) -> None:
    definition = platform(Settings(mode=mode))
    found = [check.name for c in definition.components if c.enabled for check in c.checks]
    for name in (
        "the directory lets cn=readonly in and finds joe, over StartTLS",
        "the users of the directory are known",
        "the health page answers",
        "the licence allows use",
        "the launcher's port is open",
        "the launcher reaches the API and may see Jobs",
        "homes can be written and given to their users",
        "homes belong to the ids that the directory names",
        "sessions reach the address that they call back",
        "the claim has its volume",
    ):
        assert name in found
    for component in definition.components:
        names = [check.name for check in component.checks]
        assert len(names) == len(set(names)), component.name


@pytest.mark.parametrize(("mode", "where"), [("split", "launcher"), ("combined", "rsp")])
def test_the_launcher_is_checked_in_the_pod_where_it_runs(mode: str, where: str) -> None:
    component = platform(Settings(mode=mode)).component(where)
    targets = {
        check.target.name
        for check in component.checks
        if isinstance(check, CommandCheck | TcpCheck) and "launcher" in check.name
    }
    assert targets == {where}


def test_the_address_that_is_checked_is_the_one_sessions_are_given(split: dict[str, Object]) -> None:
    check = checks(platform(Settings()), "rsp")["sessions reach the address that they call back"]
    conf = split["ConfigMap/rsp-config"]["data"]["rserver.conf"]
    given = re.search(r"launcher-sessions-callback-address=(\S+)", conf)
    assert given is not None
    assert check.command[-1] == f"{given[1]}/health-check"


def test_no_check_puts_a_token_on_a_command_line() -> None:
    script = checks(platform(Settings()), "launcher")["the launcher reaches the API and may see Jobs"]
    assert "-H @-" in script.command[-1]
    assert "curl" not in script.command[-1].partition("|")[0]


# One id everywhere


def test_directory_server_launcher_sessions_and_homes_agree_on_joes_id(split: dict[str, Object]) -> None:
    name, _, uid = SEED_USERS[0]
    assert f"{uid}:{PRIMARY_GROUP}" == JOE
    ldif = split["Secret/ldap-seed"]["data"]["50-bootstrap.ldif"]
    assert "posixAccount" in _decoded(ldif)
    assert f"uid: {name}\nuidNumber: {uid}\ngidNumber: {PRIMARY_GROUP}\n" in _decoded(ldif)
    definition = platform(Settings())
    for component in ("rsp", "launcher"):
        found = checks(definition, component)["the users of the directory are known"]
        assert (found.command, found.expect) == (("getent", "passwd", name), f":{JOE}:")
    assert checks(definition, "rsp")["homes can be written and given to their users"].expect == JOE
    assert checks(definition, "nfs")["homes belong to the ids that the directory names"].expect == JOE
    # Sessions have no directory: they are given the ids that the server looked up.
    conf = split["ConfigMap/rsp-config"]["data"]["rserver.conf"]
    assert "launcher-sessions-create-container-user=1" in conf
    same = {d: mounts(split, d)["/etc/sssd/conf.d"]["secret"]["secretName"] for d in ("rsp", "launcher")}
    assert set(same.values()) == {"sssd"}


def _decoded(data: str) -> str:
    import base64

    return base64.b64decode(data).decode()


# The homes by CSI


def test_homes_are_mounted_by_address_or_by_a_driver_and_a_name_never_by_both() -> None:
    by_address = made(Settings())["PersistentVolume/rstudio-nfs"]["spec"]
    by_driver = made(Settings(nfs_mode="csi", instance="blue"))["PersistentVolume/blue-nfs"]["spec"]
    assert by_address["nfs"] == {"server": "10.96.0.7", "path": "/"}
    assert "csi" not in by_address
    assert "nfs" not in by_driver
    assert by_driver["csi"]["driver"] == "nfs.csi.k8s.io"
    assert by_driver["csi"]["volumeAttributes"]["server"] == "nfs01.blue.svc.cluster.local"


def test_two_instances_never_share_a_volume_handle() -> None:
    handles = {
        made(Settings(nfs_mode="csi", instance=i))[f"PersistentVolume/{i}-nfs"]["spec"]["csi"]["volumeHandle"]
        for i in ("blue", "green")
    }
    assert len(handles) == 2


def test_only_the_csi_mode_requires_the_driver_and_says_what_to_do_without() -> None:
    assert platform(Settings()).component("nfs-pv").requires == []
    (required,) = platform(Settings(nfs_mode="csi")).component("nfs-pv").requires
    assert str(required.ref) == "CSIDriver/nfs.csi.k8s.io"
    assert "--nfs-mode address" in required.otherwise


# Sessions' images and packages


def test_users_choose_among_the_listed_images_and_no_others() -> None:
    more = "posit/workbench-session:R4.4.3-ubuntu-24.04, own.example.net/r:1-ubuntu-24.04"
    objects = made(Settings(session_images=more, registry="mirror.example.net"))
    profile = objects["ConfigMap/launcher-config"]["data"]["launcher.kubernetes.profiles.conf"]
    listed = re.search(r"^container-images=(.*)$", profile, re.M)
    assert listed is not None
    assert listed[1].split(",") == [
        "mirror.example.net/posit/workbench-session:R4.5.2-python3.14.3-ubuntu-24.04",
        "mirror.example.net/posit/workbench-session:R4.4.3-ubuntu-24.04",
        "own.example.net/r:1-ubuntu-24.04",
    ]
    assert "allow-unknown-images=0" in profile


def test_packages_of_each_distribution_have_a_library_of_their_own() -> None:
    for image, library in (
        ("posit/workbench-session:R4.5.2-ubuntu-24.04", "~/R/ubuntu-24.04/%v"),
        ("example.net/r:rocky-9", "~/R/rocky-9/%v"),
    ):
        text = made(Settings(session_image=image))["ConfigMap/rsp-config"]["data"]["launcher-env"]
        assert f" R_LIBS_USER={library}\n" in text


def test_a_mirror_may_follow_the_distribution() -> None:
    url = "https://cran.example.net/__linux__/{distribution}/latest"
    conf = made(Settings(cran_url=url))["ConfigMap/session-config"]["data"]["rsession.conf"]
    assert "r-cran-repos=https://cran.example.net/__linux__/noble/latest\n" in conf


def test_images_of_another_release_are_refused_by_the_name_of_the_setting() -> None:
    for field in ("rsp_image", "launcher_image", "session_image", "session_images"):
        image: dict[str, Any] = {field: "posit/workbench:2025.01.0-ubuntu-24.04"}
        with pytest.raises(InputError, match=rf"{field}.*2025\.01\.0"):
            platform(replace(Settings(), **image))
    with pytest.raises(InputError, match="with a tag"):
        platform(Settings(session_init_image="posit/workbench-session-init:2026.08.1"))


# Secrets


def test_every_generated_secret_says_what_its_rotation_breaks() -> None:
    secrets = [s for c in platform(Settings()).components for s in c.secrets]
    assert {s.name for s in secrets if s.generated and not s.rotation} == set()
    assert {s.name for s in secrets if s.generated} == {
        *("launcher-keys", "ldap-users", "ldap-passwords", "ldap-tls"),
    }


# Its own tasks


def test_sessions_are_listed_with_their_user_and_state() -> None:
    task = next(t for t in platform(Settings()).tasks if isinstance(t, ListChildren))
    job = {
        "metadata": {"name": "session-1"},
        "spec": {"template": {"metadata": {"annotations": {"user": "joe", "name": "RStudio Session"}}}},
    }
    assert expressions.first(task.columns["user"], job) == "joe"
    assert expressions.first(task.columns["session"], job) == "RStudio Session"
    for status, state in (
        ({}, "pending"),
        ({"active": 1}, "starting"),
        ({"active": 1, "ready": 1}, "running"),
        ({"succeeded": 1}, "ended"),
        ({"failed": 1}, "failed"),
    ):
        assert expressions.first(task.columns["state"], {**job, "status": status}) == state


@pytest.mark.parametrize(
    ("user", "pod", "container", "shown"),
    [
        ("joe", {"runAsUser": 10001}, {}, "10001"),
        ("joe", {"runAsUser": 10001}, {"runAsUser": 1000}, "1000, the directory began with 10001"),
        ("somebody", {}, {"runAsUser": 20000}, "20000"),
        ("joe", {}, {}, ""),
    ],
)
def test_a_session_shows_the_id_it_runs_with_and_one_that_disagrees(
    user: str, pod: Object, container: Object, shown: str
) -> None:
    task = next(t for t in platform(Settings()).tasks if isinstance(t, ListChildren))
    spec = {"securityContext": pod, "containers": [{"name": "main", "securityContext": container}]}
    job = {"metadata": {}, "spec": {"template": {"metadata": {"annotations": {"user": user}}, "spec": spec}}}
    assert offspring.columns(task, job)[list(task.columns).index("uid")] == shown


def test_its_tasks_run_in_the_same_place_in_both_modes() -> None:
    tasks = [
        {t.name: t.target for t in platform(Settings(mode=mode)).tasks if isinstance(t, RunCommand)}
        for mode in ("split", "combined")
    ]
    assert tasks[0] == tasks[1] == {"license-status": "deploy/rsp", "verify": "deploy/rsp"}


def test_the_trials_go_through_protocols_options_paths_and_ownership() -> None:
    task = next(t for t in platform(Settings()).tasks if isinstance(t, RunTrials))
    names = " ".join(trial.name for trial in task.trials)
    for part in ("-t nfs4", "-t nfs -o", "vers=3", "vers=4.1", "nolock", ":/exports", ":/share", "nfs01:/"):
        assert part in names
    for part in ("created", "changed", "given to a user", "same owner", "as joe"):
        assert part in names
    assert task.probe is not None
    assert task.probe.privileged
