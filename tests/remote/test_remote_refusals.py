"""What goes wrong on the way to a far host, each tried for real and told in one paragraph."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from allup.errors import AllupError
from allup.providers.interface import Wanted
from tests.cli.invoking import INV, Inv
from tests.remote.conftest import Remotes, processes_with
from tests.remote.far_host import FarHost

Try = Callable[..., str]


@pytest.fixture
def refused(here: Remotes) -> Try:
    """Tries to bring a remote up, which must fail; the one paragraph. Whatever it began is taken back."""

    def attempt(**more: Any) -> str:
        with pytest.raises(AllupError) as raised:
            here.up(here.asked(**more))
        paragraph = str(raised.value)
        assert "\n" not in paragraph
        assert "Traceback" not in paragraph
        assert [path for path in here.home.rglob("*") if path.suffix != ".lock"] == []
        assert not processes_with(str(here.home))
        return paragraph

    return attempt


def with_config(far: FarHost, before: str, after: str) -> None:
    text = far.ssh_config.read_text()
    assert before in text
    far.ssh_config.write_text(text.replace(before, after))


def test_a_key_that_the_host_does_not_accept(far: FarHost, refused: Try) -> None:
    with_config(far, str(far.folder / "login"), str(far.folder / "stranger"))
    said = refused()
    assert "host far: it does not accept our key" in said
    assert "ssh-copy-id far" in said


def test_another_host_key_than_the_known_one(far: FarHost, refused: Try) -> None:
    far.know(far.folder / "stranger.pub")
    said = refused()
    assert "it shows another host key than the one that is known" in said
    assert "SHA256:" in said
    assert f"{far.known_hosts}:1" in said
    assert "ssh-keygen -R" in said


def test_a_host_key_that_is_not_known_is_shown_and_never_accepted_silently(
    far: FarHost, inv: Inv, refused: Try
) -> None:
    far.known_hosts.unlink()
    before = far.ssh_config.read_text()
    said = refused()
    fingerprint = next(word for word in said.split() if word.startswith("SHA256:"))
    assert f"inv remote.up far --host-key {fingerprint}" in said
    assert not far.known_hosts.exists()
    # The command that is told does it, and writes into a file of ours alone; a wrong fingerprint does not.
    config = ("--ssh-config", str(far.ssh_config), "--docker", "none")
    wrong = inv("remote.up", "far", *config, "--host-key", "SHA256:wrong")
    assert wrong.code == 2
    assert fingerprint in wrong.err
    inv.fine("remote.up", "far", *config, "--host-key", fingerprint)
    assert not far.known_hosts.exists()
    assert far.ssh_config.read_text() == before
    accepted = Path(inv.environ["XDG_STATE_HOME"]) / "allup" / "known_hosts"
    assert accepted.read_text().startswith(f"[127.0.0.1]:{far.port} ssh-ed25519 ")
    assert '"good": true' in inv.fine("remote.status", "--json")


def answered(inv: Inv, answer: str, *words: str) -> tuple[int, str]:
    """The exit code and standard error of a command that was asked on a terminal, and given *answer*."""
    keyboard, terminal = pty.openpty()
    os.write(keyboard, f"{answer}\n".encode())  # the terminal keeps it until it is read
    with subprocess.Popen(
        [INV, *words],
        cwd=inv.checkout,
        env=inv.environ,
        stdin=terminal,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
    os.close(terminal)
    os.close(keyboard)
    return process.returncode, said


def test_a_person_at_a_terminal_is_shown_the_key_and_asked(far: FarHost, inv: Inv) -> None:
    far.known_hosts.unlink()
    words = ("remote.up", "far", "--ssh-config", str(far.ssh_config), "--docker", "none")
    accepted = Path(inv.environ["XDG_STATE_HOME"]) / "allup" / "known_hosts"
    code, said = answered(inv, "no", *words)
    assert "SHA256:" in said
    assert "Type yes if it is the same" in said
    assert code == 2
    assert not accepted.exists()
    code, said = answered(inv, "yes", *words)
    assert code == 0, said
    assert f"[127.0.0.1]:{far.port} " in accepted.read_text()


def test_a_host_that_is_down_and_one_that_has_no_address(far: FarHost, refused: Try) -> None:
    far.kill()
    assert "host far: nothing listens there" in refused()
    with_config(far, "HostName 127.0.0.1", "HostName nowhere.invalid")
    far.known_hosts.unlink()
    assert "its name leads to no address" in refused()


def test_a_port_behind_which_is_no_ssh_server(far: FarHost, refused: Try) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with_config(far, f"Port {far.port}", f"Port {silent.getsockname()[1]}")
        far.port = silent.getsockname()[1]
        far.know(far.folder / "host.pub")
        assert "host far: it does not answer" in refused()


def test_a_local_port_that_is_taken_is_named_with_its_owner(far: FarHost, refused: Try) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        said = refused(api_port=port)
    assert f"local port {port}: is taken by process {os.getpid()}" in said
    assert "--api-port" in said


def test_minikube_that_is_not_there_or_does_not_start(far: FarHost, refused: Try) -> None:
    assert "/opt/none/minikube on far: is not there" in refused(minikube="/opt/none/minikube")
    (far.world / "refuse").touch()
    said = refused(wanted=Wanted(driver="kvm2"))
    assert "did not start (PROVIDER_KVM2_NOT_FOUND)" in said
    assert "Install libvirt" in said


def test_a_role_that_the_cluster_does_not_have(far: FarHost, refused: Try) -> None:
    said = refused(role="king")
    assert "ClusterRole king: is not in that cluster" in said


def test_names_are_checked_before_anything_is_called(far: FarHost, refused: Try) -> None:
    said = refused(profile="reana_0.1.0")
    assert "such as reana-0.1.0" in said
    assert far.calls() == []
