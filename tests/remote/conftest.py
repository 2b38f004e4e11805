"""A far host with the sandbox behind it, ``inv`` here, and a look at what is left."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from allup.cluster.connect import connect
from allup.cluster.requests import Api
from allup.redaction import Redactor
from allup.remote import bringing_up, hostkeys, keeper, probes
from allup.remote.bringing_up import Asked
from allup.remote.hostkeys import Shown
from allup.remote.naming import Address
from allup.remote.record import Folder, Remote, remotes
from allup.remote.taking_down import Gone, down
from allup.sandbox import SandboxStatus
from allup.sandbox.clock import SystemClock, poll
from allup.sandbox.paths import checkout_key, state_home
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
def inv(here: Remotes) -> Inv:
    """inv, where the remotes of this test are."""
    return Inv(ROOT, here.environ)


@pytest.fixture(scope="session")
def server(sandbox: SandboxStatus) -> Api:
    """The sandbox's API server, asked without a tunnel."""
    return connect(str(sandbox.kubeconfig), sandbox.context, redactor=Redactor(), stop=Event())


@dataclass(frozen=True)
class Remotes:
    """What remote.up and the others do, without a process for each; inv of the same test finds them."""

    home: Path
    environ: Mapping[str, str]
    config: Path

    def asked(self, host: str = "far", **more: Any) -> Asked:
        """What would succeed; no Docker."""
        return Asked(Address.parse(host), ssh_config=str(self.config), **{"docker": "none", **more})

    def up(self, asked: Asked | None = None) -> tuple[Folder, Remote]:
        """Brings it up; nobody is there to accept a host key."""
        return bringing_up.up(
            asked or self.asked(),
            self.home,
            self.environ,
            trust=nobody,
            told=lambda step: None,
            redactor=Redactor(),
        )

    def down(self, folder: Folder, *, forget: bool = False) -> Gone:
        """Takes it down; its profile goes on running."""
        remote = folder.read()
        assert remote is not None
        return down(folder, remote, self.environ, keep=True, forget=forget, told=lambda step: None)

    def verdicts(self, folder: Folder) -> Mapping[str, probes.Verdict]:
        """What each tunnel is good for, by its name."""
        remote = folder.read()
        assert remote is not None
        return {one.what: one for one in probes.ask_all(remote, folder, self.environ)}


def nobody(shown: Sequence[Shown]) -> Shown | None:
    """Who is asked about a key where nobody is."""
    raise hostkeys.refuse_unknown("far", shown, proxied=False)


def link_of(folder: Folder, *, is_up: bool) -> keeper.Link:
    """What the keeper says once the link is up, or down; waits for it."""

    def said() -> keeper.Link | None:
        found = keeper.read_link(folder)
        return found if found is not None and found.up is is_up else None

    found = poll(said, clock=SystemClock(), timeout=60)
    assert found is not None, f"the link is still said to be {'down' if is_up else 'up'}"
    return found


@pytest.fixture
def here(far: FarHost, sandbox_environ: dict[str, str], tmp_path: Path) -> Iterator[Remotes]:
    """Remotes of this test's own; whatever it leaves is taken down."""
    environ = own_environ(sandbox_environ, tmp_path)
    ours = Remotes(state_home(environ) / checkout_key(ROOT) / "remotes", environ, far.ssh_config)
    yield ours
    for folder, _ in remotes(ours.home, environ):
        ours.down(folder, forget=True)


def own_environ(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment with a home and a state of this test's own."""
    home, state = folder / "home", folder / "state"
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in environ.items() if name not in _NOT_INHERITED}
    return {**kept, "HOME": str(home), "XDG_STATE_HOME": str(state)}


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
