"""Polling, locks, and the words for progress."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from allup.errors import LockHeld
from allup.sandbox.clock import SystemClock, poll
from allup.sandbox.locks import file_lock
from allup.sandbox.progress import (
    LineProgress,
    Step,
    TerminalProgress,
    duration,
    progress_to,
    sentence,
)


class Hours:
    """A clock whose time passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_polling_gives_the_first_answer() -> None:
    answers = iter([None, None, "yes"])
    clock = Hours()
    assert poll(lambda: next(answers), clock=clock, timeout=10, interval=1) == "yes"
    assert clock.slept == [1, 1]


def test_polling_ends_at_its_deadline_and_asks_once_more_there() -> None:
    clock = Hours()
    asked: list[float] = []
    assert poll(lambda: asked.append(clock.now), clock=clock, timeout=2.5, interval=1) is None
    assert asked == [0, 1, 2, 2.5]


def test_polling_with_no_time_left_still_asks_once() -> None:
    assert poll(lambda: "yes", clock=Hours(), timeout=0) == "yes"


def test_a_lock_that_is_held_is_waited_for_and_then_given_up(tmp_path: Path) -> None:
    lock, clock = tmp_path / "lock", Hours()
    tries: list[float] = []
    with (
        file_lock(lock, clock=SystemClock(), timeout=1, doing="the first"),
        pytest.raises(LockHeld, match="more than 5 s"),
        file_lock(lock, clock=clock, timeout=5, doing="more", waiting=lambda: tries.append(clock.now)),
    ):
        pass
    assert clock.now == pytest.approx(5)
    assert len(tries) > 10


def test_a_lock_is_free_again_after_its_block(tmp_path: Path) -> None:
    for _ in range(2):
        with file_lock(tmp_path / "lock", clock=Hours(), timeout=0, doing="it"):
            pass


def test_a_lock_whose_file_was_removed_by_its_holder_is_taken_on_a_new_file(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with file_lock(lock, clock=Hours(), timeout=0, doing="deleting"):
        lock.unlink()
    with (
        file_lock(lock, clock=Hours(), timeout=0, doing="the next"),
        pytest.raises(LockHeld),
        file_lock(lock, clock=Hours(), timeout=0, doing="one too many"),
    ):
        pass


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0.0 s"), (0.44, "0.4 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (250, "4 min 10 s")],
)
def test_a_duration_is_written_for_people(seconds: float, written: str) -> None:
    assert duration(seconds) == written


def test_a_step_tells_how_long_it_took_last_time() -> None:
    assert sentence(Step("building etcd", 12, 250)) == "building etcd: 12 s (last time 4 min 10 s)"
    assert sentence(Step("building etcd", 24, 250, done=True)) == "building etcd: done in 24 s"
    assert sentence(Step("building etcd")) == "building etcd"


def test_without_a_terminal_a_long_step_is_told_every_15_seconds_at_most() -> None:
    stream = io.StringIO()
    progress = LineProgress(stream)
    for second in range(40):
        progress(Step("building etcd", second))
    progress(Step("building etcd", 40, done=True))
    assert stream.getvalue().splitlines() == [
        "building etcd",
        "building etcd: 15 s",
        "building etcd: 30 s",
        "building etcd: done in 40 s",
    ]


def test_on_a_terminal_one_line_is_written_over_and_only_the_end_of_a_long_step_stays() -> None:
    stream = io.StringIO()
    progress = TerminalProgress(stream, width=30)
    progress(Step("building etcd", 1))
    progress(Step("building etcd", 2, done=True))
    progress(Step("a step whose words are far too long for this terminal", 2))
    progress.close()
    assert stream.getvalue().count("\n") == 1
    assert all(len(line) <= 30 for line in stream.getvalue().replace("\x1b[K", "").split("\r"))


def test_a_stream_that_is_no_terminal_gets_plain_lines() -> None:
    assert isinstance(progress_to(io.StringIO(), {"TERM": "xterm"}), LineProgress)


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({"TERM": "xterm"}, TerminalProgress),
        ({"TERM": "dumb"}, LineProgress),
        ({"TERM": "xterm", "CI": "true"}, LineProgress),
        ({}, LineProgress),
    ],
)
def test_a_terminal_gets_the_line_it_can_show(environ: dict[str, str], kind: type) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert isinstance(progress_to(Terminal(), environ), kind)
