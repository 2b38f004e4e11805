"""One run at a time for an instance: the Lease."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from allup import Component, Password, Secret
from allup.errors import LockHeld
from allup.identity import Holder, process_start
from allup.model import labels
from allup.run.progress import Action, Note, ObjectDone, Progress
from allup.run.session import Session
from tests.cluster.platforms_for_tests import Instance, Told, config, deployment, eventually

pytestmark = pytest.mark.cluster


def holder(instance: Instance) -> str:
    found = instance.get(f"Lease/{labels.inventory_name(instance.name)}")
    return str(found["spec"].get("holderIdentity") or "")


def held_by(instance: Instance, who: Holder) -> None:
    """Puts somebody else's name into the Lease."""
    spec = {
        "holderIdentity": str(who),
        "acquireTime": "2026-01-02T03:04:05.000000Z",
        "renewTime": "2026-01-02T03:04:05.000000Z",
    }
    instance.patch(f"Lease/{labels.inventory_name(instance.name)}", {"spec": spec})


class Running:
    """A run on a thread of its own."""

    def __init__(self, call: Callable[[], Told]) -> None:
        self._call = call
        self.told: Told | None = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.told = self._call()
        except BaseException as error:
            self.error = error

    def result(self) -> Told:
        self._thread.join(60)
        if self.error is not None:
            raise self.error
        assert self.told is not None, "still running"
        return self.told


def somebody_else(pid: int = 0) -> Holder:
    """A process of this host that lives and is not this one; a run of it that no other call has named."""
    here = Holder.current()
    pid = pid or os.getppid()
    return Holder(here.host, here.boot, pid, process_start(pid) or "", here.run)


def session_of(instance: Instance, who: Holder) -> Session:
    """A session as another process would have it: a lock is held by a process."""
    session = instance.session()
    session.here = who
    return session


def test_the_lease_is_held_while_a_run_is_at_work_and_given_back_after_it(instance: Instance) -> None:
    seen = []

    def heard(progress: Progress) -> None:
        if isinstance(progress, ObjectDone):
            seen.append(holder(instance))

    session = instance.session()
    instance.up(instance.part("base", config("base")), heard=heard, session=session)
    assert seen == [str(session.here)]
    assert f"/{os.getpid()}/" in seen[0]
    assert holder(instance) == ""


def test_a_lease_that_has_changed_meanwhile_is_given_back_all_the_same(instance: Instance) -> None:
    def touched(progress: Progress) -> None:
        if isinstance(progress, ObjectDone):  # as a renewal does that is under way at the end
            instance.patch(
                f"Lease/{labels.inventory_name(instance.name)}", {"metadata": {"annotations": {"a": "b"}}}
            )

    instance.up(instance.part("base", config("base")), heard=touched)
    assert holder(instance) == ""


def test_a_held_lease_is_waited_for_and_then_told_with_pid_and_since_when(instance: Instance) -> None:
    part = instance.part("base", config("base"))
    instance.up(part)
    before = instance.settled()
    other = somebody_else()
    held_by(instance, other)
    for verb in (instance.up, instance.down):
        with pytest.raises(LockHeld) as raised:
            verb(part, lock_timeout=0.6)
        assert raised.value.exit_code == 3
        assert f"process {other.pid} on {other.host}" in str(raised.value)
        assert "since 2026-01-02 03:04:05 UTC" in str(raised.value)
    assert instance.settled() == before
    assert holder(instance) == str(other)


def test_a_dead_holder_on_this_host_is_taken_over_at_once(instance: Instance) -> None:
    part = instance.part("base", config("base"))
    instance.up(part)
    here = Holder.current()
    held_by(instance, Holder(here.host, here.boot, 2**22 + 1, "1"))
    told = instance.up(part, lock_timeout=0.1)
    assert told.outcome == "done"
    assert told.finished.seconds < 5
    assert holder(instance) == ""


def secretive(instance: Instance) -> tuple[Component, ...]:
    """A generated password, and a pod that stays not ready until it is told otherwise."""
    return (
        instance.part("key", secrets=[Secret("key", {"password": Password()})]),
        instance.part("slow", deployment("slow", fault="slow"), after=["key"]),
    )


def test_of_two_ups_at_once_one_waits_and_then_finds_nothing_to_do(instance: Instance) -> None:
    parts = secretive(instance)
    begun = threading.Event()

    def heard(progress: Progress) -> None:
        if isinstance(progress, ObjectDone):
            begun.set()

    first = Running(lambda: instance.up(*parts, heard=heard))
    assert begun.wait(20)
    second = instance.up(*parts)  # of the same process: a run, not a process, holds the lock
    assert first.result().outcome == second.outcome == "done"
    assert set(second.did().values()) == {Action.UNCHANGED}
    assert "another run is at work" in second.notes


def test_two_first_ups_at_the_same_moment_agree_on_generated_passwords(instance: Instance) -> None:
    # Both have looked before either of them holds the lock: the second one must look again.
    parts = secretive(instance)
    passwords: list[Any] = []

    def heard(progress: Progress) -> None:
        if isinstance(progress, ObjectDone) and progress.ref.name == "key":
            passwords.append(instance.get("Secret/key")["data"]["password"])

    sessions = [instance.session(), session_of(instance, somebody_else())]
    runs = [Running(partial(instance.up, *parts, heard=heard, session=each)) for each in sessions]
    actions = [run.result().did()["Secret/key"] for run in runs]
    assert sorted(actions) == [Action.CREATED, Action.UNCHANGED]
    assert len(set(passwords)) == 1


def test_a_down_that_waited_for_an_up_removes_what_that_up_made(instance: Instance) -> None:
    parts = (
        instance.part("first", config("first")),
        instance.part("slow", deployment("slow", fault="slow"), after=["first"]),
    )
    begun, waits = threading.Event(), threading.Event()

    def up_heard(progress: Progress) -> None:
        if isinstance(progress, ObjectDone) and progress.ref.name == "first":
            begun.set()

    def down_heard(progress: Progress) -> None:
        if isinstance(progress, Note) and "another run is at work" in progress.text:
            waits.set()

    up = Running(lambda: instance.up(*parts, heard=up_heard))
    assert begun.wait(20)
    told = instance.down(*parts, heard=down_heard, session=session_of(instance, somebody_else()))
    assert up.result().outcome == "done"
    assert waits.is_set()
    assert told.outcome == "done"
    assert told.did(Action.DELETED).keys() == {"ConfigMap/first", "Deployment/slow"}
    assert instance.pods() == {}


def test_a_run_whose_lease_is_taken_from_it_stops(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allup.cluster.lease.RENEW_EVERY", 0.2)
    taken, other = threading.Event(), somebody_else()

    def heard(progress: Progress) -> None:
        if isinstance(progress, ObjectDone) and not taken.is_set():
            held_by(instance, other)
            taken.set()

    with pytest.raises(LockHeld, match=f"taken from this run by process {os.getppid()}"):
        instance.up(instance.part("web", deployment("web", fault="never-ready")), heard=heard)
    eventually(lambda: holder(instance) == str(other), "the Lease to stay with its new holder")
