"""How a watch is kept alive: what counts as a sign of life, when it lists again, when it gives up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import urllib3

from allup.cluster.discovery import Resource
from allup.cluster.requests import Timeouts
from allup.cluster.watch import Watches
from allup.errors import AllupError, ApiError, ClusterError, Expired, NotFound, Unauthenticated
from allup.redaction import Redactor

PODS = Resource("", "v1", "Pod", "pods", True)
BROKEN = urllib3.exceptions.ProtocolError("Connection broken")
SILENT = urllib3.exceptions.ReadTimeoutError(None, "/", "Read timed out.")  # type: ignore[arg-type]
BOOKMARK = b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}'
WATCHES = 8

Step = Callable[["Server"], Iterator[bytes]]


class Server:
    """Stands for the connection: each watch goes as *script* says (its last step again and again); after
    WATCHES of them the watch is told to end."""

    def __init__(self, script: Sequence[Step | AllupError]) -> None:
        self.redactor = Redactor()
        self.stop = threading.Event()
        self.timeouts = Timeouts()
        self.now = 0.0
        self.lists = self.opened = 0
        self.versions: list[str] = []
        self.failures: list[AllupError] = []
        self.over = threading.Event()
        self._script = list(script)

    def get(self, path: str, query: object = ()) -> Any:
        self.lists += 1
        return {"items": [], "metadata": {"resourceVersion": str(self.lists)}}

    def lines(self, path: str, query: Sequence[tuple[str, str]], *, read_timeout: float) -> Any:
        self.opened += 1
        self.versions.append(dict(query)["resourceVersion"])
        if self.opened > WATCHES:
            self.stop.set()
            self.over.set()
        step = self._script[min(self.opened, len(self._script)) - 1]
        if isinstance(step, AllupError):
            raise step
        return Open(step(self))

    def fail(self, error: AllupError) -> None:
        self.failures.append(error)
        self.over.set()


class Open:
    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[bytes]:
        return self._lines

    def close(self) -> None:
        """Nothing is open."""


def lasting(seconds: float, *lines: bytes, end: Exception | None = None) -> Step:
    """A watch that says *lines* and ends after *seconds*, with an error or in order."""

    def step(server: Server) -> Iterator[bytes]:
        yield from lines
        server.now += seconds
        if end is not None:
            raise end

    return step


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What a watch waits between two connections, written down and not waited for, on the server's clock."""
    asked: list[float] = []

    class Pause(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            asked.append(timeout or 0.0)
            return self.is_set()

    class Threading:
        Event = Pause
        Lock, Thread = threading.Lock, threading.Thread

    monkeypatch.setattr("allup.cluster.watch.threading", Threading)
    monkeypatch.setattr("allup.cluster.watch.random.random", lambda: 0.5)
    return asked


def watched(pauses: list[float], *script: Step | AllupError) -> Server:
    """A server whose pods were watched until that was over."""
    server = Server(script)
    api: Any = server

    def monotonic() -> float:
        return server.now + sum(pauses)

    watches = Watches(api, selector="", on_failure=server.fail, on_note=lambda _: None, monotonic=monotonic)
    watches.open(PODS, "n")
    assert server.over.wait(10)
    return server


def test_a_watch_that_ends_at_once_is_opened_again_ever_more_slowly(pauses: list[float]) -> None:
    server = watched(pauses, lasting(0))
    assert server.failures == []
    assert pauses[:6] == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5.0])


def test_a_watch_that_ends_in_its_time_is_opened_again_at_once(pauses: list[float]) -> None:
    server = watched(pauses, lasting(50))
    assert (server.failures, pauses) == ([], [])
    assert set(server.versions) == {"1"}


def test_a_balancer_that_cuts_quiet_connections_is_no_reason_to_give_up(pauses: list[float]) -> None:
    server = watched(pauses, lasting(30, end=BROKEN))
    assert server.failures == []
    assert server.opened > WATCHES
    assert max(pauses) == pytest.approx(0.2)


def test_a_connection_that_was_silent_to_its_end_is_listed_again(pauses: list[float]) -> None:
    server = watched(pauses, lasting(60, end=SILENT))
    assert server.failures == []
    assert server.lists == server.opened


def test_a_server_that_stays_away_is_given_up_after_a_minute(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allup.cluster.watch.GIVE_UP_AFTER", 6.0)
    server = watched(pauses, lasting(50), ClusterError("cluster", "is away"))
    assert [str(error) for error in server.failures] == ["cluster: is away."]
    assert sum(pauses) == pytest.approx(6.2)


def test_news_between_two_breaks_are_a_sign_of_life(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allup.cluster.watch.GIVE_UP_AFTER", 0.5)
    assert watched(pauses, lasting(0, BOOKMARK, end=BROKEN)).failures == []
    [failure] = watched(pauses, lasting(0, end=BROKEN)).failures
    assert "the connection to the server broke" in str(failure)


@pytest.mark.parametrize(
    "error", [Expired("watch", "too old", status=410), NotFound("pods", "gone", status=404)]
)
def test_what_has_expired_or_is_gone_is_listed_again_without_end(
    pauses: list[float], error: ApiError
) -> None:
    server = watched(pauses, error)
    assert server.failures == []
    assert server.lists == server.opened


def test_credentials_that_are_refused_end_a_watch_at_once(pauses: list[float]) -> None:
    server = watched(pauses, Unauthenticated("cluster", "does not accept our credentials"))
    assert (len(server.failures), server.opened) == (1, 1)


def test_half_a_line_is_a_break_and_not_an_end(pauses: list[float]) -> None:
    server = watched(pauses, lasting(0, BOOKMARK, b'{"type":"MODI'), lasting(50))
    assert server.failures == []
    assert server.versions[:2] == ["1", "9"]
