"""What leaves the manifests leaves the cluster; data stays, and nobody else's things are touched."""

from __future__ import annotations

import pytest

from allup import Password, Secret
from allup.model import labels
from allup.run.progress import Action
from tests.cluster.platforms_for_tests import Instance, claim, config, deployment, obj, service

pytestmark = pytest.mark.cluster

NO_LONGER = "no longer in the platform; all-down --purge removes it"


def test_what_left_the_manifests_is_removed_in_reverse_order(instance: Instance) -> None:
    keeps = instance.part("keeps", config("stays"))
    instance.up(keeps, instance.part("goes", config("goes"), service("goes"), deployment("goes")))
    told = instance.up(keeps)
    assert list(told.did(Action.PRUNED)) == ["Deployment/goes", "Service/goes", "ConfigMap/goes"]
    assert instance.find("ConfigMap/goes") is None
    assert instance.find("ConfigMap/stays") is not None
    assert told.did(Action.PRUNED).keys() & instance.up(keeps).did().keys() == set()


def test_claims_and_generated_secrets_are_kept_with_the_reason(instance: Instance) -> None:
    base = instance.part("base", config("base"))
    data = instance.part(
        "data", claim("data"), config("text"), secrets=[Secret("key", {"password": Password()})]
    )
    instance.up(base, data)
    for _ in range(2):  # it is kept for good, not only the first time
        told = instance.up(base)
        assert told.kept == {"PersistentVolumeClaim/data": NO_LONGER, "Secret/key": NO_LONGER}
    assert instance.find("ConfigMap/text") is None
    assert instance.get("PersistentVolumeClaim/data")["status"]["phase"] == "Bound"


def test_a_disabled_component_loses_its_workload_and_keeps_its_data(instance: Instance) -> None:
    base = instance.part("base", config("base"))

    def optional(enabled: bool) -> str:
        part = instance.part("optional", deployment("app"), claim("data"), enabled=enabled)
        return str(instance.up(base, part).did().get("Deployment/app", ""))

    assert optional(True) == Action.CREATED
    claim_uid = instance.get("PersistentVolumeClaim/data")["metadata"]["uid"]
    assert optional(False) == Action.PRUNED
    assert instance.find("Deployment/app") is None
    assert instance.get("PersistentVolumeClaim/data")["metadata"]["uid"] == claim_uid
    assert optional(True) == Action.CREATED


def test_what_only_copied_our_labels_is_never_pruned(instance: Instance) -> None:
    part = instance.part("web", deployment("web"), service("web"))
    instance.up(part)
    ours = instance.get("Deployment/web")["metadata"]["labels"]
    owner = instance.get("Deployment/web")["metadata"]
    instance.create(config("copied"), labels={k: v for k, v in ours.items() if "applyset" not in k})
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": owner["uid"]}
    instance.create(config("owned"), labels=ours, ownerReferences=[reference])
    instance.up(instance.part("other", config("other")), part)  # ConfigMaps are a kind of ours now
    told = instance.up(part)
    assert told.did(Action.PRUNED).keys() == {"ConfigMap/other"}
    assert instance.find("ConfigMap/copied") is not None
    assert instance.find("ConfigMap/owned") is not None
    assert instance.items("EndpointSlice") != []


def test_another_instance_in_the_same_namespace_is_not_touched(instance: Instance) -> None:
    other = Instance(instance.kubeconfig, instance.context, f"{instance.name}-b", instance.folder)
    other.namespace = instance.namespace
    instance.up(instance.part("one", config("one"), deployment("one")))
    other.up(other.part("two", config("two"), deployment("two")))
    instance.up(instance.part("one", config("one")))
    assert other.find("ConfigMap/two") is not None
    assert other.find("Deployment/two") is not None
    told = instance.down(purge=True)
    assert told.outcome == "done"
    assert told.kept == {f"Namespace/{instance.namespace}": f"it also holds {other.name}"}
    assert other.find("ConfigMap/two") is not None
    assert instance.left() == set()
    assert set(other.up(other.part("two", config("two"), deployment("two"))).did().values()) == {
        Action.UNCHANGED
    }


def test_an_object_made_again_under_the_same_name_by_somebody_else_is_not_pruned(instance: Instance) -> None:
    keeps = instance.part("keeps", config("stays"))
    instance.up(keeps, instance.part("goes", config("goes")))
    instance.delete("ConfigMap/goes")
    instance.create(config("goes", theirs="yes"))
    told = instance.up(keeps)
    assert told.did(Action.PRUNED) == {}
    assert instance.get("ConfigMap/goes")["data"] == {"theirs": "yes"}


def test_nothing_is_pruned_by_a_failed_or_partial_up_or_when_told_not_to(instance: Instance) -> None:
    keeps, goes = instance.part("keeps", config("stays")), instance.part("goes", config("goes"))
    bad = instance.part("bad", deployment("bad", fault="cannot-pull"))
    instance.up(keeps, goes)
    assert instance.up(keeps, bad).outcome == "failed"
    instance.up(keeps, only=("keeps",))
    instance.up(keeps, prune=False)
    assert instance.find("ConfigMap/goes") is not None
    assert instance.up(keeps).did(Action.PRUNED).keys() == {"Deployment/bad", "ConfigMap/goes"}


def test_cluster_scoped_objects_are_pruned_too(instance: Instance) -> None:
    keeps = instance.part("keeps", config("stays"))
    role = obj("ClusterRole", f"{instance.name}-reader", "rbac.authorization.k8s.io/v1", rules=[])
    instance.up(keeps, instance.part("goes", role))
    assert instance.up(keeps).did(Action.PRUNED).keys() == {f"ClusterRole/{instance.name}-reader"}
    assert instance.left() & {f"ClusterRole/{instance.name}-reader"} == set()


def test_our_inventory_tells_other_tools_what_kinds_we_have(instance: Instance) -> None:
    instance.up(instance.part("web", deployment("web"), service("web")))
    found = instance.get(f"ConfigMap/{labels.inventory_name(instance.name)}")["metadata"]
    assert found["annotations"][labels.APPLYSET_GROUP_KINDS] == "Deployment.apps,Service"
    member = instance.get("Deployment/web")["metadata"]["labels"][labels.APPLYSET_PART_OF]
    assert found["labels"][labels.APPLYSET_ID] == member
