"""A minikube profile as a provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from allup.commands import Command, Ended, Runner
from allup.errors import AllupError, ClusterError, InputError, did_you_mean
from allup.providers import records, tools
from allup.providers.interface import CannotDo, ClusterState, Done, NodeState, State, Wanted
from allup.providers.minikube import KIND, answers, names
from allup.providers.minikube.answers import Node, Profile
from allup.providers.minikube.commands import OLDEST, PROGRAM, Commands, without_docker_env
from allup.providers.minikube.comparing import compare
from allup.sandbox.progress import Progress, Step

_CONTAINERS = ("docker", "podman")


@dataclass(frozen=True)
class Minikube:
    """The profile *name*; *folder* is where our own kubeconfigs are."""

    name: str
    runner: Runner
    folder: Path
    environ: Mapping[str, str]
    platform: str
    kind: str = KIND

    @property
    def context(self) -> str:
        """The context is called as the profile is."""
        return self.name

    def up(self, wanted: Wanted, told: Progress) -> Done:
        """Creates it, starts it, or finds that it runs."""
        names.valid(self.name)
        self._new_enough()
        profile = self._profile()
        if wanted.addons:
            _known(wanted.addons, self._addons())
        if profile is None:
            # What minikube takes of itself changes with its version; docker is what docker-env needs.
            fresh = replace(wanted, container_runtime=wanted.container_runtime or "docker")
            notes = self._start(fresh, told)
            return Done(f"minikube profile {self.name} is made and runs.", True, notes)
        compared = compare(profile, wanted)
        runs = _state(self._nodes()) == "running"
        if runs and not compared.restart:
            self._renew_kubeconfig()
            enabled = self.enable(wanted.addons) if wanted.addons else Done("", False)
            did = f"minikube profile {self.name} was up already."
            return Done(f"{did} {enabled.did}".strip(), enabled.changed, compared.notes)
        notes = (*compared.notes, *self._start(compared.flags, told))
        how = "was up and is brought up to date" if runs else "is started"
        return Done(f"minikube profile {self.name} {how}.", True, notes)

    def down(self, told: Progress) -> Done:
        """Stops every node of it."""
        if self._profile() is None:
            return Done(f"There is no minikube profile {self.name}.", False)
        if _state(self._nodes()) == "stopped":
            return Done(f"minikube profile {self.name} is not running.", False)
        self._events(self._commands().stop(), told, "does not stop")
        return Done(f"minikube profile {self.name} is stopped, its state kept.", True)

    def delete(self, told: Progress) -> Done:
        """Removes it, also what a start that failed left of it."""
        there = any(profile.name == self.name for profile in self._profiles())
        if there:
            self._events(self._commands().delete(), told, "is not deleted")
        records.forget(self.folder, self.kind, self.name)
        if not there:
            return Done(f"There is no minikube profile {self.name}.", False)
        return Done(f"minikube profile {self.name} is deleted.", True)

    def status(self) -> ClusterState:
        """What minikube says of each node, and what the profile was made with."""
        profile = self._profile()
        if profile is None:
            return ClusterState(self.kind, self.name, "absent", self.context)
        ended = self._run(self._commands().status())
        found = answers.nodes(ended)
        why = "" if found else answers.failure(ended, "minikube", "does not see its node").evidence
        stale = any(node.kubeconfig == "Misconfigured" for node in found)
        config = profile.config
        facts = (
            ("driver", profile.driver),
            ("container runtime", profile.runtime),
            ("Kubernetes", profile.kubernetes_version),
            ("size", f"{config.get('CPUs', '?')} CPUs, {config.get('Memory', '?')} MB a node"),
            ("kubeconfig", "out of date: inv cluster.up renews it" if stale else ""),
        )
        addresses = {_machine(profile, node): str(node.get("IP") or "") for node in profile.nodes}
        return ClusterState(
            self.kind,
            self.name,
            _state(found),
            self.context,
            tuple(
                NodeState(
                    node.name,
                    "worker" if node.worker else "control-plane",
                    _words(node),
                    addresses.get(node.name, ""),
                )
                for node in found
            ),
            tuple((name, fact) for name, fact in facts if fact),
            why=why,
        )

    def list(self) -> Sequence[ClusterState]:
        """Every profile; what a failed start left is broken."""
        return [
            ClusterState(
                self.kind,
                profile.name,
                _listed(profile),
                profile.name,
                tuple(
                    NodeState(
                        _machine(profile, node),
                        "control-plane" if node.get("ControlPlane") else "worker",
                        profile.status,
                        str(node.get("IP") or ""),
                    )
                    for node in profile.nodes
                ),
            )
            for profile in self._profiles()
        ]

    def logs(self, lines: int) -> str:
        """What minikube gathers in its node."""
        self._running()
        return self._must(self._commands().logs(lines), "gives no logs").out

    def kubeconfig(self) -> Path:
        """Ours, with the profile as it is reached now."""
        self._running()
        return self._renew_kubeconfig()

    def load(self, archive: Path, reference: str) -> None:
        """minikube ends with 0 whatever happened, so its node is asked afterwards."""
        self._running()
        self._must(self._commands().load(str(archive.resolve())), "does not take the image")
        if reference not in answers.images(self._run(self._commands().images())):
            raise AllupError(
                self._subject,
                f"does not have the image {reference} after it was loaded",
                next_step=f"See why: inv cluster.logs --provider minikube --profile {self.name}",
            )

    def address(self) -> str:
        """The first node's. A container's address is reached from Linux only."""
        profile = self._running()
        if profile.driver in _CONTAINERS and not self.platform.startswith("linux"):
            raise CannotDo(
                self._subject,
                f"its node is a container that {self.platform} does not reach by address",
                next_step="Reach its Services with inv PLATFORM.forward",
            )
        return answers.address(self._run(self._commands().ip()))

    def docker_environment(self) -> Mapping[str, str]:
        """The TLS port of the engine in the node, and its certificates."""
        profile = self._running()
        if profile.runtime != "docker":
            raise CannotDo(
                self._subject,
                f"runs {profile.runtime}, which docker cannot talk to",
                next_step="Load images instead (inv images.load --into minikube), or make a profile with "
                "--container-runtime docker",
            )
        return answers.docker_environment(self._run(self._commands().docker_env()))

    def mount_command(self, source: str, target: str) -> Command:
        """``minikube mount``, which shows the folder while it runs."""
        profile = self._running()
        if profile.driver == "none":
            raise CannotDo(self._subject, "its node is this machine; name the folder itself by hostPath")
        return self._commands().mount(source, target)

    def addons(self) -> Mapping[str, bool]:
        """Every addon of minikube's, and whether this profile has it."""
        if self._profile() is None:
            raise InputError(self._subject, "is not there", next_step=self._make)
        return self._addons()

    def enable(self, addons: Sequence[str]) -> Done:
        """Enables those that are not enabled."""
        self._running()
        known = self._addons()
        _known(addons, known)
        missing = [addon for addon in addons if not known[addon]]
        for addon in missing:
            self._must(self._commands().enable(addon), f"does not enable the addon {addon}")
        if not missing:
            return Done(f"Addons {', '.join(addons)} were enabled.", False)
        return Done(f"Addons {', '.join(missing)} are enabled now.", True)

    def owns(self, authority: bytes) -> bool:
        """Whether the profile is there, on this machine, and *authority* is the certificate that all profiles
        of this machine's minikube have in common."""
        home = Path(self.environ.get("MINIKUBE_HOME") or self.environ.get("HOME") or Path.home())
        file = (home if home.name == ".minikube" else home / ".minikube") / "ca.crt"
        if not authority or not file.is_file() or file.read_bytes() != authority:
            return False
        profile = self._profile()
        return profile is not None and self._is_here(profile)

    # ── asking ───────────────────────────────────────────────────────────────────────────────────────

    @property
    def _subject(self) -> str:
        return f"minikube profile {self.name}"

    @property
    def _make(self) -> str:
        return f"Make it: inv cluster.up --provider minikube --profile {self.name}"

    def _commands(self) -> Commands:
        file = records.kubeconfig(self.folder, self.kind, self.name)
        return Commands(self.name, str(file), without_docker_env(self.environ))

    def _run(self, command: Command) -> Ended:
        return tools.ask(self.runner, command, self.platform)

    def _must(self, command: Command, fact: str) -> Ended:
        ended = self._run(command)
        if ended.code:
            raise answers.failure(ended, self._subject, fact)
        return ended

    def _new_enough(self) -> None:
        version = answers.version(self._run(self._commands().version()))
        tools.refuse_old(PROGRAM, version, OLDEST, self.platform)

    def _profiles(self) -> tuple[Profile, ...]:
        return answers.profiles(self._run(self._commands().profiles()))

    def _profile(self) -> Profile | None:
        return next((p for p in self._profiles() if p.valid and p.name == self.name), None)

    def _nodes(self) -> tuple[Node, ...]:
        return answers.nodes(self._run(self._commands().status()))

    def _addons(self) -> Mapping[str, bool]:
        return answers.addons(self._run(self._commands().addons()))

    def _running(self) -> Profile:
        profiles = self._profiles()
        profile = next((p for p in profiles if p.valid and p.name == self.name), None)
        if profile is None:
            hint = did_you_mean(self.name, [p.name for p in profiles])
            raise InputError(self._subject, f"is not there{hint}", next_step=self._make)
        if _state(self._nodes()) != "running":
            start = f"Start it: inv cluster.up --provider minikube --profile {self.name}"
            raise ClusterError(self._subject, "is not running", next_step=start)
        return profile

    def _start(self, wanted: Wanted, told: Progress) -> tuple[str, ...]:
        notes = self._events(self._commands().start(wanted), told, "does not start")
        self._renew_kubeconfig()
        if _state(self._nodes()) != "running":
            raise AllupError(
                self._subject,
                "was started and does not run",
                next_step=f"Look: inv cluster.status --provider minikube --profile {self.name}",
            )
        return notes

    def _events(self, command: Command, told: Progress, fact: str) -> tuple[str, ...]:
        """Runs it, telling its steps; what it warned of. Raises AllupError with minikube's own reason."""

        def heard(line: str) -> None:
            event = answers.event(line)
            if event is not None and event.kind in ("step", "download") and event.message:
                told(Step(f"minikube: {event.message}"))

        ended = self.runner(command, heard)
        if ended.code:
            raise answers.failure(ended, self._subject, fact)
        return tuple(e.message for e in answers.events(ended.out) if e.kind == "warning" and e.message)

    def _renew_kubeconfig(self) -> Path:
        self._must(self._commands().update_context(), "writes no kubeconfig")
        file = records.kubeconfig(self.folder, self.kind, self.name)
        if not file.exists():
            raise AllupError(self._subject, f"wrote no kubeconfig to {file}")
        file.chmod(0o600)
        profile = self._profile()
        records.mark(self.folder, self.kind, self.name, local=profile is not None and self._is_here(profile))
        return file

    def _is_here(self, profile: Profile) -> bool:
        environ = {**self.environ, **without_docker_env(self.environ)}
        if profile.driver in _CONTAINERS:
            known = {name: value for name, value in environ.items() if value is not None}
            return tools.engine_is_here(self.runner, profile.driver, known)
        return profile.driver != "ssh"


def _known(asked: Sequence[str], known: Mapping[str, bool]) -> None:
    for addon in asked:
        if addon not in known:
            raise InputError(
                f"addon {addon!r}",
                f"is none of minikube's{did_you_mean(addon, known)}",
                next_step="inv cluster.addons --provider minikube lists them",
            )


def _state(nodes: Sequence[Node]) -> State:
    if not nodes:
        return "broken"
    if all(node.running for node in nodes):
        return "running"
    hosts = {node.host for node in nodes}
    if hosts == {"Stopped"}:
        return "stopped"
    paused = all(node.host == "Paused" or node.apiserver in ("Paused", "Irrelevant") for node in nodes)
    return "paused" if paused else "broken"


def _listed(profile: Profile) -> State:
    if not profile.valid:
        return "broken"
    words: dict[str, State] = {"Stopped": "stopped", "Paused": "paused"}
    return "running" if profile.running else words.get(profile.status, "broken")


def _words(node: Node) -> str:
    """What minikube says of a node, as short as it is clear."""
    if node.running:
        return "Running"
    if node.host != "Running":
        return node.host
    return f"Running, kubelet {node.kubelet}, API server {node.apiserver}"


def _machine(profile: Profile, node: Mapping[str, object]) -> str:
    name = str(node.get("Name") or "")
    return profile.name if not name or len(profile.nodes) == 1 else f"{profile.name}-{name}"
