"""Many faults of the corpus in one real run: each is named, and the hopeless ones at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from allup.cluster.requests import Api
from allup.model import labels
from allup.run.progress import ComponentMoved, Phase, Progress
from allup.sandbox import SandboxStatus
from tests.cluster.platforms_for_tests import Instance, Told, unique_name
from tests.cluster.recording.scenario import Scenario, Scene, filled
from tests.cluster.recording.scenarios import SCENARIOS
from tests.unit.judgement.fault_corpus import words_of

pytestmark = pytest.mark.cluster

LIVE = {name: scenario for name, scenario in SCENARIOS.items() if scenario.live}
GRACE, DEADLINE, AT_ONCE, LIMIT = 4.0, 30.0, 5.0, 40.0
# What looks like an ordinary start for half a minute is told at its deadline only.
TOLD_AT_ITS_DEADLINE = {"readiness-probe-answers-500": 12.0}
_SEEN = ("pods", "events", "persistentvolumeclaims")
_SEEN_OF = {"apps": ("deployments", "replicasets", "statefulsets"), "batch": ("jobs",)}


@dataclass
class Run:
    """What one all-up told, and by the monotonic clock when each fault could be seen and was told; *look* is
    how long the slowest look at the namespace took, by which the former is uncertain."""

    told: Told
    namespace: str
    visible: Mapping[str, float]
    failed: Mapping[str, float]
    look: float


class Watcher:
    """Looks at the namespace again and again, and notes when each fault can first be seen."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.visible: dict[str, float] = {}
        self.slowest = 0.0

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            began, found = time.monotonic(), self._look()
            self.slowest = max(self.slowest, time.monotonic() - began)
            for name, scenario in LIVE.items():
                if name not in self.visible and _shows(scenario, found):
                    self.visible[name] = began

    def _look(self) -> Scene:
        paths = [f"/api/v1/namespaces/{self._namespace}/{plural}" for plural in _SEEN]
        for group, plurals in _SEEN_OF.items():
            paths += [f"/apis/{group}/v1/namespaces/{self._namespace}/{plural}" for plural in plurals]
        objects: list[dict[str, Any]] = []
        events: list[dict[str, Any]] = []
        for path in paths:
            answer = self._api.get(path)
            kind = answer["kind"].removesuffix("List")
            kept = events if kind == "Event" else objects
            kept += [{**item, "kind": kind} for item in answer["items"]]
        return Scene(objects, events)


def _shows(scenario: Scenario, found: Scene) -> bool:
    objects = [
        one
        for one in found.objects
        if (one["metadata"].get("labels") or {}).get(labels.COMPONENT) == scenario.name
    ]
    names = {(one["kind"], one["metadata"]["name"]) for one in objects}
    about = [
        event
        for event in found.events
        if (event["involvedObject"]["kind"], event["involvedObject"]["name"]) in names
    ]
    return bool(objects) and scenario.visible(Scene(objects, about))


@pytest.fixture(scope="module")
def run(sandbox: SandboxStatus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One all-up of a platform whose every component has a fault of its own."""
    instance = Instance(sandbox.kubeconfig, sandbox.context, unique_name(), tmp_path_factory.mktemp("faults"))
    parts = [
        instance.part(
            name,
            *filled(list(scenario.objects), name, instance.namespace),
            deadline=TOLD_AT_ITS_DEADLINE.get(name, DEADLINE),
        )
        for name, scenario in LIVE.items()
    ]
    failed: dict[str, float] = {}

    def heard(progress: Progress) -> None:
        if isinstance(progress, ComponentMoved) and progress.phase is Phase.FAILED:
            failed[progress.component] = time.monotonic()

    try:
        with Watcher(instance.outside.api, instance.namespace) as watcher:
            told = instance.up(*parts, heard=heard, grace=GRACE, timeout=LIMIT, jobs=len(parts))
        yield Run(told, instance.namespace, watcher.visible, failed, watcher.slowest)
    finally:
        instance.discard()


@pytest.mark.parametrize("name", LIVE)
def test_a_real_run_names_the_fault(run: Run, name: str) -> None:
    scenario, findings = LIVE[name], run.told[name].findings
    assert run.told.phases[name] is Phase.FAILED
    assert findings[0].cause == scenario.cause, findings[0].message
    assert findings[0].hopeless is scenario.hopeless
    told = words_of(findings[0])
    assert not [word for word in filled(list(scenario.words), name, run.namespace) if word not in told], told


@pytest.mark.parametrize("name", [name for name, scenario in LIVE.items() if scenario.hopeless])
def test_a_hopeless_fault_ends_its_component_within_five_seconds_of_being_visible(
    run: Run, name: str
) -> None:
    assert run.failed[name] - run.visible[name] < AT_ONCE + run.look


def test_all_the_faults_together_end_in_time(run: Run) -> None:
    assert run.told.outcome == "failed"
    assert run.told.finished.seconds < LIMIT
