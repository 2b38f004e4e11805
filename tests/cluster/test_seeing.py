"""status, why and wait: what is there, judged, without changing anything."""

from __future__ import annotations

import pytest

from allup.errors import AllupError
from allup.model import labels
from allup.run.progress import Action, ComponentMoved, Phase
from tests.cluster.platforms_for_tests import Instance, claim, config, deployment

pytestmark = pytest.mark.cluster


def test_status_tells_every_component_from_the_cluster_alone(instance: Instance) -> None:
    parts = (
        instance.part("good", deployment("good")),
        instance.part("bad", deployment("bad", fault="cannot-pull")),
        instance.part("needs-it", config("needs-it"), after=["bad"]),
        instance.part("off", config("off"), enabled=False),
    )
    instance.up(*parts)
    before = instance.settled()
    sight = instance.sight(*parts)
    states = {state.name: state for state in sight.components()}
    assert {name: state.state for name, state in states.items()} == {
        "good": "ready",
        "bad": "failed",
        "needs-it": "down",
        "off": "disabled",
    }
    assert "example.invalid/bad:1" in states["bad"].message
    assert [name.rsplit("-", 2)[0] for name in states["good"].pods] == ["good"]
    assert instance.settled() == before


def test_status_knows_what_is_no_longer_in_the_code_and_survives_a_lost_inventory(
    instance: Instance,
) -> None:
    base, gone = instance.part("base", config("base")), instance.part("gone", config("gone"))
    instance.up(base, gone)
    assert {state.name for state in instance.sight(base).components()} == {"base", "gone"}
    instance.delete(f"ConfigMap/{labels.inventory_name(instance.name)}")
    kinds = frozenset({instance.ref("ConfigMap/x").group_kind})
    states = {state.name: state.state for state in instance.sight(base, kinds=kinds).components()}
    assert states == {"base": "ready", "gone": "ready"}


def test_after_a_down_status_says_what_is_kept(instance: Instance) -> None:
    parts = (instance.part("data", claim("data")), instance.part("web", deployment("web")))
    instance.up(*parts)
    instance.down(*parts)
    states = {state.name: state.state for state in instance.sight(*parts).components()}
    assert states == {"data": "kept", "web": "down"}


def test_status_of_what_was_never_there_is_down(instance: Instance) -> None:
    [state] = instance.sight(instance.part("base", config("base"))).components()
    assert state.state == "down"


def test_why_explains_what_is_not_right_and_says_nothing_of_the_rest(instance: Instance) -> None:
    parts = (
        instance.part("good", deployment("good")),
        instance.part("bad", deployment("bad", fault="crash-loop")),
    )
    instance.up(*parts, wait=False)
    told = instance.up(*parts, grace=0.5)
    assert told.outcome == "failed"
    [(component, finding)] = instance.sight(*parts).findings()
    assert component == "bad"
    assert finding.cause == "crash-loop"
    assert finding.last_event.startswith("BackOff")
    assert instance.sight(*parts).findings("good") == ()


def test_wait_returns_when_what_is_there_is_ready_and_writes_nothing(instance: Instance) -> None:
    parts = (instance.part("slow", deployment("slow", fault="slow")), instance.part("base", config("base")))
    instance.up(*parts, wait=False)
    told = instance.wait(*parts)
    assert told.outcome == "done"
    assert told.phases == {"slow": Phase.READY, "base": Phase.READY}
    assert told.did() == {}
    said = [p.message for p in told.progress if isinstance(p, ComponentMoved) and p.component == "slow"]
    assert any("0/1 pods ready" in message for message in said)


def test_wait_fails_as_up_does(instance: Instance) -> None:
    parts = (instance.part("bad", deployment("bad", fault="cannot-pull")),)
    instance.up(*parts, wait=False)
    told = instance.wait(*parts)
    assert told.outcome == "failed"
    assert "not found" in told["bad"].findings[0].message


def test_wait_for_one_component_does_not_wait_for_others(instance: Instance) -> None:
    parts = (
        instance.part("good", deployment("good")),
        instance.part("stuck", deployment("stuck", fault="never-ready")),
    )
    instance.up(*parts, wait=False)
    told = instance.wait(*parts, component="good")
    assert told.phases == {"good": Phase.READY}


def test_wait_for_nothing_is_told(instance: Instance) -> None:
    with pytest.raises(AllupError, match="nothing of it is there"):
        instance.wait(instance.part("base", config("base")))


def test_an_up_that_does_not_wait_applies_and_ends(instance: Instance) -> None:
    told = instance.up(instance.part("stuck", deployment("stuck", fault="never-ready")), wait=False)
    assert told.outcome == "done"
    assert told.did() == {"Deployment/stuck": Action.CREATED}
