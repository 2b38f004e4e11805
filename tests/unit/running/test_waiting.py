"""The wait for readiness, while things change under it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from allup.cluster.discovery import Discovery
from allup.cluster.store import Store
from allup.cluster.watch import Watches
from allup.model import labels
from allup.refs import ObjectRef
from allup.run.beside import Beside
from allup.run.waiting import NotReady, Switchboard, Wait

WEB = ObjectRef("apps", "Deployment", "here", "web")
IMPORT = ObjectRef("batch", "Job", "here", "import")
Object = dict[str, Any]


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.at = 100.0

    def monotonic(self) -> float:
        return self.at

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.at)

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def an_object(ref: ObjectRef, *, uid: str, version: int, **sections: Any) -> Object:
    metadata = {
        "name": ref.name,
        "namespace": ref.namespace,
        "uid": uid,
        "resourceVersion": str(version),
        "labels": {labels.COMPONENT: "web"},
        "creationTimestamp": "2026-01-01T00:00:00Z",
        **sections.pop("metadata", {}),
    }
    return {"apiVersion": f"{ref.group}/v1", "kind": ref.kind, "metadata": metadata, **sections}


def web(
    version: int, *, uid: str = "one", generation: int = 1, observed: int = 1, ready: int = 0, wanted: int = 1
) -> Object:
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), ready)
    return an_object(
        WEB,
        uid=uid,
        version=version,
        metadata={"generation": generation},
        spec={"replicas": wanted, "selector": {"matchLabels": {"app": "web"}}, "template": {}},
        status={"observedGeneration": observed, **(counts if wanted or ready else {})},
    )


def job(version: int, **status: Any) -> Object:
    return an_object(IMPORT, uid="job", version=version, spec={"completions": 1}, status=status)


COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}], "succeeded": 1}


def waited(
    *refs: ObjectRef, begin: Sequence[Object], meanwhile: Sequence[Callable[[Store, Clock], None]]
) -> list[str]:
    """What is said during the wait; at each message the next of *meanwhile* happens."""
    store, board, clock = Store(), Switchboard(), Clock()
    store.listen(board.changed)
    for obj in begin:
        store.put(obj)
    nothing = SimpleNamespace(store=store, list=lambda *_: None, open=lambda *_: None)
    steps, said = iter(meanwhile), list[str]()

    def on_message(text: str) -> None:
        said.append(text)
        step = next(steps, None)
        assert step is not None, f"nothing more happens, and it still waits: {said}"
        step(store, clock)

    Wait(
        "web",
        refs,
        watches=cast(Watches, nothing),
        discovery=cast(Discovery, SimpleNamespace(find=lambda *_: None)),
        switchboard=board,
        beside=Beside(store, "web"),
        clock=clock,
        stopped=lambda: False,
        on_message=on_message,
        deadline=clock.at + 600,
        grace=30,
    ).run()
    return said


def test_a_generation_that_is_bumped_while_we_wait_is_waited_for_as_well() -> None:
    said = waited(
        WEB,
        begin=[web(1)],
        meanwhile=[
            lambda store, _: store.put(web(2, generation=2, ready=1)),  # ready, but for the old generation
            lambda store, _: store.put(web(3, generation=2, observed=2, ready=1)),
        ],
    )
    assert "waits for its controller" in said[1]


def test_an_object_that_is_replaced_under_us_is_judged_by_its_own_status() -> None:
    def replaced(store: Store, _: Clock) -> None:
        store.remove(WEB, uid="one")
        store.put(web(7, uid="two", observed=0))

    said = waited(
        WEB,
        begin=[web(1)],
        meanwhile=[replaced, lambda store, _: store.put(web(8, uid="two", ready=1))],
    )
    assert len(said) == 2


def test_a_deployment_that_somebody_scales_to_zero_meanwhile_is_ready_without_pods() -> None:
    said = waited(
        WEB,
        begin=[web(1)],
        meanwhile=[lambda store, _: store.put(web(2, generation=2, observed=2, wanted=0))],
    )
    assert said == ["Deployment/web: 0/1 pods ready"]


def test_a_job_that_vanishes_after_it_was_seen_complete_has_done_its_work() -> None:
    def complete(store: Store, _: Clock) -> None:
        store.put(job(2, **COMPLETE))

    def vanishes(store: Store, _: Clock) -> None:
        store.remove(IMPORT, uid="job")
        store.put(web(5, ready=1))

    said = waited(IMPORT, WEB, begin=[job(1, active=1), web(1)], meanwhile=[complete, vanishes])
    assert "Job/import" not in said[-1]


def test_a_deployment_that_somebody_deletes_is_told_after_a_few_seconds() -> None:
    def deleted(store: Store, _: Clock) -> None:
        store.remove(WEB, uid="one")

    def later(_: Store, clock: Clock) -> None:
        clock.at += 6

    with pytest.raises(NotReady) as caught:
        waited(WEB, begin=[web(1)], meanwhile=[deleted, later])
    assert "somebody deleted it" in caught.value.readiness.message
