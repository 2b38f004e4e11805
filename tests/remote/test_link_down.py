"""The link to a far host goes down, without a word to anybody: the host is in a network namespace of its own,
and its only cable is pulled."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from allup.redaction import Redactor
from allup.remote import bringing_up, keeper, probes, taking_down
from allup.remote.bringing_up import Asked
from allup.remote.naming import Address
from allup.remote.record import Folder
from allup.sandbox import SandboxStatus
from allup.sandbox.clock import SystemClock, poll
from tests.remote.far_host import FarHost

RELAY = Path(__file__).parent / "relay.py"
API_PORT = 8443


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


@contextmanager
def running(argv: list[str]) -> Iterator[None]:
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


class Cabled:
    """A network namespace with one cable to us."""

    def __init__(self) -> None:
        number = os.getpid()
        self.namespace = f"far{number}"
        self.cable = f"cable{number}"[:15]
        self._net = f"10.231.{number % 256}"
        self.address = f"{self._net}.2"

    def lay(self) -> None:
        inside = f"c{self.cable}"[:15]
        ip("netns", "add", self.namespace)
        ip("link", "add", self.cable, "type", "veth", "peer", "name", inside, "netns", self.namespace)
        ip("addr", "add", f"{self._net}.1/30", "dev", self.cable)
        ip("-n", self.namespace, "addr", "add", f"{self.address}/30", "dev", inside)
        ip("-n", self.namespace, "link", "set", inside, "up")
        ip("-n", self.namespace, "link", "set", "lo", "up")
        self.plug()

    def plug(self) -> None:
        ip("link", "set", self.cable, "up")

    def pull(self) -> None:
        ip("link", "set", self.cable, "down")

    def remove(self) -> None:
        subprocess.run(["ip", "link", "delete", self.cable], capture_output=True)
        subprocess.run(["ip", "netns", "delete", self.namespace], capture_output=True)


@pytest.fixture
def cabled(ssh_is_here: None) -> Iterator[Cabled]:
    """Skips, with the reason, where no network namespace can be made."""
    if sys.platform != "linux" or os.getuid() != 0 or shutil.which("ip") is None:
        pytest.skip("a network namespace takes Linux, root and iproute2")
    cabled = Cabled()
    try:
        try:
            cabled.lay()
        except AssertionError as error:
            pytest.skip(f"no network namespace can be made here: {error}")
        yield cabled
    finally:
        cabled.remove()


@pytest.fixture
def far_away(cabled: Cabled, sandbox: SandboxStatus, tmp_path: Path) -> Iterator[FarHost]:
    """A host at the other end of the cable, with the sandbox for its node."""
    host = FarHost(tmp_path / "far", cabled.address, ("ip", "netns", "exec", cabled.namespace))
    host.folder.mkdir()
    host.prepare(sandbox, node=("127.0.0.1", API_PORT))
    way_out = f"unix:{tmp_path / 'way-out'}"
    relay = [sys.executable, str(RELAY)]
    with ExitStack() as stack:
        stack.enter_context(running([*relay, way_out, f"tcp:{sandbox.server.removeprefix('https://')}"]))
        stack.enter_context(running([*host.prefix, *relay, f"tcp:127.0.0.1:{API_PORT}", way_out]))
        host.start()
        try:
            yield host
        finally:
            host.kill()


def test_status_says_that_the_cable_is_out_and_the_tunnel_comes_back_with_it(
    far_away: FarHost, cabled: Cabled, sandbox_environ: dict[str, str], tmp_path: Path
) -> None:
    environ = {**sandbox_environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    environ.pop("SSH_AUTH_SOCK", None)
    asked = Asked(Address.parse("far"), ssh_config=str(far_away.ssh_config), docker="none")
    folder, remote = bringing_up.up(
        asked,
        tmp_path / "remotes",
        environ,
        trust=lambda shown: None,
        told=lambda step: None,
        redactor=Redactor(),
    )
    try:
        assert all(verdict.good for verdict in probes.ask_all(remote, folder, environ))
        cabled.pull()
        # ssh still takes connections; nobody believes it. Each question has an end of its own.
        assert probes.LIMIT <= 5
        verdicts = {one.what: one for one in probes.ask_all(remote, folder, environ)}
        assert "no answer within" in verdicts["ssh"].words or "no connection" in verdicts["ssh"].words
        assert not verdicts["API"].good
        link = poll(lambda: _link(folder, is_up=False), clock=SystemClock(), timeout=30)
        assert link is not None, "the keeper does not notice"
        assert "does not answer" in link.why
        cabled.plug()
        assert poll(lambda: _link(folder, is_up=True), clock=SystemClock(), timeout=60), (
            "it does not come back"
        )
        assert all(verdict.good for verdict in probes.ask_all(remote, folder, environ))
    finally:
        cabled.plug()
        gone = taking_down.down(folder, remote, environ, keep=False, forget=True, told=lambda step: None)
    assert gone.left == ()


def _link(folder: Folder, *, is_up: bool) -> keeper.Link | None:
    found = keeper.read_link(folder)
    return found if found is not None and found.up is is_up else None
