"""The sandbox as a provider: the embedded cluster of allup.sandbox."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from allup.errors import ClusterError, InputError
from allup.providers.interface import (
    CannotDo,
    ClusterState,
    Done,
    Lacking,
    NodeState,
    State,
    Wanted,
    flag_of,
)
from allup.sandbox.names import node_programs
from allup.sandbox.progress import Progress
from allup.sandbox.sandboxes import Sandboxes
from allup.sandbox.status import SandboxStatus, context_name

KIND = "sandbox"
_TAKES = ("nodes", "workers")


@dataclass(frozen=True)
class Sandbox(Lacking):
    """The sandbox *name* of a checkout."""

    who = "the sandbox"
    lacks: ClassVar = {
        "docker_environment": ("has no docker in it", "Load images: inv images.load --into sandbox"),
        "mount": ("mounts nothing", "A hostPath of its real node is that folder of this machine"),
        "addons": ("has no addons", "Apply their manifests, or use minikube"),
    }

    name: str
    sandboxes: Sandboxes
    monotonic: Callable[[], float] = time.monotonic
    kind: str = KIND

    @property
    def context(self) -> str:
        """``allup-`` and its name."""
        return context_name(self.name)

    def up(self, wanted: Wanted, told: Progress) -> Done:
        """Brings it up until its nodes are Ready; builds its tools the first time."""
        refused = [field for field in wanted.given() if field not in _TAKES]
        if refused:
            way_out = "minikube and kind do: choose one with --provider"
            raise CannotDo("the sandbox", f"takes no {flag_of(refused[0])}", next_step=way_out)
        began = self.monotonic()
        workers = _number("--workers", wanted.workers)
        if wanted.nodes == "real":
            status = self.sandboxes.up(self.name, real=True, workers=workers, progress=told)
        elif workers is not None:
            raise InputError("--workers", "is for real nodes", next_step="Give --nodes real with it")
        else:
            number = _number("--nodes", wanted.nodes)
            simulated = None if number is None else False
            status = self.sandboxes.up(self.name, nodes=number, real=simulated, progress=told)
        seconds = self.monotonic() - began
        how = "was up already" if status.already_running else f"is up after {seconds:.1f} s"
        size = f"{_nodes(status)}, {status.memory_bytes / 1e6:.0f} MB, {status.server}"
        return Done(f"Sandbox {self.name} {how}: {size}", not status.already_running)

    def down(self, told: Progress) -> Done:
        """Stops its processes and keeps its state."""
        if self.sandboxes.down(self.name, progress=told):
            return Done(f"Sandbox {self.name} is stopped, its state kept.", True)
        return Done(f"Sandbox {self.name} is not running.", False)

    def delete(self, told: Progress) -> Done:
        """Destroys it."""
        if self.sandboxes.delete(self.name, progress=told):
            return Done(f"Sandbox {self.name} is deleted.", True)
        return Done(f"There is no sandbox {self.name}.", False)

    def status(self) -> ClusterState:
        """What its files and the process table tell; InputError when there is none of that name."""
        return _shown(self.sandboxes.status(self.name))

    def list(self) -> Sequence[ClusterState]:
        """Those of this checkout."""
        return [_shown(status) for status in self.sandboxes.list()]

    def logs(self, lines: int) -> str:
        """The last lines of each of its processes."""
        folder = self.sandboxes.kubeconfig(self.name).parent / "logs"
        parts = []
        for file in sorted(folder.glob("*.log")):
            last = file.read_text(errors="replace").splitlines()[-lines:]
            parts.append("\n".join([f"==> {file.stem}", *last]))
        return "\n\n".join(parts) + "\n"

    def kubeconfig(self) -> Path:
        """Its own file."""
        return self.sandboxes.kubeconfig(self.name)

    def load(self, archive: Path, reference: str) -> None:
        """Loads the images of a tar into its real node; InputError when its nodes are simulated."""
        self.sandboxes.load_image(self.name, archive)

    def has(self, *references: str) -> bool:
        """Whether its real node has every one of them; InputError when its nodes are simulated."""
        return set(references) <= set(self.sandboxes.images(self.name))

    def address(self) -> str:
        """Its real node's."""
        status = self.sandboxes.status(self.name)
        if not status.real:
            raise CannotDo(self._subject, "its nodes are simulated and have no address")
        if not status.running:
            start = f"Start it: inv cluster.up --name {self.name}"
            raise ClusterError(self._subject, "is not running", next_step=start)
        return self.sandboxes.node_address(self.name)

    @property
    def _subject(self) -> str:
        return f"sandbox {self.name}"


def _shown(status: SandboxStatus) -> ClusterState:
    facts = (
        ("nodes", _size(status)),
        ("server", status.server),
        ("kubeconfig", str(status.kubeconfig)),
        ("created", status.created),
    )
    return ClusterState(
        KIND, status.name, _state(status), status.context, _workers(status), facts, status.processes
    )


def _workers(status: SandboxStatus) -> tuple[NodeState, ...]:
    """Each real node where there are several; a single one is what the processes tell."""
    if len(status.node_addresses) < 2:
        return ()
    from allup.sandbox import nodes

    alive = {process.name for process in status.processes if process.alive}
    return tuple(
        NodeState(
            nodes.names(status.name, number)[-1],
            "worker",
            "running" if alive.issuperset(node_programs(number)) else "stopped",
            address,
        )
        for number, address in enumerate(status.node_addresses, start=1)
    )


def _state(status: SandboxStatus) -> State:
    if status.running:
        return "running"
    return "broken" if any(process.alive for process in status.processes) else "stopped"


def _size(status: SandboxStatus) -> str:
    if status.real:
        return "real" if status.nodes == 1 else f"{status.nodes} real"
    return str(status.nodes)


def _nodes(status: SandboxStatus) -> str:
    if status.real:
        return "a real node" if status.nodes == 1 else f"{status.nodes} real nodes"
    return f"{status.nodes} node{'s' if status.nodes != 1 else ''}"


def _number(flag: str, given: str | None) -> int | None:
    if given is None:
        return None
    if given.isascii() and given.isdigit():
        return int(given)
    raise InputError(flag, f"{given!r} is not a whole number")
