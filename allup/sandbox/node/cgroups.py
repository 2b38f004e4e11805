"""The node's cgroups: one folder of our name in every hierarchy, made, emptied and removed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from allup.errors import ClusterError
from allup.sandbox.clock import Clock, poll

ROOT = Path("/sys/fs/cgroup")
# Those that a process needs nothing else to be put into; one is enough to find it again.
_FOR_OURSELVES = ("pids", "memory", "freezer")


class Cgroups:
    """The cgroups called *name*: our programs are in its ``node``, the kubelet makes its ``kubepods``."""

    def __init__(self, name: str, root: Path = ROOT) -> None:
        self._name = name
        self._root = root

    @property
    def name(self) -> str:
        """What the kubelet is told: an absolute name within each hierarchy."""
        return f"/{self._name}"

    def make(self) -> list[Path]:
        """Make them where they are missing; the folders to put our own programs into."""
        for hierarchy in self._hierarchies():
            (hierarchy / self._name).mkdir(exist_ok=True)
        ours = [
            hierarchy / self._name / "node"
            for hierarchy in self._hierarchies()
            if self._unified() or hierarchy.name in _FOR_OURSELVES
        ]
        for folder in ours:
            folder.mkdir(exist_ok=True)
        return ours

    def members(self, *, below: str = "") -> set[int]:
        """The processes in them, or in the part called *below*."""
        found: set[int] = set()
        for folder in self._folders(below):
            try:
                found |= {int(line) for line in (folder / "cgroup.procs").read_text().split()}
            except (OSError, ValueError):
                continue
        return found - {0}

    def kill(self, clock: Clock) -> None:
        """Kill every process in them: by their place they are ours. ClusterError if one lives on for 5 s."""

        def none_left() -> bool | None:
            left = self.members()
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            return None if left else True

        if poll(none_left, clock=clock, timeout=5.0, interval=0.01) is None:
            left = ", ".join(map(str, sorted(self.members())))
            raise ClusterError("the real node", f"processes {left} did not end, not even when killed")

    def remove(self, clock: Clock) -> None:
        """Remove them. ClusterError if the kernel still holds one after 5 s."""

        def gone() -> bool | None:
            for folder in self._folders():
                try:
                    folder.rmdir()
                except OSError:
                    continue
            return None if any(True for _ in self._folders()) else True

        if poll(gone, clock=clock, timeout=5.0, interval=0.02) is None:
            left = next(iter(self._folders()), self._root)
            raise ClusterError("the real node", f"cgroup {left} cannot be removed")

    def exist(self) -> bool:
        """Whether any of them is there."""
        return any(True for _ in self._folders())

    def _unified(self) -> bool:
        return (self._root / "cgroup.controllers").exists()

    def _hierarchies(self) -> list[Path]:
        if self._unified():
            return [self._root]
        try:
            entries = sorted(self._root.iterdir())
        except OSError:
            return []
        # Links (cpu → cpu,cpuacct) name hierarchies that are listed anyway.
        return [entry for entry in entries if not entry.is_symlink() and (entry / "cgroup.procs").exists()]

    def _folders(self, below: str = "") -> Iterator[Path]:
        """Ours, the deepest first."""
        for hierarchy in self._hierarchies():
            for folder, _, _ in os.walk(hierarchy / self._name / below, topdown=False):
                yield Path(folder)
