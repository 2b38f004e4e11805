"""Which workload is scaled, where a component has several."""

from __future__ import annotations

import pytest

from allup.daily.rollout import chosen_workload
from allup.errors import InputError
from allup.refs import ObjectRef

WEB = ObjectRef("apps", "Deployment", "n", "web"), {"kind": "Deployment"}
WORKER = ObjectRef("apps", "StatefulSet", "n", "worker"), {"kind": "StatefulSet"}


@pytest.mark.parametrize("wanted", ["worker", "StatefulSet/worker"])
def test_one_of_several_is_chosen_by_name_or_by_kind_and_name(wanted: str) -> None:
    assert chosen_workload("app", [WEB, WORKER], wanted) is WORKER


def test_the_only_one_need_not_be_named() -> None:
    assert chosen_workload("app", [WEB], "") is WEB


def test_several_are_named_with_how_to_choose() -> None:
    with pytest.raises(InputError) as refused:
        chosen_workload("app", [WEB, WORKER], "")
    assert str(refused.value) == (
        "component app: has several scalable workloads: Deployment/web, StatefulSet/worker. "
        "Say which one with --workload, as Deployment/web."
    )


def test_a_mistyped_one_gets_a_suggestion_and_none_at_all_says_what_scales() -> None:
    with pytest.raises(InputError, match="did you mean 'worker'"):
        chosen_workload("app", [WEB, WORKER], "workr")
    with pytest.raises(InputError, match="Only a Deployment or StatefulSet scales"):
        chosen_workload("app", [], "")
