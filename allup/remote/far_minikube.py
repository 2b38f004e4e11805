"""Minikube on the host: the profile found or started, where its node is, and the files that are needed of it.

minikube's command lines and answers are those of ``allup.providers.minikube``; here they run behind SSH.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from allup.commands import Command, Ended, Runner
from allup.errors import AllupError, ClusterError, InputError
from allup.providers.interface import Wanted
from allup.providers.minikube import answers
from allup.providers.minikube.answers import Profile
from allup.providers.minikube.commands import OLDEST, Commands

_BARE_METAL = ("none", "native")
_CONTAINERS = ("docker", "podman")
_API_PORT = 8443
OPEN_DOCKER_PORT = 2375
DOCKER_SOCKET = "/var/run/docker.sock"
_FILE_LIMIT = 100_000


@dataclass(frozen=True)
class Surroundings:
    """The host as minikube finds it: its system (``Linux``, ``Darwin``), the home folder, minikube's own."""

    system: str
    home: str
    minikube_home: str


@dataclass(frozen=True)
class Node:
    """Where the control plane is, as the host reaches it, and what is known of its profile."""

    address: str
    api_port: int
    driver: str
    runtime: str
    version: str

    @property
    def on_the_host(self) -> bool:
        """Whether there is no machine of its own: the host is the node."""
        return self.driver in _BARE_METAL

    @property
    def in_a_container(self) -> bool:
        """Whether folders of the host can be bound into it, when it is made."""
        return self.driver in _CONTAINERS


def look_around(run: Runner) -> Surroundings:
    """Asks the host. Raises AllupError."""
    script = 'printf "%s\\n" "$(uname -s)" "$HOME" "${MINIKUBE_HOME:-}"'
    ended = run(Command(("sh", "-c", script), patience=20))
    lines = ended.out.splitlines()
    if ended.code or len(lines) < 3:
        raise ClusterError("the host's shell", "does not answer as one", evidence=ended.last_words)
    system, home, chosen = lines[-3:]
    # minikube appends .minikube itself unless the path ends so (pkg/minikube/localpath).
    own = chosen if chosen.endswith(".minikube") else f"{chosen or home}/.minikube"
    return Surroundings(system, home, own)


class FarMinikube:
    """One profile of the host."""

    def __init__(self, run: Runner, profile: str, program: str, around: Surroundings) -> None:
        self._run = run
        self._program = program
        self.profile = profile
        self.around = around
        # A file of its own: minikube would switch contexts in the person's.
        self._commands = Commands(profile, f"{around.minikube_home}/allup-kubeconfig")

    def check(self) -> None:
        """Raises AllupError unless a minikube is there that is new enough."""
        found = answers.version(self._ask(self._commands.version()))
        if found < OLDEST:
            written, oldest = (".".join(map(str, v)) for v in (found, OLDEST))
            raise AllupError("minikube on the host", f"is {written}; {oldest} or newer is needed")

    def ensure(self, wanted: Wanted, told: Callable[[str], None]) -> bool:
        """Makes sure that the profile runs; True when it had to be started or made. Raises AllupError."""
        if self.running():
            return False
        told(f"starting minikube profile {self.profile}")
        ended = self._ask(replace(self._commands.start(wanted), patience=1800.0))
        if ended.code:
            raise answers.failure(ended, f"minikube profile {self.profile}", "did not start")
        if not self.running():
            raise AllupError(
                f"minikube profile {self.profile}",
                "was started and does not run",
                next_step=f"Look there: minikube -p {self.profile} logs --problems",
            )
        return True

    def exists(self) -> bool:
        """Whether there is such a profile."""
        return self._profile() is not None

    def node(self) -> Node:
        """Where it is. Raises AllupError; also where no address leads to it."""
        found = self._profile()
        if found is None:
            raise AllupError(f"minikube profile {self.profile}", "is not there any more")
        if self.around.system == "Darwin" and found.driver in _CONTAINERS:
            raise InputError(
                f"minikube profile {self.profile}",
                f"driver {found.driver} on macOS gives its node no address that the host can reach",
                next_step="Use a profile with another driver there, such as vfkit or qemu2 with socket_vmnet",
            )
        address = answers.address(self._ask(self._commands.ip()))
        first = next((node for node in found.nodes if node.get("ControlPlane", True)), {})
        port = int(first.get("Port") or _API_PORT)
        return Node(address, port, found.driver, found.runtime, found.kubernetes_version)

    def stop(self) -> None:
        """Stops it, what is in it stays. Raises AllupError."""
        ended = self._ask(replace(self._commands.stop(), patience=300.0))
        if ended.code:
            raise answers.failure(ended, f"minikube profile {self.profile}", "did not stop")

    def authority(self) -> str:
        """The certificate of the authority behind the API server, as PEM."""
        return self._file("ca.crt")

    def administrator(self) -> tuple[str, str]:
        """Certificate and key of the profile's administrator."""
        folder = f"profiles/{self.profile}"
        return self._file(f"{folder}/client.crt"), self._file(f"{folder}/client.key")

    def docker(self) -> tuple[str, str]:
        """Where the node's Docker daemon listens with TLS (``ADDRESS:PORT``), and the host's folder with what
        opens it. Raises AllupError; also where the container runtime is another."""
        told = answers.docker_environment(self._ask(self._commands.docker_env()))
        address = told.get("DOCKER_HOST", "").removeprefix("tcp://")
        if not address or "//" in address:
            raise AllupError(
                f"minikube profile {self.profile}",
                "tells no address of a Docker daemon",
                evidence=f"Its docker-env says {told.get('DOCKER_HOST', 'nothing')}",
                next_step="Leave it out with --docker none",
            )
        return address, told.get("DOCKER_CERT_PATH") or f"{self.around.minikube_home}/certs"

    def docker_files(self, folder: str) -> dict[str, str]:
        """What opens the Docker daemon, by the names that docker wants. It opens that of every profile."""
        return {name: self._file(f"{folder}/{name}") for name in ("ca.pem", "cert.pem", "key.pem")}

    def mount_words(self, source: str, target: str) -> tuple[str, ...]:
        """The command that shows a folder of the host to the node for as long as it runs."""
        command = self._commands.mount(source, target)
        variables = [f"{name}={value}" for name, value in command.environ.items() if value is not None]
        return ("env", *variables, self._program, *command.argv[1:])

    def running(self) -> bool:
        """Whether all of it runs."""
        ended = self._ask(self._commands.status())
        nodes = answers.nodes(ended)
        return bool(nodes) and all(node.running for node in nodes)

    def _profile(self) -> Profile | None:
        found = answers.profiles(self._ask(self._commands.profiles()))
        return next((one for one in found if one.valid and one.name == self.profile), None)

    def _ask(self, command: Command) -> Ended:
        return self._run(replace(command, argv=(self._program, *command.argv[1:])))

    def _file(self, name: str) -> str:
        path = name if name.startswith("/") else f"{self.around.minikube_home}/{name}"
        ended = self._run(Command(("head", "-c", str(_FILE_LIMIT), path), patience=20))
        if ended.code or "-----BEGIN" not in ended.out:
            # Its content is never shown: it may be a key.
            raise ClusterError(
                f"{path} on the host", "cannot be read", evidence=Ended(1, "", ended.err).last_words
            )
        return ended.out
