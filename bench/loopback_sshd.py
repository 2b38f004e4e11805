"""An sshd of the measurement's own on the loopback address: an encrypted link that costs no network."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from allup.sandbox.clock import SystemClock, poll
from allup.sandbox.ports import choose
from bench.processes import Broken


@dataclass(frozen=True)
class Loopback:
    """The host ``loopback`` of the ssh configuration *config*."""

    config: Path
    known_hosts: Path
    key: Path
    port: int


@contextmanager
def loopback_sshd(folder: Path) -> Iterator[Loopback]:
    """A running sshd with keys in *folder*. Raises Broken where none can run."""
    sshd = shutil.which("sshd", path=f"/usr/sbin:{os.environ.get('PATH', '')}")
    if sshd is None:
        raise Broken("no sshd is installed (openssh-server)")
    folder.mkdir(parents=True)
    for name in ("host", "login"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    there = Loopback(
        folder / "config", folder / "known_hosts", folder / "login", choose(["sshd"], {})["sshd"]
    )
    there.known_hosts.write_text(f"[127.0.0.1]:{there.port} {(folder / 'host.pub').read_text()}")
    there.config.write_text(
        f"Host loopback\n HostName 127.0.0.1\n Port {there.port}\n User {getpass.getuser()}\n"
        f" IdentityFile {there.key}\n IdentitiesOnly yes\n UserKnownHostsFile {there.known_hosts}\n"
    )
    (folder / "sshd_config").write_text(
        f"Port {there.port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\n"
        f"AuthorizedKeysFile {folder / 'login.pub'}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        "PermitRootLogin prohibit-password\n"
    )
    argv = [sshd, "-D", "-e", "-f", str(folder / "sshd_config")]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        try:
            if not poll(lambda: _answers(there.port), clock=SystemClock(), timeout=10):
                raise Broken("sshd does not start")
            yield there
        finally:
            process.terminate()


def _answers(port: int) -> bool | None:
    with socket.socket() as probe:
        return True if probe.connect_ex(("127.0.0.1", port)) == 0 else None
