"""Processes are recognised by pid and start, and ended within a bounded time."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from allup.errors import ClusterError
from allup.sandbox.clock import SystemClock, poll
from allup.sandbox.processes import (
    Owned,
    Program,
    end,
    forget,
    is_alive,
    last_words,
    memory_bytes,
    recorded,
    start,
    start_mark,
)

CLOCK = SystemClock()
SHELL = Path(shutil.which("sh") or "/bin/sh")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for process in recorded(tmp_path).values():
        if is_alive(process):
            os.kill(process.pid, signal.SIGKILL)


def shell(folder: Path, script: str, name: str = "program") -> Owned:
    """Start *script* and wait until it has written its first line to its log."""
    process = start(
        Program(name, SHELL, (name, "-c", script)),
        records=folder,
        logs=folder,
        environ={"PATH": os.environ["PATH"]},
    )
    assert poll(lambda: (folder / f"{name}.log").read_text() or None, clock=CLOCK, timeout=10)
    return process


def test_a_started_process_lives_in_a_session_of_its_own_and_is_on_record(folder: Path) -> None:
    process = shell(folder, "echo ready; exec sleep 60")
    assert is_alive(process)
    assert os.getsid(process.pid) == process.pid
    assert recorded(folder) == {"program": process}
    assert (memory_bytes(process.pid) or 0) > 0


def test_the_same_pid_with_another_start_is_not_ours_and_is_never_signalled(folder: Path) -> None:
    process = shell(folder, "echo ready; exec sleep 60")
    stranger = replace(process, started="another boot:1")
    assert not is_alive(stranger)
    end([stranger], clock=CLOCK, grace=0.1)
    assert is_alive(process)


def test_an_ended_child_counts_as_dead_before_anybody_has_collected_it(folder: Path) -> None:
    process = shell(folder, "echo ready; exec sleep 60")
    os.kill(process.pid, signal.SIGKILL)
    assert poll(lambda: not is_alive(process) or None, clock=CLOCK, timeout=10)
    assert start_mark(process.pid) is None


def test_ending_collects_the_remains(folder: Path) -> None:
    process = shell(folder, "echo ready; exec sleep 60")
    end([process], clock=CLOCK)
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(folder: Path) -> None:
    process = shell(folder, "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    end([process], clock=CLOCK, grace=0.2)
    assert not is_alive(process)


def test_a_process_to_be_ended_outright_is_not_asked(folder: Path) -> None:
    process = shell(
        folder, f"trap 'echo asked >{folder}/asked' TERM; echo ready; while :; do sleep 0.05; done"
    )
    end([process], clock=CLOCK, outright=["program"])
    assert not is_alive(process)
    assert not (folder / "asked").exists()


def test_ending_what_is_gone_already_is_nothing(folder: Path) -> None:
    process = shell(folder, "echo ready; exec sleep 60")
    end([process], clock=CLOCK)
    end([process], clock=CLOCK)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": "x", "started": "y"}', "\x00"])
def test_a_record_that_cannot_be_read_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "etcd.json").write_text(content)
    assert recorded(tmp_path) == {}


def test_a_forgotten_process_is_off_the_record(tmp_path: Path) -> None:
    (tmp_path / "etcd.json").write_text(json.dumps({"pid": 1, "started": "x"}))
    forget(tmp_path, "etcd")
    forget(tmp_path, "etcd")
    assert recorded(tmp_path) == {}


def test_a_program_that_is_not_there_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="cannot be started"):
        start(
            Program("etcd", tmp_path / "none", ("etcd",)),
            records=tmp_path,
            logs=tmp_path,
            environ={},
        )


def test_this_very_process_has_a_start_and_a_free_pid_has_none() -> None:
    assert start_mark(os.getpid()) == start_mark(os.getpid()) is not None
    assert start_mark(2**22 + 1) is None


def test_the_last_words_are_those_about_errors(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("I1121 fine\nE1121 05:00:00 no disk\npanic: enough\n\tstack\n\tmore stack\n")
    assert last_words(log) == "E1121 05:00:00 no disk\npanic: enough"


def test_a_log_without_errors_gives_its_last_lines_and_none_gives_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\ntwo\nthree\nfour\n")
    assert last_words(log, 2) == "three\nfour"
    assert last_words(tmp_path / "none") == ""
