"""Each recorded fault is given its right name, and none is given up that may heal."""

from __future__ import annotations

import re

import pytest

from tests.cluster.recording.record import expectation
from tests.cluster.recording.scenarios import SCENARIOS
from tests.unit.judgement.fault_corpus import CORPUS, Case, all_cases, answer

FAMILIES = (
    *("image", "configuration", "process", "scheduling", "admission", "storage", "rollout"),
    *("service", "jobs", "custom", "permission", "deletion", "healthy"),
)
_FOREIGN = re.compile(
    r"managedFields|BEGIN CERTIFICATE|certificate is valid for|/root/|/home/|/tmp/(?!\.\+)|\.kubeconfig"
    r"|127\.0\.0\.1:\d{4,}"
)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in all_cases()])
def test_the_fault_is_named_with_its_healing_class_and_its_particulars(case: Case) -> None:
    told = answer(case)
    assert (told.cause, told.hopeless) == (case.cause, case.hopeless), told.text
    assert not told.missing, told.text


def test_no_fault_that_may_heal_is_called_hopeless() -> None:
    assert [case.name for case in all_cases() if answer(case).given_up_wrongly] == []


def test_every_family_is_recorded_and_there_are_at_least_sixty_cases() -> None:
    assert {case.family for case in all_cases()} == set(FAMILIES)
    assert len([case for case in all_cases() if case.cause]) >= 60


def test_every_scenario_is_recorded_as_it_expects_to_be() -> None:
    recorded = {
        case.name: (case.family, case.cause, case.hopeless, case.words, case.source) for case in all_cases()
    }
    expected = {}
    for scenario in SCENARIOS.values():
        wanted = expectation(scenario)
        expected[scenario.name] = (
            scenario.family,
            scenario.cause,
            scenario.hopeless,
            tuple(wanted["words"]),
            scenario.source,
        )
    assert recorded == expected


def test_recordings_hold_nothing_of_the_machine_they_were_made_on() -> None:
    found = {file.name: _FOREIGN.findall(file.read_text()) for file in CORPUS.glob("*/*.json")}
    assert {name: words for name, words in found.items() if words} == {}
