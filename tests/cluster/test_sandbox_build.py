"""Tools are built once, with a real compiler, from a small program."""

from __future__ import annotations

import os
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from allup.errors import ClusterError
from allup.sandbox import toolchain
from allup.sandbox.build import Tool, bin_folder, build_tools, executable
from allup.sandbox.paths import cache_home
from allup.sandbox.progress import Step

pytestmark = pytest.mark.cluster

PROGRAM = """\
package main

import "os"

func main() { os.Stdout.WriteString(said + "\\n") }

var said = "built"
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A cache of this test's own; Go's caches, and a private compiler if there is one, are the user's."""
    cache = tmp_path / "cache"
    private = cache_home(os.environ) / "go"
    if private.exists():
        (cache / "allup").mkdir(parents=True)
        (cache / "allup" / "go").symlink_to(private)
    caches = {
        name: subprocess.run(
            [toolchain.find_or_install(os.environ).executable, "env", name],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for name in ("GOCACHE", "GOMODCACHE")
    }
    return {**os.environ, **caches, "XDG_CACHE_HOME": str(cache)}


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    folder = tmp_path / "pins" / "small"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module example.invalid/small\n\ngo 1.26.0\n")
    (folder / "main.go").write_text(PROGRAM)
    return Tool("small", ".", "a small program", pins=tmp_path / "pins")


def leftovers(environ: dict[str, str]) -> list[str]:
    return [path.name for path in bin_folder(environ).iterdir() if path.name.startswith(".partial")]


def test_a_tool_is_built_once_and_again_only_when_its_pins_change(
    tool: Tool, environ: dict[str, str]
) -> None:
    steps: list[Step] = []
    build_tools(environ, tools=[tool], progress=steps.append)
    first = executable(tool, environ)
    assert subprocess.run([first], capture_output=True, text=True, check=True).stdout == "built\n"
    assert steps[-1].done
    steps.clear()
    build_tools(environ, tools=[tool], progress=steps.append)
    assert steps == []
    (tool.folder / "main.go").write_text(PROGRAM.replace("built", "built again"))
    build_tools(environ, tools=[tool], progress=steps.append)
    assert executable(tool, environ) != first
    assert first.exists()
    assert steps[0].expected is not None
    assert leftovers(environ) == []


def test_the_version_given_as_a_flag_is_in_the_program(tool: Tool, environ: dict[str, str]) -> None:
    versioned = replace(tool, flags="-X main.said=v1")
    build_tools(environ, tools=[versioned])
    said = subprocess.run([executable(versioned, environ)], capture_output=True, text=True, check=True).stdout
    assert said == "v1\n"


def test_a_program_that_does_not_compile_is_told_in_the_compilers_words(
    tool: Tool, environ: dict[str, str]
) -> None:
    (tool.folder / "main.go").write_text(PROGRAM.replace("said +", "unsaid +"))
    with pytest.raises(ClusterError, match="undefined: unsaid"):
        build_tools(environ, tools=[tool])
    assert not executable(tool, environ).exists()
    assert leftovers(environ) == []


def test_an_interrupted_build_leaves_nothing_that_counts_as_built(
    tool: Tool, environ: dict[str, str]
) -> None:
    def interrupt(step: Step) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_tools(environ, tools=[tool], progress=interrupt)
    assert not executable(tool, environ).exists()
    assert leftovers(environ) == []
    build_tools(environ, tools=[tool])
    assert executable(tool, environ).exists()


def test_two_builds_at_once_build_one_after_the_other(tool: Tool, environ: dict[str, str]) -> None:
    done: list[Step] = []

    def build() -> None:
        build_tools(environ, tools=[tool], progress=lambda step: done.append(step) if step.done else None)

    threads = [threading.Thread(target=build, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 1
    assert executable(tool, environ).exists()


def test_without_go_and_without_pip_the_remedy_is_told(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    nothing = {**environ, "PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "other")}
    with pytest.raises(ClusterError, match=r"Install Go 1\.26"):
        toolchain.find_or_install(nothing)


def test_a_go_that_is_too_old_is_not_used(tmp_path: Path, environ: dict[str, str]) -> None:
    old = tmp_path / "go"
    old.write_text("#!/bin/sh\necho go version go1.21.3 linux/amd64\n")
    old.chmod(0o755)
    found = toolchain.on_path({**environ, "PATH": str(tmp_path)})
    assert found is not None
    assert found.version == (1, 21, 3)
    assert not toolchain.new_enough(found)
