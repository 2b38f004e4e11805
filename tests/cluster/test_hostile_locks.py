"""The lock of an instance in a network that does what networks do: never two who write at the same time."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest

from allup.cluster.lease import Lease
from allup.daily.locking import locked
from allup.errors import AllupError, ClusterError, LockHeld
from allup.run.progress import Action
from allup.run.session import Session
from tests.cluster.faultproxy import hostile_cases as hostile
from tests.cluster.faultproxy.credentials import kubeconfig_to
from tests.cluster.faultproxy.hostile_cases import Ground, Hostile
from tests.cluster.faultproxy.proxy import FaultProxy, proxied
from tests.cluster.platforms_for_tests import eventually
from tests.cluster.test_locking import Running, session_of, somebody_else

pytestmark = pytest.mark.cluster

TENTH = {
    "DURATION": 1.5,
    "WRITE_FOR": 1.0,
    "RENEW_EVERY": 0.5,
    "TRY_AGAIN_AFTER": 0.1,
    "LOST_AFTER": 4.5,
    "_LOOK_EVERY": 0.05,
    "_PATIENCE": 0.3,
}
"""Every time of a Lease, ten times as fast."""


@pytest.fixture
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TENTH.items():
        monkeypatch.setattr(f"allup.cluster.lease.{name}", value)


class Writer:
    """Somebody who holds the lock through a proxy and writes as fast as he can until told to end."""

    def __init__(self, instance: Hostile, session: Session) -> None:
        self.error: AllupError | None = None
        self.enough = threading.Event()
        self._instance, self._session = instance, session
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        instance, number = self._instance, 0
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"w-{instance.name}", "namespace": instance.namespace},
        }
        try:
            with locked(self._session, instance.platform(), 1.0):
                while not self.enough.is_set():
                    number += 1
                    self._session.objects.apply({**body, "data": {"n": str(number)}}, force=True)
        except AllupError as error:
            self.error = error


def writer(ground: Ground, proxy: FaultProxy) -> Writer:
    """Begins to write in a new instance."""
    instance = ground.instance()
    instance.door = kubeconfig_to(
        proxy.port, ground.identity, instance.folder / "kubeconfig", {"token": "some-token"}
    )
    session = instance.session()
    instance.door = None
    return Writer(instance, session)


def writes(proxy: FaultProxy) -> list[float]:
    """When the API server carried out the writes of the writer."""
    return [seen.at for seen in proxy.executed if seen.asked.resource == "configmaps"]


@pytest.mark.usefixtures("_fast")
@pytest.mark.parametrize("fault", ["503", "frozen", "lost"])
def test_who_cannot_renew_the_lock_stops_writing_before_another_takes_it(fault: str, ground: Ground) -> None:
    with proxied(ground.upstream, ground.identity, [f"update leases every {fault}"]) as proxy:
        first = writer(ground, proxy)
        eventually(lambda: writes(proxy), "the first write")
        lost: list[AllupError] = []
        instance = first._instance
        other = session_of(instance, somebody_else())
        second = Lease(other.api, instance.namespace, instance.name, here=other.here, on_lost=lost.append)
        second.acquire(10.0)
        taken = time.monotonic()
        first.thread.join(20)
        assert first.error is not None
        assert "could not be renewed" in str(first.error) or "taken from this run" in str(first.error)
        assert isinstance(first.error, ClusterError)
        assert max(writes(proxy)) < taken - 0.3
        assert lost == []
        second.release()


@pytest.mark.usefixtures("_fast")
def test_a_renewal_whose_answer_is_lost_costs_nobody_the_lock(ground: Ground) -> None:
    with proxied(ground.upstream, ground.identity, ["update leases #1-3 lost"]) as proxy:
        first = writer(ground, proxy)
        eventually(lambda: writes(proxy), "the first write")
        other = session_of(first._instance, somebody_else())
        instance = first._instance
        second = Lease(other.api, instance.namespace, instance.name, here=other.here, on_lost=lambda _: None)
        with pytest.raises(LockHeld):
            second.acquire(2.5)
        first.enough.set()
        first.thread.join(20)
        assert first.error is None
    second.acquire(0.5)
    second.release()


@pytest.mark.usefixtures("_fast")
def test_an_outage_that_nobody_used_pauses_the_writes_and_they_go_on(ground: Ground) -> None:
    with proxied(ground.upstream, ground.identity, ["update leases #1-7 503"]) as proxy:
        first = writer(ground, proxy)
        renewed = partial(
            lambda: [
                s.at for s in proxy.executed if s.asked.resource == "leases" and s.asked.verb == "update"
            ]
        )
        eventually(lambda: renewed() and max(writes(proxy), default=0.0) > renewed()[0] + 0.1, "writes again")
        first.enough.set()
        first.thread.join(20)
        assert first.error is None
        acquired = min(s.at for s in proxy.executed if s.asked.resource == "leases")
        assert not [at for at in writes(proxy) if acquired + 1.2 < at < renewed()[0]]


@pytest.mark.parametrize(
    "rule",
    [
        "create leases #1 lost",
        "create secrets #1 lost",
        "write #3-5 503",
        pytest.param("create secrets #1 late", marks=pytest.mark.sweep),
        pytest.param("update leases #1-2 lost", marks=pytest.mark.sweep),
        pytest.param("apply secrets #1 lost", marks=pytest.mark.sweep),
        pytest.param("any #20 reset", marks=pytest.mark.sweep),
        pytest.param("read #9-12 truncated", marks=pytest.mark.sweep),
    ],
)
def test_two_first_ups_at_once_agree_whatever_gets_lost(rule: str, ground: Ground) -> None:
    instance = ground.instance()
    parts = instance.parts()
    with proxied(ground.upstream, ground.identity, [rule]) as proxy:
        instance.door = kubeconfig_to(
            proxy.port, ground.identity, instance.folder / "kubeconfig", {"token": "some-token"}
        )
        sessions = [instance.session(), session_of(instance, somebody_else())]
        runs = [Running(partial(instance.up, *parts, session=each, timeout=30.0)) for each in sessions]
        told = [run.result() for run in runs]
        instance.door = None
        assert [each.outcome for each in told] == ["done", "done"], [each.finished for each in told]
        hostile.assert_nothing_twice("up", proxy.executed)
    hostile.assert_right(instance, "up")
    key = instance.named("Secret/key")
    actions = sorted(str(each.did()[key]) for each in told)
    assert actions in (
        sorted(map(str, (Action.CREATED, Action.UNCHANGED))),
        sorted(map(str, (Action.CHANGED, Action.UNCHANGED))),  # the answer that said "created" was lost
    )
