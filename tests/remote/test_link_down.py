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

from allup.remote import probes
from allup.sandbox import SandboxStatus
from tests.remote.conftest import Remotes, link_of, own_environ
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
    here = Remotes(tmp_path / "remotes", own_environ(sandbox_environ, tmp_path), far_away.ssh_config)
    folder, _ = here.up()
    try:
        assert all(verdict.good for verdict in here.verdicts(folder).values())
        cabled.pull()
        # ssh still takes connections; nobody believes it. Each question has an end of its own.
        assert probes.LIMIT <= 5
        found = here.verdicts(folder)
        assert "no answer within" in found["ssh"].words or "no connection" in found["ssh"].words
        assert not found["API"].good
        assert "does not answer" in link_of(folder, is_up=False).why
        cabled.plug()
        link_of(folder, is_up=True)
        assert all(verdict.good for verdict in here.verdicts(folder).values())
    finally:
        cabled.plug()
        gone = here.down(folder, forget=True)
    assert gone.left == ()
