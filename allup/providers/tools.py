"""The programs that providers run: how to get them, and which are too old."""

from __future__ import annotations

import re
from collections.abc import Mapping

from allup.commands import PACKAGES, Command, Ended, NoProgram, Runner
from allup.errors import AllupError

INSTALL: Mapping[str, Mapping[str, str]] = {
    "minikube": {
        "linux": "see https://minikube.sigs.k8s.io/docs/start (a .deb, an .rpm, or one binary)",
        "darwin": "brew install minikube",
    },
    "kind": {
        "linux": "see https://kind.sigs.k8s.io/docs/user/quick-start (one binary)",
        "darwin": "brew install kind",
    },
    "docker": {"darwin": "brew install --cask docker"},
    "gke-gcloud-auth-plugin": {
        "": "gcloud components install gke-gcloud-auth-plugin, or the package of your distribution",
    },
    "gcloud": {"": "see https://cloud.google.com/sdk/docs/install"},
    "aws": {"": "see https://docs.aws.amazon.com/cli (version 2.7 or newer)"},
    "kubelogin": {"darwin": "brew install Azure/kubelogin/kubelogin", "": "az aks install-cli"},
    "sshfs": {"darwin": "install macFUSE and its sshfs"},
    "git": {"darwin": "xcode-select --install"},
}
"""Per program and ``sys.platform`` (``""`` for any) the way to get what no package of Debian's has."""


def install_hint(program: str, platform: str) -> str:
    """How to get *program* on *platform*, ``""`` when that is not known."""
    ways = INSTALL.get(program, {})
    packaged = program in PACKAGES and platform.startswith("linux")
    debian = f"apt-get install -y {PACKAGES[program]}" if packaged else ""
    return ways.get(platform) or ways.get("") or debian


def ask(runner: Runner, command: Command, platform: str) -> Ended:
    """Runs it; raises NoProgram with the way to get the program on *platform*."""
    try:
        return runner(command)
    except NoProgram as error:
        raise missing(command.argv[0], error.fact, platform) from None


def missing(program: str, fact: str, platform: str) -> NoProgram:
    """The error for a program that is not there."""
    hint = install_hint(program, platform)
    return NoProgram(program, fact, next_step=f"Install it: {hint}" if hint else "")


def refuse_old(program: str, version: tuple[int, ...], oldest: tuple[int, ...], platform: str) -> None:
    """Raises AllupError when *version* is older than *oldest*."""
    if version < oldest:
        raise AllupError(
            program,
            f"is version {_written(version)}; allup needs {_written(oldest)} or newer",
            next_step=f"Install a newer one: {install_hint(program, platform)}",
        )


def engine_is_here(runner: Runner, engine: str, environ: Mapping[str, str]) -> bool:
    """Whether *engine*'s containers are on this machine: by DOCKER_HOST, else by docker's current context."""
    if engine != "docker":
        return True
    host = environ.get("DOCKER_HOST")
    if not host:
        ask = Command(
            ("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"), patience=30.0
        )
        try:
            host = runner(ask).out.strip()
        except AllupError:
            return False
    return host.startswith(("unix://", "npipe://"))


def numbers(text: str) -> tuple[int, ...]:
    """``v1.38.1`` or ``0.32.0`` as (1, 38, 1); () when there is none."""
    found = re.search(r"(?<![\d.])v?(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part) for part in found.groups() if part) if found else ()


def _written(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
