"""From a word to a provider, and from a context to the provider whose cluster it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from allup.commands import Runner, which
from allup.errors import AllupError, ClusterError, InputError, did_you_mean
from allup.providers import desktop, existing, kind, minikube, records, sandbox
from allup.providers.desktop import Desktop
from allup.providers.existing import Existing
from allup.providers.interface import Provider
from allup.providers.kind.provider import Kind
from allup.providers.minikube.provider import Minikube
from allup.sandbox.sandboxes import Sandboxes

SANDBOX, KIND, MINIKUBE = sandbox.KIND, kind.KIND, minikube.KIND
DESKTOP, EXISTING = desktop.KIND, existing.KIND
KINDS = (SANDBOX, KIND, MINIKUBE, DESKTOP, EXISTING)
_OLD_DESKTOP = "docker-for-desktop"
_EXTENSION = "minikube.sigs.k8s.io"


@dataclass(frozen=True)
class Providers:
    """The providers as one checkout on one machine sees them. *files* is the user's kubeconfig, or several
    between colons; *platform* is ``sys.platform`` of the machine the runner is for."""

    checkout: Path
    runner: Runner
    environ: Mapping[str, str]
    platform: str
    files: str

    @property
    def folder(self) -> Path:
        """Where our own kubeconfigs of their clusters are."""
        return records.folder(self.checkout, self.environ)

    def named(self, provider: str, name: str | None) -> Provider:
        """The cluster *name* of *provider*, None for its usual name. Raises InputError, and ClusterError on
        Windows itself."""
        if self.platform == "win32":
            raise ClusterError(
                "allup", "brings no cluster up on Windows itself", next_step="Work inside WSL2"
            )
        makers: Mapping[str, Callable[[], Provider]] = {
            SANDBOX: lambda: sandbox.Sandbox(name or "sandbox", Sandboxes(self.checkout, self.environ)),
            KIND: lambda: self.kind(name or self.environ.get("KIND_CLUSTER_NAME") or "kind"),
            MINIKUBE: lambda: self.minikube(name or self.environ.get("MINIKUBE_PROFILE") or "minikube"),
            DESKTOP: lambda: self._desktop(name),
            EXISTING: lambda: self._existing(name),
        }
        if provider not in makers:
            raise InputError(
                "--provider",
                f"{provider!r} is not known{did_you_mean(provider, KINDS)}",
                next_step=f"It is one of {', '.join(KINDS)}",
            )
        return makers[provider]()

    def kind(self, name: str) -> Kind:
        """A cluster of kind's."""
        return Kind(name, self.runner, self.folder, self.environ, self.platform)

    def minikube(self, profile: str) -> Minikube:
        """A minikube profile."""
        return Minikube(profile, self.runner, self.folder, self.environ, self.platform)

    def desktop(self) -> Desktop:
        """The cluster of Docker Desktop."""
        return Desktop(self.runner, self.files, self.platform)

    def on_path(self, program: str) -> bool:
        """Whether a provider's program is there at all."""
        try:
            return bool(which(program, self.environ))
        except AllupError:
            return False

    def owner(self, files: str, context: str) -> str:
        """Which provider confirms that the cluster behind *context* of the kubeconfig *files* is its own and
        on this machine; ``""`` when none does. Never judged by the address."""
        from allup.cluster.connect import entry

        try:
            found = entry(files, context)
            if context.startswith("kind-") and self.on_path("kind"):
                return KIND if self.kind(context.removeprefix("kind-")).owns(found.cluster) else ""
            if context in (desktop.KIND, _OLD_DESKTOP):
                return DESKTOP if self.desktop().owns(found.authority(), self.environ) else ""
            if _made_by_minikube(found.cluster) and self.on_path("minikube"):
                return MINIKUBE if self.minikube(context).owns(found.authority()) else ""
        except AllupError:
            return ""
        return ""

    def _desktop(self, name: str | None) -> Desktop:
        if name not in (None, desktop.KIND):
            raise InputError(
                "--name", "Docker Desktop has one cluster, without a name", next_step="Leave it out"
            )
        return self.desktop()

    def _existing(self, name: str | None) -> Existing:
        if not name:
            raise InputError(
                "--provider existing",
                "which one?",
                next_step="Name its context with --name, as kubectl has it",
            )
        return Existing(name, self.files)


def _made_by_minikube(cluster: Mapping[str, object]) -> bool:
    """minikube signs what it writes with an extension."""
    return _EXTENSION in str(cluster.get("extensions") or "")
