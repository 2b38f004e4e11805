"""The command for each thing that minikube is asked. Nothing is run here.

Every command names its profile, a kubeconfig of our own (minikube adds, removes and switches contexts in the
first file of KUBECONFIG), and asks for JSON where there is any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from allup.commands import Command
from allup.providers.interface import Wanted

PROGRAM = "minikube"
OLDEST = (1, 32)
"""The oldest minikube that is taken: the first whose own Kubernetes, 1.28, is one that allup works with."""
_QUICK, _LOOKING = 30.0, 90.0
_DOCKER_VARIABLES = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "MINIKUBE_ACTIVE_DOCKERD")


def without_docker_env(environ: Mapping[str, str]) -> Mapping[str, None]:
    """The variables that lead docker into a node, to be taken away: minikube's docker driver would look for
    its containers inside that node. A DOCKER_HOST that somebody chose otherwise stays."""
    return dict.fromkeys(_DOCKER_VARIABLES) if environ.get("MINIKUBE_ACTIVE_DOCKERD") else {}


@dataclass(frozen=True)
class Commands:
    """The commands for one *profile*; *kubeconfig* is a path on the machine where they will run, and
    *environ* is put over the environment there."""

    profile: str
    kubeconfig: str
    environ: Mapping[str, str | None] = field(default_factory=dict)

    def version(self) -> Command:
        """Prints the version as JSON."""
        return self._command("version", "-o", "json", patience=_QUICK)

    def profiles(self) -> Command:
        """Prints every profile with its configuration as JSON; each is asked whether it runs."""
        return self._command("profile", "list", "-o", "json", patience=_LOOKING)

    def status(self) -> Command:
        """Prints the state of each node as JSON; see answers.nodes for the exit code."""
        return self._profiled("status", "-o", "json", patience=_LOOKING)

    def start(self, wanted: Wanted) -> Command:
        """Creates or starts the profile, printing an event a line; never switches the current context."""
        flags = (
            ("--driver", wanted.driver),
            ("--cpus", wanted.cpus),
            ("--memory", wanted.memory),
            ("--nodes", wanted.nodes),
            ("--kubernetes-version", wanted.kubernetes_version),
            ("--container-runtime", wanted.container_runtime),
            ("--cni", wanted.cni),
            ("--addons", ",".join(wanted.addons) or None),
            *((("--insecure-registry", registry)) for registry in wanted.insecure_registries),
        )
        # Up to 1.36 the string counts only with --mount; later versions ignore --mount.
        mount = ("--mount", f"--mount-string={wanted.mount}") if wanted.mount else ()
        return self._profiled(
            *("start", "-o", "json", "--keep-context", "--interactive=false"),
            *(f"{flag}={value}" for flag, value in flags if value is not None),
            *mount,
            *wanted.more,
        )

    def stop(self) -> Command:
        """Stops every node; what is in them stays."""
        return self._profiled("stop", "-o", "json")

    def delete(self) -> Command:
        """Removes the profile; ends with 0 when there is none, too."""
        return self._profiled("delete", "-o", "json")

    def update_context(self) -> Command:
        """Writes the profile's context into our kubeconfig as it is reached now."""
        return self._profiled("update-context", patience=_QUICK)

    def ip(self) -> Command:
        """Prints the address of the first node."""
        return self._profiled("ip", patience=_QUICK)

    def logs(self, lines: int) -> Command:
        """Prints the last lines of each source."""
        return self._profiled("logs", f"--length={lines}", patience=_LOOKING)

    def docker_env(self, *, ssh_host: bool = False) -> Command:
        """Prints how docker reaches the engine in the node. JSON only for no shell (minikube#17620)."""
        over = ("--ssh-host",) if ssh_host else ()
        return self._profiled("docker-env", "--shell", "none", "-o", "json", *over, patience=_LOOKING)

    def ssh(self, words: Sequence[str], *, patience: float | None = _LOOKING) -> Command:
        """Runs a command in the node; a failure of whatever kind there is exit code 1 here."""
        return self._profiled("ssh", "--", *words, patience=patience)

    def addons(self) -> Command:
        """Prints every addon and its state as JSON."""
        return self._profiled("addons", "list", "-o", "json", patience=_QUICK)

    def enable(self, addon: str) -> Command:
        """Enables an addon and waits for its pods."""
        return self._profiled("addons", "enable", addon, patience=420.0)

    def images(self) -> Command:
        """Prints the images in the node as JSON; nothing, and no failure, when it is stopped."""
        return self._profiled("image", "ls", "--format", "json", patience=_LOOKING)

    def load(self, archive: str) -> Command:
        """Takes the images of a tar (an absolute path) into each node; ends with 0 whatever happens."""
        return self._profiled("image", "load", "--overwrite=true", archive)

    def mount(self, source: str, target: str) -> Command:
        """Shows a folder to the nodes, over 9p, for as long as it runs."""
        return self._profiled("mount", f"{source}:{target}")

    def _profiled(self, *words: str, patience: float | None = None) -> Command:
        return self._command("-p", self.profile, *words, patience=patience)

    def _command(self, *words: str, patience: float | None = None) -> Command:
        environ = {
            "MINIKUBE_WANTUPDATENOTIFICATION": "false",
            "MINIKUBE_IN_STYLE": "false",
            **self.environ,
            "KUBECONFIG": self.kubeconfig,
        }
        return Command((PROGRAM, *words), environ=environ, patience=patience)
