"""The platforms that are measured are what they say they are."""

from __future__ import annotations

from pathlib import Path

import yaml

from allup import PlatformSettings
from bench.generated import DELAY, Shape, apart, delayed, together


def test_a_shape_is_read_as_it_was_written(tmp_path: Path) -> None:
    shape = delayed({"one": 1.5, "two": 0.0}, {"two": ["one"]})
    assert Shape.read(shape.written(tmp_path)) == shape


def test_together_is_one_component_and_apart_one_each() -> None:
    settings = PlatformSettings(instance="bench", namespace="bench")
    assert len(together(5).platform(settings).components) == 1
    assert len(apart(5).platform(settings).components) == 5
    assert together(5).deployments == apart(5).deployments == 5


def test_every_deployment_stands_in_the_files_that_peers_read_too(tmp_path: Path) -> None:
    together(3).written(tmp_path)
    [file] = tmp_path.glob("*.yaml")
    found = list(yaml.safe_load_all(file.read_text()))
    assert [one["metadata"]["name"] for one in found] == ["app-0000", "app-0001", "app-0002"]
    assert all(one["spec"]["replicas"] == 1 for one in found)


def test_a_delay_is_written_where_the_stage_reads_it(tmp_path: Path) -> None:
    delayed({"slow": 1.5}).written(tmp_path)
    template = yaml.safe_load((tmp_path / "slow.yaml").read_text())["spec"]["template"]["metadata"]
    assert template["annotations"] == {DELAY: "1.5s"}
    assert template["labels"]["allup-fault"] == "delayed"
    stage = Path(__file__).parents[3] / "bench" / "stages" / "delayed.yaml"
    assert f'annotations["{DELAY}"]' in stage.read_text()
