"""A host behind SSH: a real sshd on loopback with keys, a port and a configuration of its own, and a stand-in
for minikube on its PATH, whose "node" is the sandbox."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from allup.sandbox import SandboxStatus
from allup.sandbox.certificates import write_all
from allup.sandbox.clock import SystemClock, poll

STANDIN = Path(__file__).parent / "standin_minikube.py"
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
SEPARATION = Path("/run/sshd")


def missing() -> str:
    """What is not there for a real sshd, ``""`` when nothing is missing."""
    if SSHD is None:
        return "no sshd is installed (openssh-server)"
    for program in ("ssh", "ssh-keygen", "ssh-keyscan"):
        if shutil.which(program) is None:
            return f"no {program} is installed (openssh-client)"
    if os.getuid() == 0 and not SEPARATION.is_dir():
        try:
            SEPARATION.mkdir(mode=0o755)
        except OSError as error:
            return f"sshd needs {SEPARATION}, and it cannot be made ({error.strerror})"
    return ""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class FarHost:
    """The host. *prefix* is put before sshd, such as ``ip netns exec NAME``; it listens on *address*."""

    folder: Path
    address: str = "127.0.0.1"
    prefix: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    _sshd: subprocess.Popen[bytes] | None = None

    @property
    def world(self) -> Path:
        """The folder of its minikube."""
        return self.folder / "world"

    @property
    def known_hosts(self) -> Path:
        """The known hosts of whoever logs in."""
        return self.folder / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        """The ssh configuration in which it is called ``far``."""
        return self.folder / "ssh_config"

    @property
    def minikube(self) -> Path:
        """The profiles it has."""
        return self.world / "home" / ".minikube" / "profiles"

    def prepare(
        self, sandbox: SandboxStatus, *, node: tuple[str, int] | None = None, docker: str = ""
    ) -> None:
        """Keys, configurations, and a minikube whose node is the sandbox, reached at *node*."""
        for name in ("host", "login", "stranger"):
            self.new_key(name)
        self.know(self.folder / "host.pub")
        (self.folder / "authorized_keys").write_bytes((self.folder / "login.pub").read_bytes())
        (self.world / "bin").mkdir(parents=True)
        (self.world / "home" / ".minikube" / "certs").mkdir(parents=True)
        program = self.world / "bin" / "minikube"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STANDIN}" "{self.world}" "$@"\n')
        program.chmod(0o755)
        pki = sandbox.kubeconfig.parent / "pki"
        address, port = node or ("127.0.0.1", int(sandbox.server.rpartition(":")[2]))
        told = {"address": address, "port": port, "docker": docker or f"{address}:1"}
        files = {"ca": "ca.crt", "certificate": "admin.crt", "key": "admin.key"}
        told |= {name: (pki / file).read_text() for name, file in files.items()}
        (self.world / "world.json").write_text(json.dumps(told))
        self.configure()
        user = pwd.getpwuid(os.getuid()).pw_name
        self.ssh_config.write_text(
            f"Host far\n HostName {self.address}\n Port {self.port}\n User {user}\n"
            f" IdentityFile {self.folder / 'login'}\n IdentitiesOnly yes\n"
            f" UserKnownHostsFile {self.known_hosts}\n GlobalKnownHostsFile /dev/null\n"
        )

    def configure(self, key: str = "host") -> None:
        """Its own configuration, with the host key of that name."""
        (self.folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress {self.address}\nHostKey {self.folder / key}\nPidFile none\n"
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
            "Subsystem sftp internal-sftp\nLogLevel ERROR\nUseDNS no\n"
            f"SetEnv PATH={self.world / 'bin'}:/usr/local/bin:/usr/bin:/bin "
            f"MINIKUBE_HOME={self.world / 'home'}\n"
        )

    def new_key(self, name: str) -> None:
        """A key pair in files of that name."""
        file = self.folder / name
        file.unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)

    def know(self, key: Path) -> None:
        """Its key is known as *key*."""
        kind, base64, *_ = key.read_text().split()
        self.known_hosts.write_text(f"[{self.address}]:{self.port} {kind} {base64}\n")

    def start(self) -> None:
        """Starts sshd; returns when it answers."""
        with (self.folder / "sshd.log").open("ab") as log:
            argv = [*self.prefix, str(SSHD), "-D", "-e", "-f", str(self.folder / "sshd_config")]
            self._sshd = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def answers() -> bool | None:
            try:
                with socket.create_connection((self.address, self.port), timeout=1) as probe:
                    return True if probe.recv(4) == b"SSH-" else None
            except OSError:
                return None

        assert poll(answers, clock=SystemClock(), timeout=10), (self.folder / "sshd.log").read_text()

    def kill(self) -> None:
        """Kills sshd and every connection it serves, as when the host dies."""
        if self._sshd is not None:
            for pid in [*_descendants(self._sshd.pid), self._sshd.pid]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self._sshd.wait()
            self._sshd = None

    def calls(self) -> Sequence[dict[str, Any]]:
        """What minikube was called with."""
        file = self.world / "calls.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _descendants(pid: int) -> Sequence[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found, todo = [], [pid]
    while todo:
        for child in children.get(todo.pop(), ()):
            found.append(child)
            todo.append(child)
    return found


@contextmanager
def docker_daemon(certs: Path) -> Iterator[str]:
    """What answers ``/_ping`` over TLS to those with a certificate, as a Docker daemon does; its address.

    No Docker can run here: this proves the tunnel and the certificates, nothing of Docker.
    """
    pki = certs.parent / "docker-pki"
    pki.mkdir()
    certs.mkdir()
    write_all(pki, now=datetime.now(UTC), server_addresses=["127.0.0.1"])
    for name, file in (("ca.pem", "ca.crt"), ("cert.pem", "admin.crt"), ("key.pem", "admin.key")):
        (certs / name).write_bytes((pki / file).read_bytes())

    class Ping(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            self.send_response(200 if self.path == "/_ping" else 404)
            self.send_header("Api-Version", "1.52")
            self.end_headers()
            self.wfile.write(b"OK")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Ping)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "apiserver.crt", pki / "apiserver.key")
    context.load_verify_locations(certs / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
