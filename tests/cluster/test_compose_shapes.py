"""The eight shapes of compose files on the real control plane: up, and up again without a change."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from allup.loading import LoadedPlatform
from allup.run.options import RunOptions
from allup.run.progress import Action
from allup.run.secretsource import Given
from allup.run.up import Up
from tasks.preparing import read_file
from tests.cluster.platforms_for_tests import Instance, Recorder, Told
from tests.unit.compose.compose_projects import SHAPES, shape, written

pytestmark = pytest.mark.cluster


def brought_up(instance: Instance, loaded: LoadedPlatform) -> Told:
    recorder = Recorder(lambda _: None)
    run = Up(instance.session(), loaded, RunOptions(timeout=60), recorder, Given({}, read_file))
    return Told(run.run(), recorder.progress)


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_comes_up_in_its_order_and_a_second_up_changes_nothing(instance: Instance, name: str) -> None:
    loaded = written(shape(name, instance.folder), instance.folder)
    platform = replace(loaded.platform, namespace=instance.namespace, instance=instance.name)
    loaded = replace(loaded, platform=platform)
    first = brought_up(instance, loaded)
    assert first.outcome == "done", first.finished
    moves = [component for component, phase in first.moves() if phase.value == "ready"]
    for component in platform.components:
        for needed in component.after:
            assert moves.index(needed) < moves.index(component.name), (needed, component.name)
    again = brought_up(instance, loaded)
    assert again.outcome == "done"
    assert set(again.did().values()) == {Action.UNCHANGED}
    if name == "jobs":
        data = instance.get("Secret/credentials")["data"]
        assert {key: base64.b64decode(value) for key, value in data.items()} == {
            "MYSQL_ROOT_PASSWORD": b"violet-anchor"
        }
