"""The day's work with objects on the real control plane: restart, scale, rotate, orphans, Events, checks."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from allup import Component, Password, Secret, jq, tcp
from allup.cluster.objects import Written
from allup.daily.checking import check_now
from allup.daily.events_now import list_events
from allup.daily.filling import fill
from allup.daily.rollout import Change, Rollout, pod_restart, restarts, scaling
from allup.daily.rotation import plan_rotation, write_rotation
from allup.diagnosis.event_list import Claimants, event_lines
from allup.errors import AdoptionRefused, AllupError, InputError
from allup.model import labels
from allup.run import orphans
from allup.run.options import RunOptions
from allup.run.progress import CheckOutcome, Phase
from allup.run.seeing import Sight
from allup.run.workers import Pool
from tests.cluster.platforms_for_tests import (
    Instance,
    Recorder,
    Told,
    claim,
    config,
    deployment,
    eventually,
    obj,
    service,
)

pytestmark = pytest.mark.cluster


def roll(instance: Instance, verb: str, component: str, changes: tuple[Change, ...]) -> Told:
    recorder = Recorder()
    options = RunOptions(timeout=60.0)
    platform = instance.platform()
    run = Rollout(instance.session(), platform, component, verb, changes, options, recorder)
    return Told(run.run(), recorder.progress)


def test_a_restart_replaces_the_pods_and_the_next_up_finds_nothing_to_do(instance: Instance) -> None:
    web = instance.part("web", deployment("web", replicas=2), service("web"))
    instance.up(web)
    before = set(instance.pods().values())
    told = roll(instance, "restart", "web", restarts(instance.sight(web), "web", "2026-05-01T12:00:00Z"))
    assert told.outcome == "done"
    eventually(lambda: len(instance.pods()) == 2, "the old pods to go")
    assert not before & set(instance.pods().values())
    versions = instance.settled()
    assert instance.up(web).did() == {"Deployment/web": "unchanged", "Service/web": "unchanged"}
    assert instance.versions() == versions


def test_a_restarted_pod_is_another_one_and_its_workload_is_ready_again(instance: Instance) -> None:
    web = instance.part("web", deployment("web"))
    instance.up(web)
    (name,) = instance.pods()
    component, changes = pod_restart(instance.sight(web), name)
    assert component == "web"
    assert roll(instance, "restart", component, changes).outcome == "done"
    assert name not in instance.pods()


def test_what_runs_nothing_cannot_be_restarted(instance: Instance) -> None:
    part = instance.part("texts", config("settings"))
    instance.up(part)
    with pytest.raises(AllupError, match="runs nothing that could be restarted"):
        restarts(instance.sight(part), "texts", "now")


def test_scaling_lasts_until_the_next_up_which_says_that_it_goes_back(instance: Instance) -> None:
    web = instance.part("web", deployment("web"))
    instance.up(web)
    change, before, goes_back = scaling(instance.sight(web), "web", 3)
    assert (before, goes_back) == (1, True)
    assert roll(instance, "scale", "web", (change,)).outcome == "done"
    assert len(instance.pods()) == 3
    (entry,) = instance.plan(web).changes
    assert (entry.action, entry.note) == ("change", "it was scaled")
    told = instance.up(web)
    assert "was scaled to 3; it goes back to 1" in told.notes
    assert instance.get("Deployment/web")["spec"]["replicas"] == 1
    assert instance.up(web).did() == {"Deployment/web": "unchanged"}


def test_scaling_can_be_repeated_and_go_to_zero(instance: Instance) -> None:
    web = instance.part("web", deployment("web"))
    instance.up(web)
    for wanted in (2, 0):
        change, _, _ = scaling(instance.sight(web), "web", wanted)
        assert roll(instance, "scale", "web", (change,)).outcome == "done"
    eventually(lambda: not instance.pods(), "the pods to go")
    assert instance.up(web).outcome == "done"


def test_what_has_no_workload_or_two_does_not_scale(instance: Instance) -> None:
    none = instance.part("none", config("c"))
    two = instance.part("two", deployment("a"), deployment("b"))
    instance.up(none, two)
    sight = instance.sight(none, two)
    with pytest.raises(InputError, match="has no scalable workload"):
        scaling(sight, "none", 2)
    with pytest.raises(InputError, match="several scalable workloads"):
        scaling(sight, "two", 2)


def with_secret(name: str, secret: str) -> dict[str, Any]:
    source = [{"secretRef": {"name": secret}}]
    containers = [{"name": "main", "image": f"example.invalid/{name}:1", "envFrom": source}]
    return deployment(name, containers=containers)


def parts_with_secrets(instance: Instance) -> list[Component]:
    return [
        instance.part("keys", secrets=[Secret("key", {"a": Password()}, rotation="everybody is logged out")]),
        instance.part("data", claim("data"), initialised_by={"data": "key"}, after=["keys"]),
        instance.part("user", with_secret("user", "key"), after=["keys"]),
        instance.part("other", with_secret("other", "second"), secrets=[Secret("second", {"b": Password()})]),
    ]


def test_rotating_a_secret_rolls_exactly_its_users_and_keeps_everything_else(instance: Instance) -> None:
    parts = parts_with_secrets(instance)
    instance.up(*parts)
    loaded, before = instance.load(parts), instance.pods()
    old = {name: instance.get(f"Secret/{name}")["data"] for name in ("key", "second")}
    session = instance.session()
    rotation = plan_rotation(session, loaded, "key", instance.given())
    assert [ref.name for ref in rotation.rolls] == ["user"]
    assert [ref.name for ref in rotation.claims] == ["data"]
    assert set(rotation.components) == {"keys", "user", "data"}
    assert rotation.breaks == "everybody is logged out"
    assert instance.get("Secret/key")["data"] == old["key"], "a plan writes nothing"
    write_rotation(session, loaded, rotation, 10.0)
    assert instance.get("Secret/key")["data"] != old["key"]
    told = instance.up(*parts, only=rotation.components, no_deps=True, prune=False)
    assert told.phases == {"keys": Phase.READY, "user": Phase.READY, "data": Phase.READY}
    eventually(lambda: len(instance.pods()) == 2, "the old pod to go")
    after = instance.pods()
    assert {n for n in after if n.startswith("other-")} == {n for n in before if n.startswith("other-")}
    assert not {n for n in after if n.startswith("user-")} & set(before)
    assert instance.get("Secret/second")["data"] == old["second"]
    assert not {"created", "changed"} & set(map(str, instance.up(*parts).did().values()))


def test_the_new_values_of_a_rotation_are_masked(instance: Instance) -> None:
    parts = parts_with_secrets(instance)
    instance.up(*parts)
    session = instance.session()
    rotation = plan_rotation(session, instance.load(parts), "key", instance.given())
    value = base64.b64decode(rotation.desired[rotation.ref].body["data"]["a"]).decode()
    assert value not in repr(rotation)
    assert value not in session.redactor.mask(f"the value {value}")


def test_a_secret_that_is_not_there_or_not_generated_is_not_rotated(instance: Instance) -> None:
    parts = parts_with_secrets(instance)
    with pytest.raises(AllupError, match="is not there yet"):
        plan_rotation(instance.session(), instance.load(parts), "key", instance.given())
    with pytest.raises(InputError, match="did you mean 'second'"):
        plan_rotation(instance.session(), instance.load(parts), "secnd", instance.given())


def test_orphans_are_what_carries_our_labels_and_no_component_claims(instance: Instance) -> None:
    web = instance.part("web", deployment("web"), service("web"), claim("data"))
    instance.up(web)
    ours = {labels.MANAGED_BY: labels.TOOL, labels.INSTANCE: instance.name}
    instance.create(config("left"), labels={**ours, labels.COMPONENT: "gone"})
    instance.create(obj("ServiceAccount", "strange"), labels={**ours, labels.COMPONENT: "web"})
    sight, session = instance.sight(web), instance.session()
    assert sight.inventory is not None
    pool = Pool(8)
    everything = orphans.labelled(session, instance.namespace, instance.name, pool)
    pool.close()
    kinds = sight.inventory.group_kinds
    found = orphans.judge(everything, instance=instance.name, components={"web"}, kinds=kinds)
    assert {one.ref.name for one in found} == {"left", "strange"}


def warnings_of(instance: Instance, sight: Sight) -> set[tuple[str, str]]:
    ours = sight.ours()
    events = list_events(instance.session(), instance.namespace, ours)
    lines = event_lines(events, Claimants(ours), component="web")
    return {(line.about.partition("/")[0], line.reason) for line in lines if line.warning}


def test_the_warning_of_a_fault_is_among_the_events_and_nobody_elses(instance: Instance) -> None:
    web = instance.part("web", deployment("web", nodeSelector={"no": "such-node"}))
    instance.up(web, instance.part("other", deployment("other")), timeout=4.0)
    sight = instance.sight(web)
    eventually(lambda: ("Pod", "FailedScheduling") in warnings_of(instance, sight), "the warning")
    lines = event_lines(
        list_events(instance.session(), instance.namespace, sight.ours()),
        Claimants(sight.ours()),
        component="web",
    )
    assert all("other" not in line.about for line in lines)


def test_our_objects_in_full_are_those_of_the_component_or_kind(instance: Instance) -> None:
    web, other = instance.part("web", deployment("web")), instance.part("other", config("c"))
    instance.up(web, other)
    sight = instance.sight(web, other)
    assert {o["kind"] for o in sight.in_full("web")} == {"Deployment", "Pod"}
    assert [o["metadata"]["name"] for o in sight.in_full(kind="configmaps")] == ["c"]
    with pytest.raises(InputError, match="did you mean 'ConfigMap'"):
        sight.in_full(kind="ConfigMaap")


def test_a_check_on_a_simulated_node_is_skipped_and_a_false_one_fails(instance: Instance) -> None:
    checks = [tcp("svc/web:80"), jq("Deployment/web", ".spec.replicas == 1", name="one")]
    web = instance.part("web", deployment("web"), service("web"), checks=checks)
    instance.up(web)
    told = instance.part("web", checks=[*checks, jq("Deployment/web", ".spec.replicas == 9", name="nine")])
    platform = instance.platform(told, instance.part("never", checks=[tcp("svc/never:1")]))
    found = check_now(instance.session(), platform, instance.sight(told))
    assert {one.check: one.outcome for one in found} == {
        "connect Service/web:80": CheckOutcome.SKIPPED,
        "one": CheckOutcome.PASSED,
        "nine": CheckOutcome.FAILED,
        "connect Service/never:1": CheckOutcome.SKIPPED,
    }


def test_checking_what_was_never_brought_up_is_an_error(instance: Instance) -> None:
    web = instance.part("web", checks=[tcp("svc/web:80")])
    with pytest.raises(AllupError, match="nothing of it is there to check"):
        check_now(instance.session(), instance.platform(web), instance.sight(web))


def test_a_secret_filled_from_files_keeps_its_other_keys(instance: Instance) -> None:
    platform = instance.platform()
    first = fill(instance.session(), platform, "mine", {"a": b"first-value", "b": b"\x00\xff"}, 10.0)
    second = fill(instance.session(), platform, "mine", {"a": b"second-value"}, 10.0)
    assert (first.written, second.written) == (Written.CREATED, Written.CHANGED)
    data = instance.get("Secret/mine")["data"]
    assert {k: base64.b64decode(v) for k, v in data.items()} == {"a": b"second-value", "b": b"\x00\xff"}


def test_a_filled_secret_of_the_platform_is_kept_by_the_next_up(instance: Instance) -> None:
    keys = instance.part("keys", secrets=[Secret("key", {"a": Password()})])
    with pytest.raises(InputError, match="did you mean"):
        fill(instance.session(), instance.platform(keys), "key", {"aa": b"x" * 9}, 10.0)
    fill(instance.session(), instance.platform(keys), "key", {"a": b"given-by-hand"}, 10.0)
    assert instance.up(keys).did() == {"Secret/key": "unchanged"}
    assert base64.b64decode(instance.get("Secret/key")["data"]["a"]) == b"given-by-hand"


def test_a_secret_of_somebody_else_is_not_filled(instance: Instance) -> None:
    instance.create_namespace()
    instance.create(obj("Secret", "key", stringData={"a": "theirs-entirely"}))
    keys = instance.part("keys", secrets=[Secret("key", {"a": Password()})])
    with pytest.raises(AdoptionRefused):
        fill(instance.session(), instance.platform(keys), "key", {"a": b"ours-instead"}, 10.0)
    with pytest.raises(AllupError, match="conflict"):
        fill(instance.session(), instance.platform(), "key", {"a": b"ours-instead"}, 10.0)


def changes_of(sight: Sight, act: Callable[[], object]) -> bool:
    """Whether a followed sight hears of what *act* does."""
    heard: list[str] = []
    sight.watches.store.listen(lambda ref, *_: heard.append(ref.name))
    sight.follow()
    act()
    eventually(lambda: "c" in heard, "the news")
    sight.watches.close()
    return True


def test_a_followed_sight_hears_of_changes_without_asking(instance: Instance) -> None:
    part = instance.part("part", config("c", key="1"))
    instance.up(part)
    assert changes_of(instance.sight(part), lambda: instance.patch("ConfigMap/c", {"data": {"key": "2"}}))
