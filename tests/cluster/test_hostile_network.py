"""Every verb through a network that does what networks do; the whole matrix is swept with ``make sweep``."""

from __future__ import annotations

from pathlib import Path

import pytest

from allup.run.progress import ObjectDone, Progress
from tests.cluster.faultproxy import hostile_cases as hostile
from tests.cluster.faultproxy.credentials import kubeconfig_to
from tests.cluster.faultproxy.hostile_cases import Ground, all_cases, try_out
from tests.cluster.faultproxy.proxy import proxied
from tests.counting import Tried

pytestmark = pytest.mark.cluster

SAMPLE = 30


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that are minutes long are seconds here."""
    hostile.become_impatient(monkeypatch)


def _count(tried: Tried, ground: Ground) -> None:
    """What the last cases came to."""
    for what, number in ground.counted.items():
        tried.add(f"cases with the fault proxy, {what}", number)
    ground.counted.clear()


@pytest.mark.parametrize("number", range(SAMPLE))
def test_a_fault_ends_in_the_right_result_or_an_honest_error(
    number: int, ground: Ground, tried: Tried
) -> None:
    cases = all_cases()
    if not number:
        tried.add("cases with the fault proxy", SAMPLE, of=len(cases))
    case = tried.chance("the hostile network").sample(cases, SAMPLE)[number]
    try_out(ground, case)
    _count(tried, ground)


def test_a_token_that_ends_in_the_middle_of_an_up_is_renewed_by_its_plugin(
    ground: Ground, tmp_path: Path
) -> None:
    instance, token, runs = ground.instance(), tmp_path / "token", tmp_path / "runs"
    token.write_text("token-one")
    login = tmp_path / "login"
    login.write_text(
        f'#!/bin/sh\necho run >> {runs}\nprintf \'{{"apiVersion":"client.authentication.k8s.io/v1",'
        f'"kind":"ExecCredential","status":{{"token":"%s"}}}}\' "$(cat {token})"\n'
    )
    login.chmod(0o700)
    version = "client.authentication.k8s.io/v1"
    user = {"exec": {"apiVersion": version, "command": str(login), "interactiveMode": "Never"}}
    with proxied(ground.upstream, ground.identity) as proxy:
        proxy.tokens.add("token-one")

        def heard(progress: Progress) -> None:
            if isinstance(progress, ObjectDone) and "token-one" in proxy.tokens:
                token.write_text("token-two")
                proxy.tokens.add("token-two")
                proxy.tokens.remove("token-one")

        instance.door = kubeconfig_to(proxy.port, ground.identity, tmp_path / "kubeconfig", user)
        told = instance.up(*instance.parts(), heard=heard, timeout=30.0)
        instance.door = None
        assert told.outcome == "done"
        assert runs.read_text().count("run") == 2
    hostile.assert_right(instance, "up")


@pytest.mark.sweep
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("verb", "fault"), sorted({(case.verb, case.fault) for case in all_cases()}))
def test_a_fault_at_any_point_of_a_verb(verb: str, fault: str, ground: Ground, tried: Tried) -> None:
    cases = [case for case in all_cases(verb) if case.fault == fault]
    tried.add("cases with the fault proxy", len(cases), of=len(cases))
    ground.new_namespace()
    wrong = []
    for case in cases:
        try:
            try_out(ground, case)
        except AssertionError as error:
            wrong.append(str(error))
    _count(tried, ground)
    assert not wrong, "\n\n".join(wrong)
