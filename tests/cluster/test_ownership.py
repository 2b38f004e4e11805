"""Fields, objects and namespaces that belong to others."""

from __future__ import annotations

import json

import pytest

from allup.errors import AllupError
from allup.model import labels
from allup.run.progress import Action, Note, Phase, Progress
from tests.cluster.platforms_for_tests import Instance, config, obj, service

pytestmark = pytest.mark.cluster


def test_a_field_that_another_manager_owns_stops_that_component_and_no_other(instance: Instance) -> None:
    parts = (
        instance.part("mine", config("shared", key="ours")),
        instance.part("needs-it", config("needs-it"), after=["mine"]),
        instance.part("apart", config("apart")),
    )
    instance.up(*parts)
    instance.patch("ConfigMap/shared", {"data": {"key": "theirs"}}, manager="their-tool")
    told = instance.up(*parts)
    assert told.outcome == "failed"
    assert told.phases == {"mine": Phase.FAILED, "needs-it": Phase.SKIPPED, "apart": Phase.READY}
    [finding] = told["mine"].findings
    assert ".data.key (managed by their-tool; there 'theirs', ours 'ours')" in finding.message
    assert "--force-conflicts" in finding.next_step
    assert instance.get("ConfigMap/shared")["data"] == {"key": "theirs"}

    forced = instance.up(*parts, force_conflicts=True)
    assert forced.did(Action.CHANGED) == {"ConfigMap/shared": Action.CHANGED}
    assert instance.get("ConfigMap/shared")["data"] == {"key": "ours"}


def test_the_values_of_a_secret_in_conflict_are_not_shown(instance: Instance) -> None:
    part = instance.part("key", obj("Secret", "key", stringData={"k": "our-secret-value"}))
    instance.up(part)
    theirs = {"data": {"k": "dGhlaXItc2VjcmV0LXZhbHVl"}}
    instance.patch("Secret/key", theirs, manager="their-tool")
    told = instance.up(part)
    text = "".join(map(repr, told.progress))
    assert "their-tool" in text
    for value in ("our-secret-value", "their-secret-value", theirs["data"]["k"]):
        assert value not in text


def test_what_others_add_to_our_objects_is_left_alone(instance: Instance) -> None:
    part = instance.part("base", config("base", key="ours"))
    instance.up(part)
    instance.patch("ConfigMap/base", {"data": {"more": "theirs"}, "metadata": {"labels": {"x": "y"}}})
    assert instance.up(part).did() == {"ConfigMap/base": Action.UNCHANGED}
    assert instance.get("ConfigMap/base")["data"] == {"key": "ours", "more": "theirs"}


def test_an_object_that_is_not_ours_is_refused_naming_its_managers_and_adopted_when_told(
    instance: Instance,
) -> None:
    instance.create_namespace()
    instance.create(config("base", key="theirs"), manager="their-tool")
    part = instance.part("base", config("base", key="ours"))
    told = instance.up(part)
    assert told.outcome == "failed"
    [finding] = told["base"].findings
    assert "exists and is not ours" in finding.message
    assert "their-tool" in finding.message
    assert f"--adopt ConfigMap/{instance.namespace}/base" in finding.next_step
    assert instance.get("ConfigMap/base")["data"] == {"key": "theirs"}

    adopted = instance.up(part, adopt=(f"ConfigMap/{instance.namespace}/base",))
    assert adopted.outcome == "done"
    assert instance.get("ConfigMap/base")["data"] == {"key": "ours"}
    assert instance.up(part).did() == {"ConfigMap/base": Action.UNCHANGED}


def test_among_many_new_objects_a_foreign_one_is_refused_without_a_look_at_each(instance: Instance) -> None:
    instance.create_namespace()
    instance.create(config("base-7", key="theirs"), manager="their-tool")
    told = instance.up(instance.part("base", *(config(f"base-{index}", key="ours") for index in range(30))))
    [finding] = told["base"].findings
    assert f"ConfigMap/{instance.namespace}/base-7" in str(finding.ref)
    assert "their-tool" in finding.message
    assert instance.get("ConfigMap/base-7")["data"] == {"key": "theirs"}
    assert told.finished.requests < 30 + 25


def test_many_new_objects_are_made_in_a_namespace_that_holds_none_of_their_kind(instance: Instance) -> None:
    instance.create_namespace()
    services = [service(f"base-{index}", ports=[{"port": 80}]) for index in range(10)]
    assert set(instance.up(instance.part("base", *services)).did().values()) == {Action.CREATED}


def test_an_object_of_another_instance_is_refused_by_its_name(instance: Instance) -> None:
    instance.create_namespace()
    theirs = labels.standard_labels("small", "another-one", "base")
    instance.create(config("base"), labels=theirs)
    told = instance.up(instance.part("base", config("base")))
    assert "it belongs to instance another-one" in told["base"].findings[0].message


def test_what_kubectl_applied_can_be_adopted_and_its_fields_removed_afterwards(instance: Instance) -> None:
    instance.create_namespace()
    applied = config("base", old="theirs", kept="theirs")
    note = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(applied)}
    instance.create(applied, manager="kubectl-client-side-apply", annotations=note)
    part = instance.part("base", config("base", kept="ours"))
    assert instance.up(part, adopt=("ConfigMap/base",)).outcome == "done"
    assert instance.get("ConfigMap/base")["data"] == {"kept": "ours"}


def test_a_fresh_namespace_gets_our_labels_and_its_pod_security(instance: Instance) -> None:
    part = instance.part("base", config("base"))
    instance.up(platform=instance.platform(part, pod_security="restricted"))
    found = instance.get(f"Namespace/{instance.namespace}")["metadata"]["labels"]
    assert found[labels.MANAGED_BY] == labels.TOOL
    assert found[labels.INSTANCE] == instance.name
    assert found["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_namespace_that_was_there_before_is_neither_labelled_nor_deleted(instance: Instance) -> None:
    before = instance.create_namespace(team="theirs")
    part = instance.part("base", config("base"))
    instance.up(part)
    found = instance.get(f"Namespace/{instance.namespace}")["metadata"]
    assert found["labels"] == before["metadata"]["labels"]
    told = instance.down(part, purge=True)
    assert told.outcome == "done"
    after = instance.get(f"Namespace/{instance.namespace}")["metadata"]
    assert after["uid"] == before["metadata"]["uid"]
    assert "deletionTimestamp" not in after
    assert instance.left() == set()
    assert instance.find(f"Lease/{labels.inventory_name(instance.name)}") is None


def test_a_namespace_on_its_way_out_is_waited_for_and_made_again(instance: Instance) -> None:
    part = instance.part("base", config("base"))
    instance.up(part)
    before = instance.get(f"Namespace/{instance.namespace}")["metadata"]["uid"]
    instance.create(config("holding"), finalizers=["tests.example/held"])
    instance.delete(f"Namespace/{instance.namespace}", wait=False)

    def heard(progress: Progress) -> None:
        if isinstance(progress, Note) and "on its way out" in progress.text:
            instance.patch("ConfigMap/holding", {"metadata": {"finalizers": None}})

    told = instance.up(part, heard=heard)
    assert "on its way out" in told.notes
    assert told.did() == {"ConfigMap/base": Action.CREATED}
    assert instance.get(f"Namespace/{instance.namespace}")["metadata"]["uid"] != before


def test_a_namespace_that_does_not_go_is_told_with_what_holds_it(instance: Instance) -> None:

    part = instance.part("base", config("base"))
    instance.up(part)
    instance.create(config("holding"), finalizers=["tests.example/held"])
    instance.delete(f"Namespace/{instance.namespace}", wait=False)
    with pytest.raises(AllupError, match=r"still being deleted.*tests\.example/held"):
        instance.up(part, timeout=6)


def test_a_borrowed_object_gets_our_fields_and_gives_them_back_on_down(instance: Instance) -> None:
    instance.create_namespace()
    theirs = instance.create(obj("ServiceAccount", "theirs"), labels={"x": "y"})
    account = obj("ServiceAccount", "theirs", imagePullSecrets=[{"name": "registry"}])
    part = instance.part("base", account, config("base"), borrows=["ServiceAccount/theirs"])
    assert [e.action for e in instance.plan(part).entries if e.ref.kind == "ServiceAccount"] == ["change"]
    assert instance.up(part).outcome == "done"
    assert instance.get("ServiceAccount/theirs")["imagePullSecrets"] == [{"name": "registry"}]
    assert instance.up(part).did()["ServiceAccount/theirs"] == Action.UNCHANGED

    told = instance.down(part)
    assert told.did(Action.GIVEN_BACK).keys() == {"ServiceAccount/theirs"}
    after = instance.get("ServiceAccount/theirs")
    assert after["metadata"]["uid"] == theirs["metadata"]["uid"]
    assert after["metadata"]["labels"] == {"x": "y"}
    assert "annotations" not in after["metadata"]
    assert "imagePullSecrets" not in after
    assert instance.down(part, purge=True).outcome == "done"
    assert instance.find("ServiceAccount/theirs") is not None


def test_a_borrowed_object_that_left_the_platform_is_given_back_and_not_pruned(instance: Instance) -> None:
    instance.create_namespace()
    instance.create(obj("ServiceAccount", "theirs"))
    account = obj("ServiceAccount", "theirs", automountServiceAccountToken=False)
    instance.up(instance.part("base", account, config("base"), borrows=["ServiceAccount/theirs"]))
    without = instance.part("base", config("base"))
    assert "give back" in {entry.action for entry in instance.plan(without).entries}
    assert instance.up(without).did(Action.GIVEN_BACK).keys() == {"ServiceAccount/theirs"}
    assert "automountServiceAccountToken" not in instance.get("ServiceAccount/theirs")


def test_a_borrowed_object_that_is_gone_is_not_made_again_by_giving_it_back(instance: Instance) -> None:
    instance.create_namespace()
    instance.create(obj("ServiceAccount", "theirs"))
    session = instance.session()
    there = instance.get("ServiceAccount/theirs")
    instance.delete("ServiceAccount/theirs")
    session.objects.give_back(there)
    assert instance.find("ServiceAccount/theirs") is None
