"""A platform's files, and one component's objects from them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from allup.errors import InputError
from allup.loading import LoadedPlatform, assemble, dependencies, live_values, load
from allup.manifests import Desired, builtin_scope
from allup.model.labels import EVALUATION, KEEP
from allup.model.live import KnownLater, Live, live
from allup.model.platform import Component, Platform, config_map, config_secret, pin
from allup.model.secrets import Password, Provided, Secret

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: nfs01}\nspec: {}\n"
VOLUME = """apiVersion: v1
kind: PersistentVolume
metadata: {name: "${instance}-nfs"}
spec: {nfs: {server: "${server}"}}
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n"
NFS_IP = live("Service/nfs01", ".spec.clusterIP")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "nfs.yaml": SERVICE,
        "nfs-pv.yaml": VOLUME,
        "plain.yaml": CONFIG,
        "config/ldap/users.ldif": "pw: {{ secrets['ldap']['admin'] }}\n",
        "config/app.conf": "server={{ server }} workers={{ workers }}\n",
    }
    for name, text in files.items():
        file = tmp_path / "shop" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "shop"


def loaded(folder: Path, *components: Component, **platform: Any) -> LoadedPlatform:
    return load(Platform("shop", components, **platform), folder)


def objects(loaded: LoadedPlatform, component: str, **given: Any) -> dict[str, Desired]:
    arguments: dict[str, Any] = {"live": {}, "secrets": {}, "salt_key": b"s", "scope": builtin_scope, **given}
    return {str(desired.ref): desired for desired in assemble(loaded, component, **arguments)}


def test_manifests_configs_and_secrets_of_a_component_come_together(folder: Path) -> None:
    one = loaded(
        folder,
        Component(
            "ldap",
            "plain.yaml",
            configs=[config_secret("seed", "ldap/users.ldif"), config_map("app", "app.conf")],
            secrets=[Secret("ldap", {"admin": Password()})],
            values={"workers": 2},
        ),
        values={"server": "s", "workers": 1},
    )
    found = objects(one, "ldap", secrets={"ldap": {"admin": "correct-horse"}})
    assert list(found) == [
        "Secret/shop/ldap",
        "Secret/shop/seed",
        "ConfigMap/shop/app",
        "ConfigMap/shop/plain",
    ]
    assert base64.b64decode(found["Secret/shop/seed"].body["data"]["users.ldif"]) == b"pw: correct-horse\n"
    assert found["ConfigMap/shop/app"].body["data"] == {"app.conf": "server=s workers=2\n"}
    assert found["Secret/shop/ldap"].body["data"] == {"admin": base64.b64encode(b"correct-horse").decode()}
    assert found["Secret/shop/ldap"].body["metadata"]["annotations"] == {KEEP: "generated"}


def test_instance_and_namespace_default_to_the_name_above_them(folder: Path) -> None:
    component = Component("a", "plain.yaml")
    assert list(objects(loaded(folder, component, instance="blue"), "a")) == ["ConfigMap/blue/plain"]
    given = loaded(folder, component, instance="blue", namespace="ns")
    assert list(objects(given, "a")) == ["ConfigMap/ns/plain"]


def test_a_secret_not_resolved_yet_is_known_later_wherever_it_is_quoted(folder: Path) -> None:
    one = loaded(
        folder,
        Component("keys", secrets=[Secret("ldap", {"admin": Password()})]),
        Component("ldap", configs=[config_secret("seed", "ldap/users.ldif")]),
    )
    secret = objects(one, "keys")["Secret/shop/ldap"]
    assert secret.body["data"] == {"admin": "generated at the first up"}
    assert secret.known_later
    assert objects(one, "ldap")["Secret/shop/seed"].known_later


def test_a_provided_secret_is_not_marked_as_kept_and_a_stand_in_is_marked(folder: Path) -> None:
    one = loaded(
        folder, Component("a", secrets=[Secret("license", {"rsp": Provided(env="X")}, type="example/x")])
    )
    plain = objects(one, "a", secrets={"license": {"rsp": "v"}})["Secret/shop/license"].body
    assert "annotations" not in plain["metadata"]
    assert plain["type"] == "example/x"
    marked = objects(one, "a", evaluation=["license"])["Secret/shop/license"].body
    assert marked["metadata"]["annotations"] == {EVALUATION: "true"}


def test_a_live_value_is_filled_in_at_any_depth_and_a_missing_one_is_a_mistake_of_ours(folder: Path) -> None:
    one = loaded(
        folder, Component("nfs-pv", "nfs-pv.yaml", values={"server": NFS_IP, "more": {"l": [NFS_IP]}})
    )
    filled = objects(one, "nfs-pv", live={NFS_IP: "10.0.0.7"})["PersistentVolume/shop-nfs"]
    assert filled.body["spec"] == {"nfs": {"server": "10.0.0.7"}}
    planned = objects(one, "nfs-pv", live={NFS_IP: KnownLater("known after nfs is up")})
    assert planned["PersistentVolume/shop-nfs"].known_later
    with pytest.raises(KeyError):
        objects(one, "nfs-pv")


def test_the_same_object_from_a_config_and_a_manifest_is_refused(folder: Path) -> None:
    one = loaded(folder, Component("a", "plain.yaml", configs=[config_map("plain")]))
    with pytest.raises(InputError, match="ConfigMap/shop/plain is described twice"):
        objects(one, "a")


@pytest.mark.parametrize(
    ("component", "fact"),
    [
        (Component("a", "nsf.yaml"), r"names the manifest 'nsf.yaml'.*did you mean 'nfs.yaml'"),
        (
            Component("a", configs=[config_map("c", "ldap/user.ldif")]),
            r"names the template 'config/ldap/user.ldif'.*did you mean 'ldap/users.ldif'",
        ),
    ],
)
def test_a_missing_file_names_platform_py_and_suggests_one_that_is_there(
    folder: Path, component: Component, fact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    with pytest.raises(InputError, match=fact) as caught:
        loaded(folder, component)
    assert caught.value.subject == "component 'a' in shop/platform.py"


def test_a_disabled_component_needs_no_files(folder: Path) -> None:
    one = loaded(folder, Component("a", "gone.yaml", enabled=False), Component("b", "plain.yaml"))
    assert set(one.documents) == {"b"}


def test_messages_name_files_from_where_the_command_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    one = loaded(folder, Component("a", "nfs-pv.yaml", configs=[config_map("c", "app.conf")]))
    with pytest.raises(InputError, match=r"^shop/config/app.conf:1: 'server' is not"):
        objects(one, "a")
    assert one.documents["a"][0].path == "shop/nfs-pv.yaml"


def test_live_values_are_those_a_component_really_needs(folder: Path) -> None:
    used, unused, own = NFS_IP, live("Service/x", ".y"), live("Service/z", ".y", default="")
    again = live("PersistentVolume/shop-nfs", ".spec.nfs.server", default=None)
    one = loaded(
        folder,
        Component("nfs", "nfs.yaml", pins=[pin("Service/nfs01", "spec.clusterIP", recreate_from=again)]),
        Component("pv", "nfs-pv.yaml", values={"own": own}),
        Component("app", configs=[config_map("c", "app.conf")]),
        values={"server": used, "unused": unused, "workers": 1},
    )
    assert live_values(one, "nfs") == (again,)
    assert live_values(one, "pv") == (used, own)
    assert live_values(one, "app") == (used,)
    assert "ConfigMap/shop/c" in objects(one, "app", live={used: "10.0.0.7"})


def needs(folder: Path, components: Sequence[Component]) -> dict[str, set[str]]:
    return {name: set(others) for name, others in dependencies(loaded(folder, *components)).items()}


def test_a_component_comes_after_whoever_makes_what_it_reads(folder: Path) -> None:
    nfs = Component("nfs", "nfs.yaml")
    plain = Component("plain", "plain.yaml")
    volume = Component("pv", "nfs-pv.yaml", after=["plain"], values={"server": NFS_IP})
    assert needs(folder, [nfs, plain, volume]) == {"nfs": set(), "plain": set(), "pv": {"nfs", "plain"}}


def test_a_default_and_a_pin_add_no_dependency(folder: Path) -> None:
    soft = live("Service/nfs01", ".spec.clusterIP", default="10.0.0.1")
    again = live("PersistentVolume/shop-nfs", ".spec.nfs.server")
    nfs = Component("nfs", "nfs.yaml", pins=[pin("Service/nfs01", "spec.clusterIP", recreate_from=again)])
    assert needs(folder, [nfs, Component("pv", "nfs-pv.yaml", values={"server": soft})]) == {
        "nfs": set(),
        "pv": set(),
    }


def test_a_disabled_component_is_nobodys_dependency(folder: Path) -> None:
    off = Component("off", "gone.yaml", enabled=False)
    assert needs(folder, [off, Component("a", "plain.yaml", after=["off"])]) == {"a": set()}


@pytest.mark.parametrize(
    ("value", "fact"),
    [
        (live("Service/nfs1", ".x"), "no enabled component makes it (did you mean 'Service/nfs01'?)"),
        (live("PersistentVolume/shop-nfs", ".x"), "belongs to an object of the same component"),
        (live("Service/elsewhere/nfs01", ".x"), "no enabled component makes it"),
    ],
)
def test_a_live_value_nobody_can_give_is_refused(folder: Path, value: Live, fact: str) -> None:
    with pytest.raises(InputError) as caught:
        needs(
            folder, [Component("nfs", "nfs.yaml"), Component("pv", "nfs-pv.yaml", values={"server": value})]
        )
    assert fact in str(caught.value)
