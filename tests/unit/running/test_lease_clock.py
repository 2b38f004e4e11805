"""A lock that cannot be renewed, on a clock of its own: when its holder may write, and when it gives up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from allup.cluster import lease as leases
from allup.cluster.lease import Lease
from allup.cluster.requests import Timeouts
from allup.errors import AllupError, ApiError
from allup.identity import Holder

HERE = Holder("here", "boot", 1, "start")
END = 90.0


class Cluster:
    """Stands for the connection and the time: a request takes a tenth of a second, a wait as long as it is,
    and renewals fail while *away* says so."""

    def __init__(self, away: Callable[[float], bool]) -> None:
        self.now = 100.0
        self.stop = threading.Event()
        self.fence: Callable[[float], None] | None = None
        self.timeouts = Timeouts()
        self.began = self.now
        self._away = away
        self._version = 1

    def request(self, method: str, path: str, query: object = (), body: Any = None, **_: Any) -> Any:
        self.now += 0.1
        if method == "GET":
            raise AssertionError("nothing is to be read")
        if method == "PUT" and self._away(self.now - self.began):
            raise ApiError(path, "the server is away", status=503)
        self._version += 1
        body["metadata"]["resourceVersion"] = str(self._version)
        return 200, body


def held(monkeypatch: pytest.MonkeyPatch, away: Callable[[float], bool]) -> tuple[set[int], list[AllupError]]:
    """The seconds (since it was taken) at which a holder could write, and what it heard of its loss."""
    cluster = Cluster(away)
    could: set[int] = set()
    heard: list[AllupError] = []

    class Clocked(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            for _ in range(int(10 * (timeout or 0.0))):
                cluster.now += 0.1
                if lease.may_write:
                    could.add(int(cluster.now - cluster.began))
            return cluster.now - cluster.began > END

    class Threading:
        Event, Lock = Clocked, threading.Lock

        class Thread:
            def __init__(self, **_: Any) -> None:
                """It is run by hand below."""

            def start(self) -> None:
                """Not yet."""

    monkeypatch.setattr(leases, "threading", Threading)
    api: Any = cluster
    lease = Lease(api, "n", "i", here=HERE, on_lost=heard.append, monotonic=lambda: cluster.now)
    monkeypatch.setattr(lease, "_read", lambda *_: None)
    lease.acquire(0.0)
    assert cluster.fence == lease.await_ours
    lease._renew()
    return could, heard


def test_while_renewals_succeed_a_holder_may_always_write(monkeypatch: pytest.MonkeyPatch) -> None:
    could, heard = held(monkeypatch, lambda at: False)
    assert could >= set(range(int(END)))
    assert heard == []


def test_an_outage_of_20_seconds_stops_the_writes_before_anybody_may_take_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    could, heard = held(monkeypatch, lambda at: 8 < at < 28)
    last = 5.3  # when the last renewal before the outage was sent
    stopped = {second for second in range(int(END)) if second not in could}
    assert min(stopped) <= last + leases.WRITE_FOR + 1 < last + leases.DURATION
    assert max(stopped) <= 29
    assert stopped == set(range(min(stopped), max(stopped) + 1))
    assert heard == []


def test_an_outage_that_does_not_end_is_told_and_nothing_is_written_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    could, heard = held(monkeypatch, lambda at: at > 8)
    assert max(could) <= 5.3 + leases.WRITE_FOR + 1
    assert len(heard) == 1
    assert "its lock could not be renewed for" in str(heard[0])
    assert "the server is away" in str(heard[0])
