"""Real nodes' ends: in whatever state they are, nothing is left of them but their files."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from allup.sandbox import processes
from allup.sandbox.clock import Clock, poll
from allup.sandbox.names import KUBELET, NODEINIT, STORAGE, node_programs, of_node
from allup.sandbox.node import configs, links, requirements
from allup.sandbox.node.cgroups import Cgroups
from allup.sandbox.paths import StateFolder

MOST_WORKERS = 4
# What a stopping pod gets to say its farewells; a kubelet that drains would give it 30 s.
_GRACE = 3.0
_KUBELET_FOLDER = Path(configs.KUBELET_FOLDER)
_MADE_BY_US = _KUBELET_FOLDER / ".made-by-allup"


class Marks:
    """The names that node *number* has outside of its state folder, made of the sandbox's path."""

    def __init__(self, folder: StateFolder, number: int = 1) -> None:
        digest = hashlib.sha256(str(folder.root).encode()).hexdigest()[:8]
        self.link = f"{links.PREFIX}{digest}"
        """The machine's end of the link, which is one for all nodes of the sandbox."""
        self.cgroups = Cgroups(of_node(f"allup-{digest}", number))


def clear(folder: StateFolder, clock: Clock, numbers: Iterable[int] = range(1, MOST_WORKERS + 1)) -> bool:
    """End these nodes of the sandbox side by side; whether any of them lived.

    Pods are asked to end and killed after 3 s; the rest is killed at once. Nothing being there is fine.
    """
    there = [number for number in numbers if folder.of_node(number).exists()]
    if not there:
        return False
    cgroups = [Marks(folder, number).cgroups for number in there]
    ours = {name for number in there for name in node_programs(number)}
    known = {
        name: process
        for name, process in processes.recorded(folder.processes).items()
        if name in ours and processes.is_alive(process)
    }
    # Neither may start again what is about to end.
    _kill([known[name] for name in (*_each(KUBELET, there), STORAGE) if name in known], clock)
    _ask_pods_to_end(cgroups, clock)
    _kill([known[name] for name in _each(NODEINIT, there) if name in known], clock)
    for group in cgroups:
        if group.exist():
            group.kill(clock)
            group.remove(clock)
    if 1 in there and shutil.which("ip", path=requirements.search_path({})):
        links.remove(Marks(folder).link)
        _remove_kubelet_folder()
    for name in ours:
        processes.forget(folder.processes, name)
    return bool(known)


def make_kubelet_folder() -> None:
    """The machine's /var/lib/kubelet, to mount the node's over; marked if it is of our making."""
    if not _KUBELET_FOLDER.exists():
        _KUBELET_FOLDER.mkdir(mode=0o700)
        _MADE_BY_US.touch()


def _remove_kubelet_folder() -> None:
    if _MADE_BY_US.exists() and not links.any_of_ours():
        _MADE_BY_US.unlink()
        with suppress(OSError):  # somebody else has begun to use it
            _KUBELET_FOLDER.rmdir()


def _each(role: str, numbers: Iterable[int]) -> list[str]:
    return [of_node(role, number) for number in numbers]


def _kill(ours: Sequence[processes.Owned], clock: Clock) -> None:
    processes.end(ours, clock=clock, outright=[process.name for process in ours])


def _ask_pods_to_end(cgroups: Sequence[Cgroups], clock: Clock) -> None:
    def members() -> set[int]:
        return {pid for group in cgroups for pid in group.members(below="kubepods")}

    for pid in members():
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            continue
    poll(lambda: None if members() else True, clock=clock, timeout=_GRACE, interval=0.05)
