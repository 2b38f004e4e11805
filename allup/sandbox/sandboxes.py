"""The sandboxes of one checkout: up, down, delete, and what is known of them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from allup.errors import ClusterError, InputError
from allup.sandbox import processes
from allup.sandbox.clock import Clock, SystemClock
from allup.sandbox.locks import file_lock
from allup.sandbox.paths import StateFolder, checkout_key, explained, state_home, valid_name
from allup.sandbox.progress import Progress, Step, silent
from allup.sandbox.status import ProcessStatus, Record, SandboxStatus, context_name

if TYPE_CHECKING:
    from allup.sandbox.startup import Startup

DEFAULT_NAME = "sandbox"
_MOST_NODES = 200


class Sandboxes:
    """The sandboxes that belong to *checkout*; *environ* says where the folders are and what PATH is.

    A sandbox is a real control plane on the loopback address with simulated nodes, needs no root, and keeps
    all of its state in one folder. Every method ends within a bounded time and can be called in any state.
    """

    def __init__(self, checkout: Path, environ: Mapping[str, str], *, clock: Clock | None = None) -> None:
        self._environ = dict(environ)
        self._folder = state_home(environ) / checkout_key(checkout)
        self._clock = clock or SystemClock()

    def up(
        self,
        name: str = DEFAULT_NAME,
        *,
        nodes: int | None = None,
        extra_stages: Sequence[Path] | None = None,
        progress: Progress = silent,
    ) -> SandboxStatus:
        """Bring sandbox *name* up until its nodes are Ready; build the tools first if they are not built.

        *nodes* and *extra_stages* (see allup.sandbox.stages) are remembered; None means as before, which is 2
        nodes and no extra stages for a new one. What runs already is left running; what died is started
        again. InputError: a bad name, number or stage file. ClusterError: a program that does not start
        (with its last log lines), a folder that cannot be written, no compiler.
        """
        from allup.sandbox import build, startup

        if sys.platform == "win32":
            raise ClusterError("the sandbox", "does not run on Windows itself", next_step="Work inside WSL2")
        folder = self._state(name)
        if nodes is not None and not 1 <= nodes <= _MOST_NODES:
            raise InputError("--nodes", f"{nodes} is not possible; a sandbox has 1 to {_MOST_NODES} nodes")
        with explained(self._folder, "XDG_STATE_HOME"):  # before the minutes that building may take
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        build.build_tools(self._environ, progress=progress, clock=self._clock)
        tools = build.built(self._environ)
        if tools is None:
            raise ClusterError("the sandbox's tools", "vanished from the cache", next_step="Run it again")
        with explained(self._folder, "XDG_STATE_HOME"), self._locked(folder, name, "starting", progress):
            start: Startup = startup.Startup(name, folder, tools, self._clock, progress)
            started = start.run(nodes, extra_stages)
            return replace(self.status(name), already_running=not started)

    def down(self, name: str = DEFAULT_NAME, *, progress: Progress = silent) -> bool:
        """Stop every process of *name* and keep its state; whether there was any to stop."""
        folder = self._state(name)
        if not folder.root.exists():
            return False
        with explained(self._folder, "XDG_STATE_HOME"), self._locked(folder, name, "stopping", progress):
            return self._stop(folder)

    def delete(self, name: str = DEFAULT_NAME, *, progress: Progress = silent) -> bool:
        """Stop *name* and destroy its state; whether there was any."""
        folder = self._state(name)
        if not folder.root.exists():
            return False
        with explained(self._folder, "XDG_STATE_HOME"), self._locked(folder, name, "deleting", progress):
            self._stop(folder)
            shutil.rmtree(folder.root)
            folder.lock.unlink(missing_ok=True)
        return True

    def status(self, name: str = DEFAULT_NAME) -> SandboxStatus:
        """What is known of *name*, from its files and the process table; InputError if it does not exist."""
        folder = self._state(name)
        record = Record.read(folder.record)
        if record is None:
            known = ", ".join(self._names()) or "none"
            raise InputError(
                f"sandbox {name!r}",
                f"there is none of that name here (known: {known})",
                next_step="inv cluster.up makes one",
            )
        return self._status(folder, name, record)

    def list(self) -> tuple[SandboxStatus, ...]:
        """All sandboxes of the checkout, by name."""
        return tuple(self.status(name) for name in self._names())

    def running(self) -> tuple[SandboxStatus, ...]:
        """Those of list() that run: a few milliseconds, no connection."""
        return tuple(status for status in self.list() if status.running)

    def kubeconfig(self, name: str = DEFAULT_NAME) -> Path:
        """The kubeconfig file of *name*; InputError if there is no such sandbox."""
        return self.status(name).kubeconfig

    def _state(self, name: str) -> StateFolder:
        return StateFolder(self._folder / valid_name(name))

    def _names(self) -> tuple[str, ...]:
        return tuple(sorted(file.parent.name for file in self._folder.glob("*/sandbox.json")))

    def _status(self, folder: StateFolder, name: str, record: Record) -> SandboxStatus:
        from allup.sandbox.names import APISERVER, PROGRAMS

        known = processes.recorded(folder.processes)
        found = tuple(_process_status(known[program]) for program in PROGRAMS if program in known)
        return SandboxStatus(
            name=name,
            context=context_name(name),
            kubeconfig=folder.kubeconfig,
            running=len(found) == len(PROGRAMS) and all(process.alive for process in found),
            server=f"https://127.0.0.1:{record.ports.get(APISERVER, 0)}",
            processes=found,
            created=record.created,
            nodes=record.nodes,
        )

    def _stop(self, folder: StateFolder) -> bool:
        from allup.sandbox.control_plane import end_in_order

        known = processes.recorded(folder.processes)
        living = [process for process in known.values() if processes.is_alive(process)]
        end_in_order(living, clock=self._clock)
        for process in known.values():
            processes.forget(folder.processes, process.name)
        return bool(living)

    @contextmanager
    def _locked(self, folder: StateFolder, name: str, doing: str, progress: Progress) -> Iterator[None]:
        def waiting() -> None:
            progress(Step(f"waiting for another run that works on sandbox {name}"))

        with file_lock(
            folder.lock, clock=self._clock, timeout=180, doing=f"{doing} sandbox {name}", waiting=waiting
        ):
            yield


def _process_status(process: processes.Owned) -> ProcessStatus:
    alive = processes.is_alive(process)
    return ProcessStatus(
        process.name, process.pid, alive, processes.memory_bytes(process.pid) if alive else None
    )
