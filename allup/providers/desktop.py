"""Docker Desktop's Kubernetes: switched on in its window, so here it is found, looked at and used.

Its context is ``docker-desktop`` (until 2.0 ``docker-for-desktop``), whatever its server is called. From
Docker's documentation and Docker Desktop issues; nothing of it could be tried where this was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from allup.commands import Command, Ended, Runner
from allup.errors import AllupError, ClusterError
from allup.providers import tools
from allup.providers.existing import Existing
from allup.providers.interface import CannotDo, ClusterState, Done, Lacking, Wanted
from allup.providers.kind import commands as kind_commands
from allup.sandbox.progress import Progress

KIND = "docker-desktop"
_PRODUCT = "Docker Desktop"
_SWITCH = (
    "Switch Kubernetes on in Docker Desktop: Settings, Kubernetes (from 4.51: Kubernetes, Create cluster)"
)
_NO_FLAGS = "its size, version and nodes are set in Docker Desktop's own settings"
_PKI = "Library/Group Containers/group.com.docker/pki"
_INNER_KIND = "desktop"  # what Docker Desktop calls its cluster when it is made by kind


@dataclass(frozen=True)
class Desktop(Lacking):
    """The one cluster of Docker Desktop on this machine; *files* is the user's kubeconfig."""

    who = _PRODUCT
    lacks: ClassVar = {
        "down": ("stops its cluster only with itself", "Quit it, or switch Kubernetes off in its settings"),
        "delete": ("deletes its cluster in its window", "Settings, Kubernetes, Reset Kubernetes Cluster"),
        "mount": ("shows pods the folders that are shared in its settings", "Name such a folder by hostPath"),
        "addons": ("has no addons", "Apply their manifests, or use minikube"),
    }

    runner: Runner
    files: str
    platform: str
    kind: str = KIND
    name: str = KIND

    @property
    def context(self) -> str:
        """Docker Desktop's own name for it."""
        return KIND

    def up(self, wanted: Wanted, told: Progress) -> Done:
        """Finds that it runs; says how it is switched on otherwise."""
        if wanted.given():
            raise CannotDo(_PRODUCT, _NO_FLAGS, next_step="Leave the flags out")
        self._product()
        state = self._cluster().status()
        if state.state != "running":
            raise ClusterError(
                _PRODUCT, "its Kubernetes does not answer", evidence=state.why, next_step=_SWITCH
            )
        return Done("Docker Desktop's Kubernetes was up already.", False)

    def status(self) -> ClusterState:
        """What the cluster says, and which Docker Desktop it is."""
        product = self._product()
        state = self._cluster().status()
        return replace(state, provider=KIND, name=KIND, facts=(("product", product), *state.facts))

    def list(self) -> Sequence[ClusterState]:
        """Itself."""
        return [self.status()]

    def logs(self, lines: int) -> str:
        """What ``docker desktop logs`` prints (4.37 and newer)."""
        ended = self._must(Command(("docker", "desktop", "logs"), patience=120.0), "gives no logs")
        return "\n".join(ended.out.splitlines()[-lines:]) + "\n"

    def kubeconfig(self) -> Path:
        """The user's: Docker Desktop writes its context there itself."""
        return self._cluster().kubeconfig()

    def load(self, archive: Path, reference: str) -> None:
        """Pods see the engine's own images; nodes made by kind get them by kind."""
        self._must(Command(("docker", "load", "--quiet", "--input", str(archive))), "does not take the image")
        if any(node.name.startswith(f"{_INNER_KIND}-") for node in self._cluster().status().nodes):
            self._must(kind_commands.load(_INNER_KIND, str(archive)), "its nodes do not take the image")

    def address(self) -> str:
        """NodePorts are published on this machine."""
        return "127.0.0.1"

    def docker_environment(self) -> Mapping[str, str]:
        """Its engine is the one behind its own docker context."""
        self._product()
        return {"DOCKER_CONTEXT": "desktop-linux"}

    def owns(self, authority: bytes, environ: Mapping[str, str]) -> bool:
        """Whether docker's engine is Docker Desktop's, on this machine, and *authority* is the certificate in
        its own ``pki`` folder. Where there is no such folder (Linux), False."""
        home = Path(environ.get("HOME") or Path.home())
        own = [file.read_bytes() for file in (home / _PKI).glob("ca.crt")]
        if not authority or authority not in own or not tools.engine_is_here(self.runner, "docker", environ):
            return False
        try:
            return bool(self._product())
        except AllupError:
            return False

    def _cluster(self) -> Existing:
        return Existing(KIND, self.files)

    def _product(self) -> str:
        ask = Command(("docker", "version", "--format", "{{.Server.Platform.Name}}"), patience=30.0)
        ended = tools.ask(self.runner, ask, self.platform)
        if ended.code:
            raise AllupError(
                "docker", "does not answer", evidence=ended.last_words, next_step="Start Docker Desktop"
            )
        product = ended.out.strip()
        if not product.startswith(_PRODUCT):
            raise AllupError("docker", f"its engine is {product or 'not known'}, not Docker Desktop's")
        return product

    def _must(self, command: Command, fact: str) -> Ended:
        ended = tools.ask(self.runner, command, self.platform)
        if ended.code:
            raise AllupError(_PRODUCT, fact, evidence=ended.last_words)
        return ended
