"""A plan tells what an up would do, and writes nothing."""

from __future__ import annotations

import pytest

from allup import Component, Password, Provided, Secret, live, requirement
from allup.drift import render
from allup.errors import ApiError
from allup.run.planning import Plan
from tests.cluster.platforms_for_tests import Instance, config, deployment, job, obj, service

pytestmark = pytest.mark.cluster


def told(plan: Plan) -> dict[str, str]:
    return {f"{e.ref.kind}/{e.ref.name}": e.action for e in plan.entries}


def everything(instance: Instance) -> tuple[Component, ...]:
    address = live("Service/web", ".spec.clusterIP")
    return (
        instance.part("web", service("web"), deployment("web")),
        instance.part("reader", config("reader", address="${address}"), values={"address": address}),
        instance.part("key", secrets=[Secret("key", {"password": Password()})]),
    )


def test_on_an_empty_cluster_every_object_is_listed_and_nothing_is_written(instance: Instance) -> None:
    plan = instance.plan(*everything(instance))
    assert told(plan) == {
        f"Namespace/{instance.namespace}": "create",
        "Service/web": "create",
        "Deployment/web": "create",
        "ConfigMap/reader": "create",
        "Secret/key": "create",
    }
    assert any("not validated by the server" in warning for warning in plan.warnings)
    assert next(e for e in plan.entries if e.ref.name == "reader").note == "known after web is up"
    assert instance.find(f"Namespace/{instance.namespace}") is None
    assert instance.left() == set()


def test_after_an_up_there_is_nothing_to_do_and_planning_moves_nothing(instance: Instance) -> None:
    parts = everything(instance)
    instance.up(*parts)
    before = instance.settled()
    plan = instance.plan(*parts)
    assert plan.changes == ()
    assert set(told(plan).values()) == {"unchanged"}
    assert instance.settled() == before


def test_a_changed_field_is_shown_with_both_values(instance: Instance) -> None:
    instance.up(instance.part("base", config("base", key="old", same="same")))
    plan = instance.plan(instance.part("base", config("base", key="new", same="same")))
    [entry] = plan.changes
    assert (str(entry.ref), entry.action) == (f"ConfigMap/{instance.namespace}/base", "change")
    assert render(entry.differences) == ["~ data.key: old → new"]
    assert instance.get("ConfigMap/base")["data"]["key"] == "old"


def test_what_left_the_manifests_is_shown_as_pruned_or_kept(instance: Instance) -> None:
    base = instance.part("base", config("base"))
    key = instance.part("key", config("text"), secrets=[Secret("key", {"password": Password()})])
    instance.up(base, key)
    assert told(instance.plan(base)) == {
        "ConfigMap/base": "unchanged",
        "ConfigMap/text": "prune",
        "Secret/key": "keep",
    }


def test_a_setting_that_differs_from_the_last_up_is_shown_with_its_origin(instance: Instance) -> None:
    part = instance.part("base", config("base"))
    instance.up(part, settings={"replicas": (4, "flag"), "same": ("x", "default")})
    plan = instance.plan(part, settings={"replicas": (1, "default"), "same": ("x", "default")})
    [change] = plan.settings
    assert (change.name, change.before, change.after, change.before_origin) == ("replicas", 4, 1, "flag")


def test_the_values_of_a_changed_secret_are_masked(instance: Instance) -> None:
    part = instance.part(
        "key",
        secrets=[Secret("given", {"token": Provided(env="TOKEN")})],
    )
    instance.environ["TOKEN"] = "the-first-canary-value"
    instance.up(part)
    instance.environ["TOKEN"] = "the-second-canary-value"
    [entry] = instance.plan(part).changes
    assert render(entry.differences) == ["~ data.token: ••• → •••"]


def test_an_object_of_somebody_else_and_a_field_in_conflict_are_shown(instance: Instance) -> None:
    base = instance.part("base", config("base", key="ours"))
    instance.up(base)
    instance.create(config("theirs", key="theirs"))
    instance.patch("ConfigMap/base", {"data": {"key": "changed"}}, manager="their-tool")
    plan = instance.plan(base, instance.part("more", config("theirs", key="ours")))
    assert told(plan) == {"ConfigMap/base": "conflict", "ConfigMap/theirs": "conflict"}
    notes = " ".join(entry.note for entry in plan.entries)
    assert "their-tool" in notes
    assert "--adopt" in notes


def test_an_immutable_change_is_shown_as_a_replacement(instance: Instance) -> None:
    instance.up(instance.part("once", job("once")))
    plan = instance.plan(instance.part("once", job("once", image="example.invalid/job:2")))
    assert told(plan) == {"Job/once": "replace"}


def test_what_the_server_would_refuse_is_told_by_the_plan(instance: Instance) -> None:
    instance.up(instance.part("base", config("base")))
    bad = obj("Service", "bad", spec={"ports": [{"port": 99999}]})
    with pytest.raises(ApiError, match=r"Service/.*/bad.*port"):
        instance.plan(instance.part("base", config("base"), bad))


def test_what_is_warned_of_does_not_stop_a_plan_or_an_up(instance: Instance) -> None:
    wished = requirement("Service/kube-system/nobody", otherwise="Names lead nowhere", needed=False)
    part = instance.part("base", config("base"), requires=[wished])
    platform = instance.platform(part, warnings=["this setting is unwise"])
    sentence = (
        "component base: looked for Service/kube-system/nobody, which this cluster does not have."
        " Names lead nowhere."
    )
    assert {sentence, "this setting is unwise"} <= set(instance.plan(platform=platform).warnings)
    told_by_up = instance.up(platform=platform)
    assert told_by_up.outcome == "done"
    assert {sentence, "this setting is unwise"} <= set(told_by_up.notes.splitlines())
