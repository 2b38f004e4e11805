"""Somebody else is at work on our objects too: found, named and dealt with."""

from __future__ import annotations

import threading

import pytest

from allup import Password, Secret
from allup.run.progress import Action, ComponentMoved, ObjectDone, Phase, Progress
from tests.cluster.platforms_for_tests import Instance, config, deployment

pytestmark = pytest.mark.cluster


def take(instance: Instance, short: str, manager: str, **data: str) -> None:
    """Server-side apply by somebody who takes the fields from whoever has them."""
    kind, name = short.split("/")
    body = {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": instance.namespace},
        "data": data,
    }
    instance.outside.objects.apply(body, manager=manager, force=True)


def test_an_edit_between_plan_and_apply_is_a_conflict_that_names_both(instance: Instance) -> None:
    instance.up(instance.part("base", config("base", key="old")))
    changed = instance.part("base", config("base", key="new"))
    [entry] = instance.plan(changed).changes
    assert (entry.action, entry.differences[0].path) == ("change", "data.key")
    instance.patch("ConfigMap/base", {"data": {"key": "edited"}}, manager="kubectl-edit")
    told = instance.up(changed)
    assert told.outcome == "failed"
    [finding] = told["base"].findings
    assert ".data.key (managed by kubectl-edit; there 'edited', ours 'new')" in finding.message
    assert instance.get("ConfigMap/base")["data"] == {"key": "edited"}
    [entry] = instance.plan(changed).changes
    assert (entry.action, "kubectl-edit" in entry.note) == ("conflict", True)


def test_an_edit_while_the_run_is_under_way_is_a_conflict_as_well(instance: Instance) -> None:
    first, second = config("first", key="old"), config("second", key="old")
    instance.up(instance.part("first", first), instance.part("second", second, after=["first"]))

    def heard(progress: Progress) -> None:
        # By now the run has listed every ConfigMap, the second one with the old text.
        if isinstance(progress, ObjectDone) and progress.ref.name == "first":
            instance.patch("ConfigMap/second", {"data": {"key": "edited"}}, manager="kubectl-edit")

    told = instance.up(
        instance.part("first", config("first", key="new")),
        instance.part("second", config("second", key="new"), after=["first"]),
        heard=heard,
    )
    assert told.phases == {"first": Phase.READY, "second": Phase.FAILED}
    assert "kubectl-edit" in told["second"].findings[0].message
    assert instance.get("ConfigMap/second")["data"] == {"key": "edited"}


def test_an_edit_of_what_we_do_not_set_is_left_alone_and_planned_as_no_change(instance: Instance) -> None:
    part = instance.part("base", config("base", key="ours"))
    instance.up(part)
    take(instance, "ConfigMap/base", "their-tool", more="theirs")
    assert instance.plan(part).changes == ()
    assert instance.up(part).did() == {"ConfigMap/base": Action.UNCHANGED}


def test_a_field_that_another_manager_took_is_named_and_taken_back_only_when_told(
    instance: Instance,
) -> None:
    part = instance.part("base", config("base", key="ours"))
    instance.up(part)
    take(instance, "ConfigMap/base", "their-tool", key="theirs")
    told = instance.up(part)
    assert told.outcome == "failed"
    assert (
        ".data.key (managed by their-tool; there 'theirs', ours 'ours')" in told["base"].findings[0].message
    )
    assert instance.up(part, force_conflicts=True).did() == {"ConfigMap/base": Action.CHANGED}
    assert instance.get("ConfigMap/base")["data"] == {"key": "ours"}


def test_an_object_deleted_while_we_wait_for_it_is_told_in_seconds_and_made_by_the_next_up(
    instance: Instance,
) -> None:
    part = instance.part("web", deployment("web", fault="never-ready"))
    waiting = threading.Event()

    def heard(progress: Progress) -> None:
        if isinstance(progress, ComponentMoved) and "web" in progress.message and not waiting.is_set():
            waiting.set()
            instance.delete("Deployment/web", wait=False)

    told = instance.up(part, heard=heard, timeout=60)
    assert told.outcome == "failed"
    [finding] = told["web"].findings
    assert "somebody deleted it while we waited for it" in finding.message
    assert finding.cause == "deleted"
    assert told.finished.seconds < 10
    told = instance.up(instance.part("web", deployment("web")))
    assert told.did()["Deployment/web"] is Action.CREATED
    assert told.outcome == "done"


def test_an_object_that_is_made_again_while_we_wait_is_waited_for(instance: Instance) -> None:
    part = instance.part("web", deployment("web", fault="never-ready"))
    replaced = threading.Event()

    def heard(progress: Progress) -> None:
        if isinstance(progress, ComponentMoved) and "web" in progress.message and not replaced.is_set():
            replaced.set()
            ours = instance.get("Deployment/web")
            instance.delete("Deployment/web")
            fresh = deployment("web")
            fresh["spec"]["template"]["metadata"]["labels"] |= {
                k: v
                for k, v in ours["spec"]["template"]["metadata"]["labels"].items()
                if k.startswith("app.kubernetes.io/")
            }
            instance.create(fresh, labels=ours["metadata"]["labels"])

    assert instance.up(part, heard=heard, timeout=60).outcome == "done"
    assert replaced.is_set()


def test_a_generated_secret_that_somebody_deleted_is_made_anew_and_told(instance: Instance) -> None:
    part = instance.part("key", secrets=[Secret("key", {"password": Password()})])
    instance.up(part)
    before = instance.get("Secret/key")["data"]
    instance.delete("Secret/key")
    assert instance.up(part).did() == {"Secret/key": Action.CREATED}
    assert instance.get("Secret/key")["data"] != before


def test_what_is_deleted_behind_a_downs_back_is_no_trouble(instance: Instance) -> None:
    parts = (
        instance.part("first", config("first")),
        instance.part("second", config("second"), after=["first"]),
    )
    instance.up(*parts)

    def heard(progress: Progress) -> None:
        if isinstance(progress, ObjectDone) and progress.ref.name == "second":
            instance.delete("ConfigMap/first")

    told = instance.down(*parts, heard=heard)
    assert told.outcome == "done"
    assert told.did(Action.DELETED) == {"ConfigMap/second": Action.DELETED}
    assert told.phases == {"first": Phase.GONE, "second": Phase.GONE}
