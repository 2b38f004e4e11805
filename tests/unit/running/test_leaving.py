"""The wait for the end of objects and of the pods under them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from allup.cluster.requests import Api
from allup.cluster.watch import Watches
from allup.model import labels
from allup.refs import ObjectRef
from allup.run.clock import SystemClock
from allup.run.leaving import Leaving
from allup.run.waiting import Stopped, Switchboard

FAR = 1e12


def seen(kind: str, name: str, *, uid: str = "", version: int = 1) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "here",
        "uid": uid or f"uid-{name}",
        "resourceVersion": str(version),
        "labels": {labels.COMPONENT: "ldap"},
    }
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def ref(kind: str, name: str) -> ObjectRef:
    return ObjectRef("", kind, "here", name)


class Scene:
    """A component that is waited for, seen by nobody but the test. *meanwhile* is called with the number of
    messages so far whenever the wait says something."""

    def __init__(self, *objects: dict[str, Any], meanwhile: Callable[[int], None] = lambda _: None) -> None:
        self.stop = threading.Event()
        switchboard = Switchboard()
        watches = Watches(cast(Api, None), selector="", on_failure=switchboard.fail, on_note=lambda _: None)
        self.store = watches.store
        self.store.listen(switchboard.changed)
        for obj in objects:
            self.store.put(obj)
        self.said: list[str] = []

        def say(text: str) -> None:
            self.said.append(text)
            meanwhile(len(self.said))

        self.leaving = Leaving(
            "ldap",
            watches=watches,
            switchboard=switchboard,
            clock=SystemClock(),
            stop=self.stop,
            on_message=say,
        )

    def await_gone(self, *objects: dict[str, Any], deadline: float = FAR) -> Sequence[ObjectRef]:
        uids = {ref(o["kind"], o["metadata"]["name"]): o["metadata"]["uid"] for o in objects}
        return self.leaving.await_gone(uids, deadline)


def test_what_is_gone_already_is_not_waited_for() -> None:
    scene = Scene()
    assert scene.await_gone(seen("Service", "ldap")) == ()
    assert scene.said == []


def test_it_ends_when_the_objects_and_then_their_pods_are_gone() -> None:
    def next_to_go(said: int) -> None:
        scene.store.remove([ref("Service", "a"), ref("Service", "b"), ref("Pod", "p")][said - 1])

    one, two, pod = seen("Service", "a"), seen("Service", "b"), seen("Pod", "p")
    scene = Scene(one, two, pod, meanwhile=next_to_go)
    assert scene.await_gone(one, two) == ()
    assert scene.said == [
        "Service/here/a is being deleted, and 2 more",
        "Service/here/b is being deleted, and 1 more",
        "Pod/here/p is being deleted",
    ]


def test_another_object_of_the_same_name_is_not_waited_for() -> None:
    def made_again(said: int) -> None:
        scene.store.put(seen("Service", "a", uid="another", version=2))

    service = seen("Service", "a")
    scene = Scene(service, meanwhile=made_again)
    assert scene.await_gone(service) == ()
    assert len(scene.said) == 1


def test_at_the_deadline_it_says_what_is_left() -> None:
    service, pod = seen("Service", "a"), seen("Pod", "p")
    scene = Scene(service, pod)
    assert scene.await_gone(service, deadline=0.0) == [ref("Service", "a"), ref("Pod", "p")]


def test_a_run_that_is_told_to_end_waits_no_longer() -> None:
    def told_to_end(said: int) -> None:
        scene.stop.set()
        scene.store.put(seen("Pod", "p"))

    service = seen("Service", "a")
    scene = Scene(service, meanwhile=told_to_end)
    with pytest.raises(Stopped):
        scene.await_gone(service)
