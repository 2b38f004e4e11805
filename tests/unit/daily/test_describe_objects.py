"""What describe says of an object."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from allup.daily.describing import describe, lines
from allup.diagnosis.event_list import EventLine
from allup.readiness.verdict import not_yet, ready
from allup.refs import ObjectRef

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
EARLIER = "2026-05-01T11:59:30Z"


def told(obj: dict[str, Any], *pods: dict[str, Any], events: tuple[EventLine, ...] = ()) -> str:
    obj = {"metadata": {"name": "x", "creationTimestamp": EARLIER}, **obj}
    ref = ObjectRef("", obj["kind"], "ns", "x")
    found = describe(ref, obj, "part", ready(), pods, events, NOW)
    return "\n".join(line for line, _ in lines(found, NOW))


def pod(**status: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": "x-1", "creationTimestamp": EARLIER},
        "spec": {"nodeName": "node-1", "containers": [{"name": "main", "image": "i:1"}]},
        "status": {"phase": "Running", **status},
    }


def test_a_secret_shows_its_keys_and_never_a_value() -> None:
    text = told({"kind": "Secret", "type": "Opaque", "data": {"password": "aHVudGVyMjIyMg=="}})
    assert "password" in text
    assert "aHVud" not in text


@pytest.mark.parametrize(
    ("obj", "fact"),
    [
        ({"kind": "Deployment", "spec": {"replicas": 3}, "status": {"readyReplicas": 1}}, "3 wanted"),
        ({"kind": "DaemonSet", "spec": {}, "status": {"desiredNumberScheduled": 2}}, "2 wanted"),
        ({"kind": "Job", "spec": {"completions": 4}, "status": {"succeeded": 1}}, "1 of 4, 0 failed"),
        ({"kind": "Service", "spec": {"ports": [{"port": 80, "nodePort": 30001}]}}, "80→80 (node 30001)"),
        (
            {"kind": "PersistentVolume", "spec": {"nfs": {"server": "10.0.0.1", "path": "/"}}},
            "server=10.0.0.1",
        ),
        ({"kind": "ConfigMap", "data": {"a.conf": "x"}}, "a.conf"),
    ],
)
def test_each_kind_shows_what_matters_of_it(obj: dict[str, Any], fact: str) -> None:
    assert fact in told(obj)


def test_a_container_says_what_it_waits_for_and_how_its_last_life_ended() -> None:
    status = {
        "name": "main",
        "restartCount": 2,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 3}},
    }
    text = told({"kind": "Deployment"}, pod(containerStatuses=[status]))
    assert "waiting: CrashLoopBackOff, restarted 2 times (last: exit code 3)" in text


def test_a_pod_that_is_leaving_is_called_terminating() -> None:
    leaving = pod()
    leaving["metadata"]["deletionTimestamp"] = EARLIER
    assert "Pod x-1  Terminating" in told({"kind": "Deployment"}, leaving)


def test_events_stand_below_the_object_or_the_pod_they_are_about() -> None:
    event = EventLine("Pod/x-1", "part", True, "BackOff", "again", 3, NOW)
    text = told({"kind": "Deployment"}, pod(), events=(event,))
    assert text.splitlines()[-1] == "        warning BackOff: again (3×, 0 s ago)"


def test_what_is_not_ready_is_marked_as_a_warning() -> None:
    ref = ObjectRef("", "ConfigMap", "ns", "x")
    obj = {"kind": "ConfigMap", "metadata": {"name": "x"}}
    found = describe(ref, obj, "part", not_yet("is late"), (), (), NOW)
    assert next(lines(found, NOW)) == ("ConfigMap/ns/x  part, of unknown age  not yet: is late", True)
