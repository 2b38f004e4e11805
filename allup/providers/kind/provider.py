"""A kind cluster as a provider."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from allup.commands import Command, Ended, Runner
from allup.errors import AllupError, ClusterError, InputError, did_you_mean
from allup.providers import records, tools
from allup.providers.interface import CannotDo, ClusterState, Done, Lacking, NodeState, State, Wanted, flag_of
from allup.providers.kind import KIND, commands
from allup.providers.kind.commands import Container
from allup.sandbox.paths import write_private
from allup.sandbox.progress import Progress, Step


@dataclass(frozen=True)
class Kind(Lacking):
    """The cluster *name*; *folder* is where our own kubeconfigs are."""

    who = "kind"
    lacks: ClassVar = {
        "docker_environment": (
            "its nodes run containerd and no docker",
            "Load images: inv images.load --into kind",
        ),
        "addons": ("has no addons", "Apply their manifests, or use minikube"),
    }

    name: str
    runner: Runner
    folder: Path
    environ: Mapping[str, str]
    platform: str
    kind: str = KIND

    @property
    def context(self) -> str:
        """kind's own name for it."""
        return f"kind-{self.name}"

    @property
    def engine(self) -> str:
        """What runs the nodes: docker, unless the variable of kind's own names another."""
        return self.environ.get("KIND_EXPERIMENTAL_PROVIDER") or "docker"

    def up(self, wanted: Wanted, told: Progress) -> Done:
        """Creates it, starts its stopped containers, or finds that they run."""
        commands.valid(self.name)
        version = tools.numbers(self._must(commands.version(), "does not tell its version").out)
        if not version:
            raise AllupError("kind", "does not tell its version: is that kind of kubernetes-sigs?")
        tools.refuse_old(commands.PROGRAM, version, commands.OLDEST, self.platform)
        create = commands.create(self.name, str(self._file()), wanted)
        nodes = self._nodes()
        if not nodes:
            ended = self.runner(create, lambda line: _tell(line, told))
            if ended.code:
                raise commands.failure(ended, self._subject, "is not made")
            self._write_kubeconfig()
            late = "Timed out waiting for Ready" in ended.err
            notes = ("its nodes were not Ready after 180 s",) if late else ()
            return Done(f"kind cluster {self.name} is made and runs.", True, notes)
        ignored = [flag_of(name) for name in wanted.given()]
        notes = (
            (f"{', '.join(ignored)} had no effect: a cluster keeps what it was made with",) if ignored else ()
        )
        stopped = [node.name for node in nodes if node.state != "running"]
        if stopped:
            told(Step("kind: starting the nodes"))
            self._must(commands.start(self.engine, stopped), "does not start")
        self._write_kubeconfig()
        if not stopped:
            return Done(f"kind cluster {self.name} was up already.", False, notes)
        return Done(f"kind cluster {self.name} is started.", True, notes)

    def down(self, told: Progress) -> Done:
        """Stops its containers."""
        nodes = self._nodes()
        running = [node.name for node in nodes if node.state == "running"]
        if not running:
            fact = f"kind cluster {self.name} is not running." if nodes else f"There is no {self._subject}."
            return Done(fact, False)
        told(Step("kind: stopping the nodes"))
        self._must(commands.stop(self.engine, running), "does not stop")
        notes: tuple[str, ...] = ()
        if sum(node.role == "control-plane" for node in nodes) > 1:
            notes = ("kind clusters with several control planes often do not come back after a stop",)
        return Done(f"kind cluster {self.name} is stopped, its state kept.", True, notes)

    def delete(self, told: Progress) -> Done:
        """Removes it."""
        there = bool(self._nodes())
        if there:
            told(Step("kind: removing the nodes"))
            ended = self.runner(commands.delete(self.name, str(self._file())))
            if ended.code:
                raise commands.failure(ended, self._subject, "is not deleted")
        records.forget(self.folder, self.kind, self.name)
        fact = f"kind cluster {self.name} is deleted." if there else f"There is no {self._subject}."
        return Done(fact, there)

    def status(self) -> ClusterState:
        """Its containers, as the engine sees them."""
        return self._shown(self.name, self._nodes())

    def list(self) -> Sequence[ClusterState]:
        """Every cluster of kind's here."""
        found = self._containers()
        return [
            self._shown(name, [node for node in found if node.cluster == name])
            for name in sorted({node.cluster for node in found})
        ]

    def logs(self, lines: int) -> str:
        """The last lines of each node's kubelet and container runtime."""
        self._running()
        with tempfile.TemporaryDirectory() as folder:
            ended = self._run(commands.export_logs(self.name, folder))
            if ended.code:
                raise commands.failure(ended, self._subject, "gives no logs")
            parts = []
            for file in sorted(Path(folder).glob("*/*.log")):
                last = file.read_text(errors="replace").splitlines()[-lines:]
                parts.append("\n".join([f"==> {file.parent.name}: {file.name}", *last]))
            return "\n\n".join(parts) + "\n"

    def kubeconfig(self) -> Path:
        """Ours, as kind prints it now."""
        self._running()
        return self._write_kubeconfig()

    def load(self, archive: Path, reference: str) -> None:
        """Takes the image onto each node and asks one of them for it."""
        nodes = self._running()
        ended = self._run(commands.load(self.name, str(archive)))
        if ended.code:
            raise commands.failure(ended, self._subject, f"does not take the image {reference}")
        listed = self._run(commands.node_images(self.engine, nodes[0].name))
        if listed.code == 0 and reference not in commands.read_images(listed):
            raise AllupError(self._subject, f"does not have the image {reference} after it was loaded")

    def address(self) -> str:
        """The control plane's container, which only Linux reaches by its address."""
        nodes = self._running()
        if not self.platform.startswith("linux"):
            raise CannotDo(
                self._subject,
                f"its nodes are containers that {self.platform} does not reach by address",
                next_step="Reach its Services with inv PLATFORM.forward",
            )
        node = next((n.name for n in nodes if n.role == "control-plane"), nodes[0].name)
        found = self._must(commands.node_address(self.engine, node), "tells no address").out.split()
        if not found:
            raise AllupError(self._subject, f"its node {node} has no address")
        return found[0]

    def mount_command(self, source: str, target: str) -> Command:
        """Refuses: a mount is made with the cluster."""
        again = f"inv cluster.up --provider kind --name OTHER --mount {source}:{target}"
        raise CannotDo("kind", "mounts a folder only when a cluster is made", next_step=f"Make one: {again}")

    def owns(self, cluster: Mapping[str, Any]) -> bool:
        """Whether kind has a cluster of this name on this machine, with the same server and authority."""
        import yaml

        if not tools.engine_is_here(self.runner, self.engine, self.environ):
            return False
        ended = self._run(commands.kubeconfig(self.name))
        try:
            own = yaml.safe_load(ended.out)["clusters"][0]["cluster"] if ended.code == 0 else {}
        except (yaml.YAMLError, KeyError, IndexError, TypeError):
            own = {}
        compared = ("server", "certificate-authority-data")
        return bool(own) and all(own.get(key) == cluster.get(key) for key in compared)

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────

    @property
    def _subject(self) -> str:
        return f"kind cluster {self.name}"

    def _file(self) -> Path:
        return records.kubeconfig(self.folder, self.kind, self.name)

    def _run(self, command: Command) -> Ended:
        return tools.ask(self.runner, command, self.platform)

    def _must(self, command: Command, fact: str) -> Ended:
        ended = self._run(command)
        if ended.code:
            raise commands.failure(ended, self._subject, fact)
        return ended

    def _containers(self) -> tuple[Container, ...]:
        return commands.read_containers(self._run(commands.containers(self.engine)), self.engine)

    def _nodes(self) -> Sequence[Container]:
        return [node for node in self._containers() if node.cluster == self.name]

    def _running(self) -> Sequence[Container]:
        every = self._containers()
        nodes = [node for node in every if node.cluster == self.name]
        again = f"inv cluster.up --provider kind --name {self.name}"
        if not nodes:
            hint = did_you_mean(self.name, sorted({node.cluster for node in every}))
            raise InputError(self._subject, f"is not there{hint}", next_step=f"Make it: {again}")
        if any(node.state != "running" for node in nodes):
            raise ClusterError(self._subject, "is not running", next_step=f"Start it: {again}")
        return nodes

    def _write_kubeconfig(self) -> Path:
        printed = self._must(commands.kubeconfig(self.name), "gives no kubeconfig").out
        file = self._file()
        write_private(file, printed)
        here = tools.engine_is_here(self.runner, self.engine, self.environ)
        records.mark(self.folder, self.kind, self.name, local=here)
        return file

    def _shown(self, name: str, nodes: Sequence[Container]) -> ClusterState:
        shown = tuple(NodeState(node.name, node.role, node.state) for node in nodes)
        return ClusterState(self.kind, name, _state(nodes), f"kind-{name}", shown, (("engine", self.engine),))


def _state(nodes: Sequence[Container]) -> State:
    if not nodes:
        return "absent"
    states = {node.state for node in nodes}
    if states == {"running"}:
        return "running"
    if states <= {"exited", "created", "stopped"}:
        return "stopped"
    return "paused" if states == {"paused"} else "broken"


def _tell(line: str, told: Progress) -> None:
    step = commands.step(line)
    if step:
        told(Step(f"kind: {step}"))
