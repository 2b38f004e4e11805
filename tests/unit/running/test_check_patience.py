"""How long an answer to a health check may take."""

from __future__ import annotations

from typing import Any

import pytest

from allup import command
from allup.cluster import streams
from allup.cluster.streams import CommandResult
from allup.run.checks import Answer, Checker
from allup.run.progress import CheckOutcome


@pytest.mark.parametrize(("check", "seconds"), [({}, 5.0), ({"timeout": 30}, 30)])
def test_a_command_has_the_time_its_check_gives_it(
    monkeypatch: pytest.MonkeyPatch, check: dict[str, Any], seconds: float
) -> None:
    given: list[float] = []

    def execute(*_: object, timeout: float, **__: object) -> CommandResult:
        given.append(timeout)
        return CommandResult(0, "pong", "", "")

    monkeypatch.setattr(streams, "execute", execute)
    monkeypatch.setattr(Checker, "ready_pod", lambda *_: {"metadata": {"name": "worker-1"}})
    nobody: Any = None
    checker = Checker(nobody, nobody, "default", frozenset())
    answer = checker.try_once(command("deploy/worker", "ping", expect="pong", **check))
    assert answer == Answer(CheckOutcome.PASSED, "pong")
    assert given == [seconds]
