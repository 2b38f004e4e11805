"""What happens before a component's objects are deleted: scaling to zero, and listening to a log."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from allup import Component, await_log_line, scale_to_zero
from allup.model.platform import Hook
from tests.cluster.platforms_for_tests import Instance, deployment, eventually

pytestmark = pytest.mark.cluster

LISTEN = await_log_line("Deployment/app", "given back", why="the licence is given back")


def silent(instance: Instance, *hooks: Hook) -> Sequence[Component]:
    """An app whose pod is on a node that does not exist, so that its log cannot be read; it goes at once."""
    nowhere = deployment("app", nodeName="no-such-node", terminationGracePeriodSeconds=0)
    parts = [instance.part("app", nowhere, before_down=hooks)]
    instance.up(*parts, wait=False)
    eventually(lambda: len(instance.pods()) == 1, "the pod to be there")
    return parts


def test_what_no_log_could_confirm_is_a_warning_with_its_reason_and_never_a_failure(
    instance: Instance,
) -> None:
    parts = silent(instance, scale_to_zero("Deployment/app"), LISTEN)
    told = instance.down(*parts)
    assert told.outcome == "done"
    (warning,) = told.finished.warnings
    assert "it could not be confirmed that the licence is given back" in warning
    assert "its log could not be read" in warning


def test_nothing_is_listened_for_where_the_workload_says_that_nothing_will_be_said(
    instance: Instance,
) -> None:
    unless = await_log_line("Deployment/app", "given back", when='.metadata.name != "app"')
    told = instance.down(*silent(instance, scale_to_zero("Deployment/app"), unless))
    assert (told.outcome, told.finished.warnings) == ("done", ())


def test_a_component_without_a_pod_has_nothing_to_say(instance: Instance) -> None:
    parts = [
        instance.part(
            "app", deployment("app", replicas=0), before_down=[scale_to_zero("Deployment/app"), LISTEN]
        )
    ]
    instance.up(*parts)
    told = instance.down(*parts)
    assert (told.outcome, told.finished.warnings) == ("done", ())
    assert "given back" not in told.notes
