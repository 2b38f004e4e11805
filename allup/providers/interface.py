"""What every provider of clusters can be asked, and the words in which it answers.

A provider makes, stops, looks at and removes clusters with a program of its own: kind, minikube. It gets a
Runner, so it does not know on which machine that program runs. What it cannot do it refuses in one sentence
(``CannotDo``); what it has no notion of is not emulated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from allup.commands import Command
from allup.errors import InputError
from allup.sandbox.progress import Progress
from allup.sandbox.status import ProcessStatus

_FLAGS = {"insecure_registries": "--insecure-registry", "more": "words behind --"}

State = Literal["running", "stopped", "paused", "broken", "absent", "unknown"]


class CannotDo(InputError):
    """The provider has nothing of that kind; the sentence says what to do instead."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What ``up`` is asked for; None and () leave it to the provider, or to what the cluster was made with.

    *memory* as the provider's program takes it (``8g``); *mount* is ``SOURCE:TARGET``, a folder of the
    machine and where nodes see it; *more* are further words for the program's own create or start.
    """

    driver: str | None = None
    cpus: str | None = None
    memory: str | None = None
    nodes: str | None = None
    workers: str | None = None
    addons: tuple[str, ...] = ()
    mount: str | None = None
    kubernetes_version: str | None = None
    container_runtime: str | None = None
    cni: str | None = None
    insecure_registries: tuple[str, ...] = ()
    more: tuple[str, ...] = ()

    def given(self) -> tuple[str, ...]:
        """The names of the fields that ask for something."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) not in (None, ()))


def flag_of(field: str) -> str:
    """How a field of Wanted is asked for on the command line."""
    return _FLAGS.get(field) or f"--{field.replace('_', '-')}"


@dataclass(frozen=True)
class NodeState:
    """One node: its name, its role (``control-plane``, ``worker``), and its state in the provider's words."""

    name: str
    role: str
    state: str
    address: str = ""


@dataclass(frozen=True)
class ClusterState:
    """One cluster of a provider. *facts* are what else it tells, in its own order; *processes* those on this
    machine that it consists of, where it is made of such; *why* it is broken, where that is told."""

    provider: str
    name: str
    state: State
    context: str
    nodes: tuple[NodeState, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    processes: tuple[ProcessStatus, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Done:
    """What a command did: *did* is a sentence for a person, *changed* whether anything is other than before,
    *notes* what was asked for and has no effect, or should be known."""

    did: str
    changed: bool
    notes: tuple[str, ...] = ()


class Provider(Protocol):
    """One cluster of one provider. *told* is given the steps of what takes long.

    Each method raises AllupError when the provider's program fails, with its last words, and CannotDo for
    what the provider does not have.
    """

    @property
    def kind(self) -> str:
        """Which provider: the word of --provider."""

    @property
    def name(self) -> str:
        """The cluster's name there."""

    @property
    def context(self) -> str:
        """What its context is called."""

    def up(self, wanted: Wanted, told: Progress) -> Done:
        """Creates it, starts it, or finds that it runs; its kubeconfig is right afterwards."""

    def down(self, told: Progress) -> Done:
        """Stops it and keeps what is in it."""

    def delete(self, told: Progress) -> Done:
        """Destroys it and everything in it."""

    def status(self) -> ClusterState:
        """What it is doing; ``absent`` when there is none of that name."""

    def list(self) -> Sequence[ClusterState]:
        """Every cluster of this provider here, ours or not."""

    def logs(self, lines: int) -> str:
        """The last of what its nodes and control plane wrote."""

    def kubeconfig(self) -> Path:
        """A kubeconfig of our own, made or renewed now, that names it *context* and nothing else."""

    def load(self, archive: Path, reference: str) -> None:
        """Puts the image of a tar into its nodes, and makes sure that it is there."""

    def address(self) -> str:
        """The address at which this machine reaches a node, for NodePorts and Ingresses."""

    def docker_environment(self) -> Mapping[str, str]:
        """What leads docker to the engine in its node."""

    def mount_command(self, source: str, target: str) -> Command:
        """The command that shows a folder of this machine to its nodes for as long as it runs."""

    def addons(self) -> Mapping[str, bool]:
        """Every addon, and whether it is enabled."""

    def enable(self, addons: Sequence[str]) -> Done:
        """Enables addons."""


class Lacking:
    """Refuses what a provider does not have, in the words of *lacks*: by method the fact and the way out. A
    provider overrides the methods of what it has."""

    who: ClassVar[str]
    lacks: ClassVar[Mapping[str, tuple[str, str]]]

    def cannot(self, what: str) -> CannotDo:
        """The refusal."""
        fact, way_out = self.lacks[what]
        return CannotDo(self.who, fact, next_step=way_out)

    def up(self, wanted: Wanted, told: Progress) -> Done:
        """Refuses."""
        raise self.cannot("up")

    def down(self, told: Progress) -> Done:
        """Refuses."""
        raise self.cannot("down")

    def delete(self, told: Progress) -> Done:
        """Refuses."""
        raise self.cannot("delete")

    def logs(self, lines: int) -> str:
        """Refuses."""
        raise self.cannot("logs")

    def load(self, archive: Path, reference: str) -> None:
        """Refuses."""
        raise self.cannot("load")

    def docker_environment(self) -> Mapping[str, str]:
        """Refuses."""
        raise self.cannot("docker_environment")

    def mount_command(self, source: str, target: str) -> Command:
        """Refuses."""
        raise self.cannot("mount")

    def addons(self) -> Mapping[str, bool]:
        """Refuses."""
        raise self.cannot("addons")

    def enable(self, addons: Sequence[str]) -> Done:
        """Refuses."""
        raise self.cannot("addons")
