"""Which Events are about our objects, and in which order they are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from allup.diagnosis.event_list import Claimants, event_lines
from allup.refs import ObjectRef

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
OURS = Claimants(
    {
        ObjectRef("apps", "Deployment", "ns", "rsp"): "rsp",
        ObjectRef("apps", "Deployment", "ns", "rsp-extra"): "extra",
        ObjectRef("", "Pod", "ns", "rsp-1-a"): "rsp",
    }
)


def event(kind: str, name: str, *, ago: float = 0, namespace: str = "ns", **more: Any) -> dict[str, Any]:
    stamp = (NOW - timedelta(seconds=ago)).isoformat()
    about = {"kind": kind, "namespace": namespace, "name": name}
    return {"involvedObject": about, "lastTimestamp": stamp, "reason": "R", "message": "m"} | more


def test_the_oldest_comes_first_whatever_order_they_are_listed_in() -> None:
    events = [event("Pod", "rsp-1-a", ago=1, reason="B"), event("Pod", "rsp-1-a", ago=9, reason="A")]
    assert [line.reason for line in event_lines(events, OURS)] == ["A", "B"]


def test_a_pod_that_is_long_gone_is_known_by_its_name_and_the_longest_name_wins() -> None:
    events = [event("Pod", "rsp-9-z"), event("Pod", "rsp-extra-9-z", reason="E")]
    assert {line.about: line.component for line in event_lines(events, OURS)} == {
        "Pod/rsp-9-z": "rsp",
        "Pod/rsp-extra-9-z": "extra",
    }


def test_events_about_others_are_left_out() -> None:
    events = [
        event("Pod", "other"),
        event("Pod", "rsp-1-a", namespace="elsewhere"),
        event("Deployment", "rsp-foreign"),
        event("Node", "rsp-1-a"),
    ]
    assert event_lines(events, OURS) == []


def test_only_the_wanted_component_and_only_what_is_new_enough() -> None:
    events = [event("Pod", "rsp-1-a", ago=100), event("Pod", "rsp-1-a", ago=5), event("Pod", "rsp-extra-1")]
    since = NOW - timedelta(seconds=60)
    lines = event_lines(events, OURS, component="rsp", since=since)
    assert [line.age(NOW) for line in lines] == ["5 s"]


def test_the_count_of_either_event_shape_is_told() -> None:
    old = event("Pod", "rsp-1-a", count=3)
    new = event("Pod", "rsp-1-a", series={"count": 7, "lastObservedTime": NOW.isoformat()})
    assert sorted(line.count for line in event_lines([old, new], OURS)) == [3, 7]
