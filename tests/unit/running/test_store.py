"""What has been seen is found again by whatever it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allup.cluster.store import Store
from allup.model import labels
from allup.refs import ObjectRef


def seen(
    kind: str,
    name: str,
    *,
    component: str = "",
    version: int = 1,
    owner: str = "",
    more: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "here",
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        "labels": {**({labels.COMPONENT: component} if component else {}), **(more or {})},
    }
    if owner:
        metadata["ownerReferences"] = [{"kind": "X", "name": owner, "uid": owner, "controller": True}]
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def names(found: Any) -> list[str]:
    return [ref.name for ref, _ in found]


def test_a_component_finds_its_objects_of_all_kinds_or_of_some() -> None:
    store = Store()
    for obj in (
        seen("Pod", "one", component="ldap"),
        seen("ConfigMap", "two", component="ldap"),
        seen("Pod", "three", component="nfs"),
        seen("Pod", "stranger"),
    ):
        store.put(obj)
    assert names(store.of_component("ldap")) == ["one", "two"]
    assert names(store.of_component("ldap", ("Pod",))) == ["one"]
    assert names(store.of_component("ldap", ("Secret", "Pod", "ConfigMap"))) == ["two", "one"]
    assert names(store.of_component("nobody")) == []
    assert names(store.of_kind("Pod")) == ["one", "three", "stranger"]
    assert store.components() == ["ldap", "nfs"]


def test_an_object_whose_labels_change_is_found_under_the_new_ones_only() -> None:
    store = Store()
    store.put(seen("Pod", "one", component="ldap", owner="set-1"))
    store.put(seen("Pod", "one", component="nfs", owner="set-2", version=2))
    assert names(store.of_component("ldap")) == []
    assert names(store.of_component("nfs", ("Pod",))) == ["one"]
    assert store.components() == ["nfs"]
    assert store.owned("set-1", "Pod") == []
    assert [obj["metadata"]["resourceVersion"] for obj in store.owned("set-2", "Pod")] == ["2"]


def test_news_of_one_object_does_not_change_the_order_of_the_others() -> None:
    store = Store()
    for name in ("one", "two", "three"):
        store.put(seen("Pod", name, component="ldap"))
    store.put(seen("Pod", "one", component="ldap", version=2))
    assert names(store.of_component("ldap", ("Pod",))) == ["one", "two", "three"]


def test_what_is_gone_is_found_nowhere() -> None:
    store = Store()
    store.put(seen("EndpointSlice", "one", component="ldap", more={"kubernetes.io/service-name": "front"}))
    assert len(store.endpoint_slices("here", "front")) == 1
    store.remove(ObjectRef("", "EndpointSlice", "here", "one"))
    assert store.endpoint_slices("here", "front") == []
    assert store.of_component("ldap") == []
    assert store.of_kind("EndpointSlice") == []
    assert store.components() == []


def test_a_list_removes_what_is_not_in_it_of_that_kind_and_namespace_alone() -> None:
    store = Store()
    elsewhere = seen("Pod", "elsewhere")
    elsewhere["metadata"]["namespace"] = "there"
    for obj in (seen("Pod", "old"), seen("Pod", "stays"), seen("Secret", "old"), elsewhere):
        store.put(obj)
    store.replace("", "Pod", "here", [seen("Pod", "stays", version=2), seen("Pod", "new")])
    assert sorted(names(store.of_kind("Pod"))) == ["elsewhere", "new", "stays"]
    assert names(store.of_kind("Secret")) == ["old"]


def test_pods_are_found_by_labels_within_their_namespace() -> None:
    store = Store()
    elsewhere = seen("Pod", "elsewhere", more={"app": "web"})
    elsewhere["metadata"]["namespace"] = "there"
    for obj in (seen("Pod", "one", more={"app": "web", "tier": "front"}), seen("Pod", "two"), elsewhere):
        store.put(obj)
    found = store.pods_matching("here", {"app": "web"})
    assert [pod["metadata"]["name"] for pod in found] == ["one"]
