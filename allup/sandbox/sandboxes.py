"""The sandboxes of one checkout: up, down, delete, and what is known of them."""

from __future__ import annotations

import datetime
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from allup.errors import ClusterError, InputError
from allup.sandbox import processes
from allup.sandbox.clock import Clock, SystemClock
from allup.sandbox.locks import file_lock
from allup.sandbox.paths import (
    StateFolder,
    checkout_key,
    explained,
    state_home,
    valid_name,
    write_private,
)
from allup.sandbox.progress import Progress, Step, silent
from allup.sandbox.status import ProcessStatus, Record, SandboxStatus, context_name

if TYPE_CHECKING:
    from allup.sandbox.node.lifecycle import RealNode
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
        real: bool | None = None,
        workers: int | None = None,
        extra_stages: Sequence[Path] | None = None,
        progress: Progress = silent,
    ) -> SandboxStatus:
        """Bring sandbox *name* up until its nodes are Ready; build the tools first if they are not built.

        *real* asks for nodes that run containers instead of simulated ones (Linux, root), *workers* for how
        many of those (1 to 4); a sandbox stays what it was made as, and None means that, or for a new one
        simulated nodes and one worker.

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
        before = Record.read(folder.record)
        _same_kind(name, before, real)
        real = before.real if before else bool(real)
        _check_workers(name, before, real, workers)
        if real:
            from allup.sandbox.node import requirements

            requirements.check(self._environ)
        wanted = (*build.TOOLS, *build.NODE_TOOLS) if real else build.TOOLS
        build.build_tools(self._environ, progress=progress, clock=self._clock, tools=wanted)
        tools = build.built(self._environ)
        if tools is None:
            raise ClusterError("the sandbox's tools", "vanished from the cache", next_step="Run it again")
        with explained(self._folder, "XDG_STATE_HOME"), self._locked(folder, name, "starting", progress):
            with self._claimed(folder, workers or 1) if real else nullcontext():
                our_nodes = self._nodes(name, folder) if real else ()
                start: Startup = startup.Startup(name, folder, tools, self._clock, progress, our_nodes)
                started = start.run(nodes, extra_stages)
            return replace(self.status(name), already_running=not started)

    def load_image(self, name: str, tar: Path) -> tuple[str, ...]:
        """Load every image of *tar* (docker or OCI archive) into every real node of *name*.

        Their references, as pods are to name them (with imagePullPolicy IfNotPresent or Never). InputError:
        no such sandbox or file, simulated nodes, not an image. ClusterError: the node does not run.
        """
        return [node.load_image(tar) for node in self._real_nodes(name)][-1]

    def images(self, name: str) -> tuple[str, ...]:
        """The references of every image that all real nodes of *name* have; InputError as load_image."""
        first, *others = (node.images() for node in self._real_nodes(name))
        return tuple(image for image in first if all(image in images for images in others))

    def node_address(self, name: str) -> str:
        """The address of the first real node of *name*, for NodePorts; InputError as load_image."""
        return self._real_nodes(name)[0].addresses.node

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

    def _real_nodes(self, name: str) -> tuple[RealNode, ...]:
        if not self.status(name).real:
            raise InputError(
                f"sandbox {name!r}",
                "its nodes are simulated and run no images",
                next_step="inv cluster.up --name OTHER --nodes real makes a sandbox with a real node",
            )
        return self._nodes(name, self._state(name))

    def _nodes(self, name: str, folder: StateFolder) -> tuple[RealNode, ...]:
        """The real nodes of a sandbox that has a record."""
        from allup.sandbox import build
        from allup.sandbox.node.lifecycle import RealNode

        tools = build.node_built(self._environ)
        if tools is None:
            raise ClusterError("the real node's tools", "are not built", next_step="Run inv cluster.up")
        record = Record.read(folder.record)
        addresses = record.addresses if record else None
        assert addresses is not None, "claimed before, or looked at by the caller"
        return tuple(
            RealNode(name, folder, tools, addresses.of(number), self._environ, self._clock)
            for number in addresses.every_number
        )

    @contextmanager
    def _claimed(self, folder: StateFolder, workers: int) -> Iterator[None]:
        """Within the block a new sandbox's record has addresses that nobody else on this machine chooses."""
        from allup.sandbox.node import links
        from allup.sandbox.node.claiming import claimed

        def taken() -> list[int]:
            others = map(Record.read, state_home(self._environ).glob("*/*/sandbox.json"))
            return [other.place for other in others if other is not None and other.place is not None]

        if folder.record.exists():
            yield
            return
        with claimed(links.routes, taken) as addresses:
            now = datetime.datetime.now(datetime.UTC).isoformat("T", "seconds")
            folder.make()
            write_private(folder.record, Record(now, workers, place=addresses.place).written())
            yield

    def _state(self, name: str) -> StateFolder:
        return StateFolder(self._folder / valid_name(name))

    def _names(self) -> tuple[str, ...]:
        return tuple(sorted(file.parent.name for file in self._folder.glob("*/sandbox.json")))

    def _status(self, folder: StateFolder, name: str, record: Record) -> SandboxStatus:
        from allup.sandbox.names import APISERVER, programs

        known = processes.recorded(folder.processes)
        every = programs(workers=record.workers)
        found = tuple(_process_status(known[program]) for program in every if program in known)
        return SandboxStatus(
            name=name,
            context=context_name(name),
            kubeconfig=folder.kubeconfig,
            running=len(found) == len(every) and all(process.alive for process in found),
            server=f"https://{record.address}:{record.ports.get(APISERVER, 0)}",
            processes=found,
            created=record.created,
            nodes=record.nodes,
            real=record.real,
            node_addresses=record.node_addresses,
        )

    def _stop(self, folder: StateFolder) -> bool:
        from allup.sandbox.control_plane import end_in_order
        from allup.sandbox.node.clearing import clear

        had_node = clear(folder, self._clock)
        known = processes.recorded(folder.processes)
        living = [process for process in known.values() if processes.is_alive(process)]
        end_in_order(living, clock=self._clock)
        for process in known.values():
            processes.forget(folder.processes, process.name)
        return bool(living) or had_node

    @contextmanager
    def _locked(self, folder: StateFolder, name: str, doing: str, progress: Progress) -> Iterator[None]:
        def waiting() -> None:
            progress(Step(f"waiting for another run that works on sandbox {name}"))

        with file_lock(
            folder.lock, clock=self._clock, timeout=180, doing=f"{doing} sandbox {name}", waiting=waiting
        ):
            yield


def _same_kind(name: str, before: Record | None, real: bool | None) -> None:
    """InputError if the sandbox exists and has the other kind of nodes."""
    if before is None or real is None or before.real == real:
        return
    has, other = ("a real node", "simulated ones") if before.real else ("simulated nodes", "a real one")
    raise InputError(
        f"sandbox {name!r}",
        f"has {has}, which cannot be changed into {other}",
        next_step="Give the other one another --name, or delete this one first: inv cluster.delete",
    )


def _check_workers(name: str, before: Record | None, real: bool, workers: int | None) -> None:
    """InputError if the sandbox cannot have that many real nodes, or has another number."""
    from allup.sandbox.node.clearing import MOST_WORKERS

    if workers is None:
        return
    if not real:
        raise InputError("--workers", "is for real nodes", next_step="Give --nodes real with it")
    if not 1 <= workers <= MOST_WORKERS:
        raise InputError("--workers", f"{workers} is not possible; a sandbox has 1 to {MOST_WORKERS} of them")
    if before is not None and before.workers != workers:
        raise InputError(
            f"sandbox {name!r}",
            f"was made with --workers {before.workers} and keeps that number",
            next_step=f"Give another one another --name, or run inv cluster.delete --name {name} first",
        )


def _process_status(process: processes.Owned) -> ProcessStatus:
    alive = processes.is_alive(process)
    return ProcessStatus(
        process.name, process.pid, alive, processes.memory_bytes(process.pid) if alive else None
    )
