"""What is remembered of a remote between tasks: one folder each under the state of this checkout.

Secrets are in files of their own, 0600: the token, and the keys to the node's Docker daemon.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from allup.errors import ClusterError, InputError, did_you_mean
from allup.remote.naming import Address, context_of
from allup.remote.openssh import LONGEST_CONTROL_PATH, Way
from allup.sandbox.paths import write_private

Purpose = Literal["api", "docker", "nodeport"]
TLS_NAME = "kubernetes"
"""A name that is in the certificate of every API server that kubeadm, and so minikube, sets up."""


@dataclass(frozen=True)
class Forward:
    """A port of this machine, or a socket file, that leads to an address the host can reach."""

    purpose: Purpose
    local: str
    target: str

    def __str__(self) -> str:
        return f"{self.local} → {self.target}"

    @property
    def words(self) -> str:
        """The value of ``ssh -L``."""
        return f"{self.local}:{self.target}"

    @property
    def port(self) -> int:
        """The local port; 0 for a socket file."""
        last = self.local.rpartition(":")[2]
        return int(last) if last.isdigit() and not self.local.startswith("/") else 0


@dataclass(frozen=True)
class Mount:
    """A folder of the host (*source*) that is seen here (*target*); *pid* and *started* are sshfs's."""

    source: str
    target: str
    pid: int = 0
    started: str = ""


@dataclass(frozen=True)
class Remote:
    """One remote.

    *docker* says how its daemon is reached (tls, socket, open, or ``""`` for not at all). *mount* is a folder
    of the host that the node sees, *account* the ServiceAccount our token is of. *began* whether we started
    the profile, *held* commands that are kept running on the host, *left* what a down could not take back.
    """

    name: str
    host: str
    profile: str
    ssh_config: str = ""
    known_hosts: tuple[str, ...] = ()
    minikube: str = "minikube"
    home: str = ""
    driver: str = ""
    node: str = ""
    version: str = ""
    role: str = "cluster-admin"
    account: str = ""
    life: int = 3600
    docker: str = ""
    mount: str = ""
    began: bool = False
    forwards: tuple[Forward, ...] = ()
    held: tuple[tuple[str, ...], ...] = ()
    mounts: tuple[Mount, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def context(self) -> str:
        """Its context, cluster and user in our kubeconfig."""
        return context_of(self.name)

    def forward(self, purpose: Purpose) -> Forward | None:
        """The first forward of that purpose."""
        return next((one for one in self.forwards if one.purpose == purpose), None)


@dataclass(frozen=True)
class Folder:
    """The files of one remote."""

    root: Path
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def record(self) -> Path:
        return self.root / "remote.json"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def authority(self) -> Path:
        return self.root / "ca.crt"

    @property
    def token(self) -> Path:
        return self.root / "token"

    @property
    def docker(self) -> Path:
        """The folder for DOCKER_CERT_PATH."""
        return self.root / "docker"

    @property
    def cluster_file(self) -> Path:
        return self.root / "reana-cluster.yaml"

    @property
    def keeper(self) -> Path:
        """The folder of the keeper's record and log."""
        return self.root / "keeper"

    @property
    def state(self) -> Path:
        """What the keeper says of the link."""
        return self.root / "link.json"

    @property
    def lock(self) -> Path:
        """Beside the folder: it must outlive its deletion."""
        return self.root.parent / f"{self.root.name}.lock"

    @property
    def accepted_keys(self) -> Path:
        """Host keys that were compared and accepted, of every checkout's remotes."""
        from allup.sandbox.paths import state_home

        return state_home(self.environ) / "known_hosts"

    @property
    def control(self) -> str:
        """The control socket's path."""
        return str(_sockets(self.root) / "ctl")

    @property
    def docker_socket(self) -> str:
        """The socket file that leads to the host's Docker daemon."""
        return str(_sockets(self.root) / "docker")

    def make(self) -> None:
        """Creates the folders, readable by their owner alone."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root.chmod(0o700)
        folder = _sockets(self.root)
        folder.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        found = folder.parent.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise ClusterError(
                f"folder {folder.parent}",
                "is somebody else's, or others may look into it; whoever owns a control socket's folder owns "
                "the connection",
                next_step="Remove it, or set TMPDIR to a folder of your own",
            )
        folder.mkdir(mode=0o700, exist_ok=True)

    def way(self, remote: Remote) -> Way:
        """How to get to its host."""
        return Way(Address.parse(remote.host), remote.ssh_config, str(self.accepted_keys))

    def write(self, remote: Remote) -> None:
        """Remembers it."""
        write_private(self.record, json.dumps(asdict(remote)))

    def read(self) -> Remote | None:
        """What is remembered; None when nothing (or nothing readable) is there."""
        try:
            return parse(json.loads(self.record.read_text()))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remove(self) -> None:
        """Forgets everything, the secrets first."""
        import shutil

        self.token.unlink(missing_ok=True)
        shutil.rmtree(self.docker, ignore_errors=True)
        shutil.rmtree(_sockets(self.root), ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)


def _sockets(root: Path) -> Path:
    """Where sockets are: in *root* when a path in it is short enough for the kernel, else in a folder of ours
    among the temporary ones."""
    inside = root / "sockets"
    if len(str(inside / "docker")) <= LONGEST_CONTROL_PATH:
        return inside
    key = hashlib.sha256(str(root).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir())
    short = folder if len(str(folder)) <= LONGEST_CONTROL_PATH - 40 else Path("/tmp")
    return short / f"allup-{os.getuid()}" / key


def parse(content: Mapping[str, Any]) -> Remote:
    """A record as JSON, read; raises KeyError or TypeError when it is none."""
    known = {name: content[name] for name in Remote.__dataclass_fields__ if name in content}
    return replace(
        Remote(**known),
        known_hosts=tuple(content.get("known_hosts", ())),
        forwards=tuple(Forward(**one) for one in content.get("forwards", ())),
        held=tuple(tuple(one) for one in content.get("held", ())),
        mounts=tuple(Mount(**one) for one in content.get("mounts", ())),
        left=tuple(content.get("left", ())),
    )


def remotes(home: Path, environ: Mapping[str, str]) -> Sequence[tuple[Folder, Remote]]:
    """Every remote below *home*, by name."""
    found = []
    for file in sorted(home.glob("*/remote.json")):
        folder = Folder(file.parent, environ)
        remote = folder.read()
        if remote is not None:
            found.append((folder, remote))
    return found


def find(home: Path, environ: Mapping[str, str], word: str) -> tuple[Folder, Remote]:
    """The remote called *word*, or the only one on the host *word*; ``""`` is the only one there is.

    Raises InputError.
    """
    there = remotes(home, environ)
    named = [one for one in there if one[1].name == word]
    chosen = named or [one for one in there if word in ("", one[1].host, Address.parse(one[1].host).host)]
    if len(chosen) == 1:
        return chosen[0]
    names = [remote.name for _, remote in there]
    if not there:
        raise InputError(
            f"remote {word!r}" if word else "remote",
            "there is none",
            next_step="inv remote.up HOST makes one",
        )
    if chosen:
        several = ", ".join(remote.name for _, remote in chosen)
        raise InputError("remote", f"several are meant: {several}", next_step="Name one")
    raise InputError(
        f"remote {word!r}",
        f"is not there{did_you_mean(word, names)}",
        evidence=f"There are {', '.join(names)}",
    )
