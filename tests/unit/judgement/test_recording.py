"""What recordings keep, and that scenarios are what a recorder can play."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.cluster.recording import scrub
from tests.cluster.recording.kubelet import FATES, written
from tests.cluster.recording.scenario import CASE, NAMESPACE, filled
from tests.cluster.recording.scenarios import SCENARIOS


def config(name: str, **fields: Any) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "here",
        "resourceVersion": "7",
        "managedFields": [{"manager": "x"}],
    }
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **fields}


def test_objects_are_kept_in_order_without_what_nobody_reads() -> None:
    kept = scrub.objects([config("b"), config("a", data={"url": "https://secret:1/x"})], {"secret:1": "host"})
    assert [one["metadata"] for one in kept] == [
        {"name": "a", "namespace": "here"},
        {"name": "b", "namespace": "here"},
    ]
    assert kept[0]["data"] == {"url": "https://host/x"}


def test_a_certificate_is_left_out() -> None:
    kept = scrub.objects([config("hook", clientConfig={"caBundle": "TUlJ", "url": "u"})], {})
    assert kept[0]["clientConfig"] == {"caBundle": "", "url": "u"}


def test_events_are_told_oldest_first_and_not_by_the_name_of_the_machine() -> None:
    def event(name: str, at: str, component: str, instance: str) -> dict[str, Any]:
        return {
            **config(name),
            "kind": "Event",
            "reason": "Any",
            "lastTimestamp": at,
            "reportingComponent": component,
            "reportingInstance": instance,
        }

    kept = scrub.events(
        [
            event("late", "2026-01-02T00:00:00Z", "default-scheduler", "default-scheduler-mymachine"),
            event("early", "2026-01-01T00:00:00Z", "kubelet", "node-1"),
        ],
        {},
    )
    assert [one["metadata"]["name"] for one in kept] == ["early", "late"]
    assert kept[0]["reportingInstance"] == "node-1"
    assert "mymachine" not in str(kept)


def test_names_are_filled_in_everywhere() -> None:
    thing = {"name": CASE, "list": [f"{NAMESPACE}-volume"], "more": "$other"}
    assert filled(thing, "one", "two", {"$other": "three"}) == {
        "name": "one",
        "list": ["two-volume"],
        "more": "three",
    }


def test_every_fate_is_a_stage_and_is_met_by_some_scenario(tmp_path: Path) -> None:
    stages = list(yaml.safe_load_all(written(tmp_path).read_text()))
    of_pods = [one for one in stages if one["spec"]["resourceRef"]["kind"] == "Pod"]
    assert [one["spec"]["selector"]["matchLabels"]["allup-fault"] for one in of_pods] == list(FATES)
    used = str([(one.objects, one.source) for one in SCENARIOS.values()])
    missing = [fate for fate in FATES if f"'{fate}'" not in used]
    assert missing == []


def test_names_of_scenarios_can_be_names_of_namespaces() -> None:
    assert [name for name in SCENARIOS if len(name) > 50 or name.lower() != name] == []
