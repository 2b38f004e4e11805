"""The delays with which every platform is measured."""

from __future__ import annotations

from bench.delayed import delays, every_platform, stages

READY = {"kind": "Stage", "spec": {"selector": {"matchExpressions": []}, "next": {}}}


def test_what_has_pods_takes_two_to_ten_seconds_and_the_rest_none() -> None:
    for _, platform in every_platform():
        for name, delay in delays(platform).items():
            assert delay == 0 or 2 <= delay <= 10, name
    arl = dict(every_platform())["arl"]
    assert delays(arl)["data"] == 0 < delays(arl)["scheduler"]


def test_each_component_with_pods_has_a_stage_that_goes_before_the_one_that_makes_pods_ready_at_once() -> (
    None
):
    found = [platform for _, platform in every_platform()]
    made = stages(READY, found)
    assert len(made) == sum(1 for one in found for delay in delays(one).values() if delay)
    assert all(stage["spec"]["weight"] == 1 for stage in made)
    assert len({stage["metadata"]["name"] for stage in made}) == len(made)
