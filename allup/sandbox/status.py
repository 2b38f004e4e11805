"""What can be said of a sandbox, and what is remembered of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from allup.sandbox.node.addresses import Addresses
from allup.sandbox.ports import LOOPBACK

DEFAULT_NODES = 2


def context_name(name: str) -> str:
    """The kubeconfig context of sandbox *name*."""
    return f"allup-{name}"


@dataclass(frozen=True)
class ProcessStatus:
    """One process on record; *memory_bytes* is None when it is not running or cannot be told."""

    name: str
    pid: int
    alive: bool
    memory_bytes: int | None = None


@dataclass(frozen=True)
class SandboxStatus:
    """A sandbox as its files and the process table tell; asking for it opens no connection.

    *running* means that every process of it is; *created* is an ISO 8601 time in UTC; *nodes* the number
    asked for; *real* whether they run containers, at *node_addresses*; *already_running* is True only in the
    answer of an ``up`` that found nothing to start.
    """

    name: str
    context: str
    kubeconfig: Path
    running: bool
    server: str
    processes: tuple[ProcessStatus, ...]
    created: str
    nodes: int
    already_running: bool = False
    real: bool = False
    node_addresses: tuple[str, ...] = ()

    @property
    def memory_bytes(self) -> int:
        """Resident memory of all its processes."""
        return sum(process.memory_bytes or 0 for process in self.processes)


@dataclass(frozen=True)
class Record:
    """What a sandbox was made with; kept in its state folder."""

    created: str
    nodes: int
    tools: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)
    place: int | None = None
    """Which addresses a sandbox with a real node has; None for simulated nodes."""

    @property
    def real(self) -> bool:
        return self.place is not None

    @property
    def workers(self) -> int:
        """How many real nodes it has; 0 where they are simulated."""
        return self.nodes if self.real else 0

    @property
    def node_addresses(self) -> tuple[str, ...]:
        """Where each real node is; none where they are simulated."""
        ours = self.addresses
        return tuple(ours.of(number).node for number in ours.every_number) if ours else ()

    @property
    def addresses(self) -> Addresses | None:
        """Those of its first real node; None where nodes are simulated."""
        return None if self.place is None else Addresses(self.place, self.nodes)

    @property
    def address(self) -> str:
        """Where the API server listens."""
        return self.addresses.host if self.addresses else LOOPBACK

    @classmethod
    def read(cls, file: Path) -> Record | None:
        """The record in *file*; None if there is none or it cannot be read."""
        try:
            content: dict[str, Any] = json.loads(file.read_text())
            return cls(
                created=str(content["created"]),
                nodes=int(content["nodes"]),
                tools=str(content["tools"]),
                ports={str(purpose): int(port) for purpose, port in content["ports"].items()},
                place=None if content.get("place") is None else int(content["place"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def written(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"
