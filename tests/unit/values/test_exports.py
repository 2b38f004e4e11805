"""An export is either a URL or what a task prints, and says so when it is neither or both."""

from __future__ import annotations

import pytest

from allup import Export, InputError


def test_an_export_has_a_target_or_a_task() -> None:
    assert Export(variable="URL", target="svc/web:80").target == "svc/web:80"
    assert Export(variable="TOKEN", task="token").task == "token"
    for wrong in ({}, {"target": "svc/web:80", "task": "token"}):
        with pytest.raises(InputError, match="either a target or a task"):
            Export(variable="X", **wrong)


def test_a_target_that_is_none_is_refused_when_the_platform_is_read() -> None:
    with pytest.raises(InputError, match="is not understood"):
        Export(variable="X", target="web")
