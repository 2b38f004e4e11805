"""A far host with the sandbox behind it, ``inv`` here, and a look at what is left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from allup.cluster.connect import connect
from allup.cluster.requests import Api
from allup.redaction import Redactor
from allup.remote.record import remotes
from allup.remote.taking_down import down
from allup.sandbox import SandboxStatus
from tests.cli.invoking import ROOT, Inv
from tests.remote.far_host import FarHost, docker_daemon, missing

_NOT_INHERITED = ("KUBECONFIG", "ALLUP_DEBUG", "NO_COLOR", "CI", "GITHUB_ACTIONS", "SSH_AUTH_SOCK")


@pytest.fixture(scope="session")
def ssh_is_here() -> None:
    """Skips, with the reason, where no real sshd can run."""
    if lacking := missing():
        pytest.skip(lacking)


@pytest.fixture
def far(ssh_is_here: None, sandbox: SandboxStatus, tmp_path: Path) -> Iterator[FarHost]:
    """A host that answers; its minikube has no profile yet."""
    host = FarHost(tmp_path / "far")
    host.folder.mkdir()
    with docker_daemon(tmp_path / "certs") as docker:
        host.prepare(sandbox, docker=docker)
        for name in ("ca.pem", "cert.pem", "key.pem"):
            content = (tmp_path / "certs" / name).read_bytes()
            (host.world / "home" / ".minikube" / "certs" / name).write_bytes(content)
        host.start()
        try:
            yield host
        finally:
            host.kill()


@pytest.fixture
def inv(sandbox_environ: dict[str, str], tmp_path: Path, far: FarHost) -> Iterator[Inv]:
    """inv, with a home folder and remotes of this test's own; whatever it leaves is taken down."""
    environ = {name: value for name, value in sandbox_environ.items() if name not in _NOT_INHERITED}
    state = tmp_path / "state"
    ours = Inv(ROOT, {**environ, "HOME": str(tmp_path / "home"), "XDG_STATE_HOME": str(state)})
    (tmp_path / "home").mkdir()
    try:
        yield ours
    finally:
        for home in state.glob("allup/*/remotes"):
            for folder, remote in remotes(home, ours.environ):
                down(folder, remote, ours.environ, keep=True, forget=True, told=lambda step: None)


@pytest.fixture(scope="session")
def server(sandbox: SandboxStatus) -> Api:
    """The sandbox's API server, asked without a tunnel."""
    return connect(str(sandbox.kubeconfig), sandbox.context, redactor=Redactor(), stop=Event())


def processes_with(words: str) -> list[str]:
    """The command lines of running processes that have *words* in them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if words in line and entry.parent.name != str(os.getpid()):
            found.append(line)
    return found
