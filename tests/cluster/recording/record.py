"""Provokes each fault on a sandbox of its own and writes down what the API serves of it."""

from __future__ import annotations

import datetime
import json
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allup.errors import ApiError
from allup.refs import ObjectRef
from allup.sandbox import SandboxStatus
from tests.cluster.recording import scrub
from tests.cluster.recording.place import Place
from tests.cluster.recording.scenario import Scenario, Scene, filled

CORPUS = Path(__file__).parents[2] / "data" / "faults"
_AT_ONCE = 6


@dataclass(frozen=True)
class Outcome:
    """What became of one scenario; *problem* is empty when it was recorded."""

    name: str
    seconds: float
    problem: str = ""


class Recorder:
    """Records scenarios on one sandbox; *known* are the names of all of them."""

    def __init__(
        self,
        sandbox: SandboxStatus,
        folder: Path,
        server: Mapping[str, str],
        known: Sequence[str],
        told: Callable[[Outcome], None],
    ) -> None:
        self._sandbox = sandbox
        self._folder = folder
        self._server = server
        self._known = known
        self._told = told

    def record(self, scenarios: Sequence[Scenario]) -> Sequence[Outcome]:
        """First those that leave each other in peace, several at once, then the others one by one."""
        outcomes: list[Outcome] = []
        waiting: queue.SimpleQueue[Scenario] = queue.SimpleQueue()
        for scenario in scenarios:
            if not scenario.alone:
                waiting.put(scenario)

        def work() -> None:
            while True:
                try:
                    scenario = waiting.get_nowait()
                except queue.Empty:
                    return
                outcomes.append(self._one(scenario))

        threads = [threading.Thread(target=work, daemon=True) for _ in range(_AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        outcomes += [self._one(scenario) for scenario in scenarios if scenario.alone]
        return outcomes

    def _one(self, scenario: Scenario) -> Outcome:
        began = _now()
        try:
            self._provoke(scenario)
            problem = ""
        except (AssertionError, ApiError, KeyError, ValueError) as error:
            problem = f"{type(error).__name__}: {error}"
        outcome = Outcome(scenario.name, (_now() - began).total_seconds(), problem)
        self._told(outcome)
        return outcome

    def _provoke(self, scenario: Scenario) -> None:
        place = Place(
            sandbox=self._sandbox,
            scenario=scenario,
            namespace=scenario.name,
            folder=self._folder,
            server=self._server,
            foreign=lambda name: any(
                name.startswith(f"{other}-") for other in self._known if other != scenario.name
            ),
        )
        place.prepare()
        try:
            for guard in scenario.guards:
                place.create(guard)
            if scenario.probe is not None:
                place.until_refused(scenario.probe)
            for thing in scenario.objects:
                place.create(thing)
            if scenario.then is not None:
                scenario.then(place)
            if scenario.refused is not None:
                place.ask_to_create(scenario.refused)
            if scenario.asked is not None:
                scenario.asked(place)
            self._write(scenario, place, _settled(place))
        finally:
            if scenario.after is not None:
                scenario.after(place)

    def _write(self, scenario: Scenario, place: Place, scene: Scene) -> None:
        instead = {
            self._server["$webhook"]: "https://webhook.example/deny",
            self._server["$webhook"].removeprefix("https://").removesuffix("/deny"): "webhook.example",
        }
        seen = _now() + datetime.timedelta(seconds=scenario.seen_after)
        case = {
            **expectation(scenario),
            "subject": _subject(place, scenario),
            "kubernetes": place.session.server_version,
            "seen": seen.isoformat("T", "seconds").replace("+00:00", "Z"),
            "answer": place.answer,
            "objects": scrub.objects(scene.objects, instead),
            "events": scrub.events(scene.events, instead),
        }
        file = CORPUS / scenario.family / f"{scenario.name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(written(case))


def written(case: Mapping[str, Any]) -> str:
    """A case as text."""
    return json.dumps(case, indent=1, ensure_ascii=False) + "\n"


def expectation(scenario: Scenario) -> dict[str, Any]:
    """What a case says about itself, without anything recorded."""
    return {
        "case": scenario.name,
        "family": scenario.family,
        "cause": scenario.cause,
        "healing": "hopeless" if scenario.hopeless else "may heal" if scenario.cause else "well",
        "words": filled(list(scenario.words), scenario.name, scenario.name),
        "source": scenario.source,
    }


def renew_expectations(scenarios: Sequence[Scenario]) -> int:
    """Writes what scenarios expect into the cases recorded before; how many differed."""
    differed = 0
    for scenario in scenarios:
        file = CORPUS / scenario.family / f"{scenario.name}.json"
        if file.exists():
            before = file.read_text()
            after = written(json.loads(before) | expectation(scenario))
            differed += after != before
            file.write_text(after)
    return differed


def _subject(place: Place, scenario: Scenario) -> dict[str, str]:
    try:
        ref = place.ref(scenario.subject)
    except AssertionError:  # a kind that is not served (any more)
        kind, name = place.filled(scenario.subject).split("/")
        ref = ObjectRef("", kind, place.namespace, name)
    return {"group": ref.group, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def _settled(place: Place) -> Scene:
    """The scene once the fault is visible and has looked the same twice, or after that for the tenth time."""
    last: list[tuple[str, str]] = []
    found: list[Scene] = []

    def visible_and_still() -> bool:
        nonlocal last
        scene = place.scene()
        if not place.scenario.visible(scene):
            return False
        found.append(scene)
        before, last = last, [(str(one["metadata"]["uid"]), _version(one)) for one in scene.objects]
        return before == last or len(found) >= 10

    place.until(visible_and_still, "the fault to be visible")
    return found[-1]


def _version(one: Mapping[str, Any]) -> str:
    return str(one["metadata"]["resourceVersion"])


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
