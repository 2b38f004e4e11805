"""The data server: NFS out of a container on this machine, for data that pods mount.

The image is ``itsthenetwork/nfs-server-alpine``: NFS 4 only, port 2049, privileged, and it needs the kernel's
nfs and nfsd. It exports its one folder as the root (fsid=0): clients mount ``/`` and what is below.
``READ_ONLY`` counts when it is set at all, whatever it says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from allup.commands import Command
from allup.errors import AllupError, InputError

NAME = "allup-arl-data"
OWNER = "allup.data-server"
"""The label that says a container is ours, with the folder it exports."""
PORT = 2049
POINTER = b"version https://git-lfs.github.com/spec/"
_EXPORTED = "/export"


@dataclass(frozen=True, kw_only=True)
class Server:
    """What is exported, where and to whom."""

    program: str
    image: str
    folder: str
    listen: str = ""
    permitted: str = ""
    writable: bool = False

    def start(self) -> Command:
        """Runs it in the background. The folder is mounted as ``data`` below the export, so that pods mount
        ``/data`` as they did when the whole checkout was exported; only data are."""
        at = f"{self.listen}:" if self.listen else ""
        return Command(
            (
                *(self.program, "run", "-d", "--name", NAME, "--restart", "unless-stopped", "--privileged"),
                *("--label", f"{OWNER}={self.folder}"),
                *("-p", f"{at}{PORT}:{PORT}"),
                *("-v", f"{self.folder}:{_EXPORTED}/data{'' if self.writable else ':ro'}"),
                *("-e", f"SHARED_DIRECTORY={_EXPORTED}"),
                *(() if self.writable else ("-e", "READ_ONLY=true")),
                *(("-e", f"PERMITTED={self.permitted}") if self.permitted else ()),
                self.image,
            )
        )

    def inspect(self) -> Command:
        """Prints what docker knows of the container, as JSON; fails when there is none."""
        return Command((self.program, "container", "inspect", NAME))

    def restart(self) -> Command:
        """Starts the container that is there."""
        return Command((self.program, "start", NAME))

    def remove(self) -> Command:
        """Removes it, running or not."""
        return Command((self.program, "rm", "--force", NAME))


@dataclass(frozen=True)
class Found:
    """The container of that name: *ours* by its label, *state* in docker's words."""

    ours: bool
    state: str
    folder: str
    image: str


def read(printed: str) -> Found:
    """What ``container inspect`` printed."""
    try:
        container = json.loads(printed)[0]
        labels: Mapping[str, str] = (container.get("Config") or {}).get("Labels") or {}
        state = str((container.get("State") or {}).get("Status", "unknown"))
        image = str((container.get("Config") or {}).get("Image", ""))
    except (ValueError, LookupError, AttributeError):
        raise AllupError(
            "the data server", "docker's answer is not understood", evidence=printed[:200]
        ) from None
    return Found(OWNER in labels, state, labels.get(OWNER, ""), image)


def refuse_elsewhere(environ: Mapping[str, str]) -> None:
    """Raises InputError when docker's commands go to another machine: into minikube, or a far daemon."""
    if environ.get("MINIKUBE_ACTIVE_DOCKERD"):
        raise InputError(
            "the data server",
            "would land inside minikube, which has none of this machine's files: its docker-env is set",
            next_step="Run it in a shell without that, or say --anyway",
        )
    host = environ.get("DOCKER_HOST", "")
    if host and not host.startswith(("unix://", "npipe://", "fd://")):
        raise InputError(
            "the data server",
            f"would land on the machine of DOCKER_HOST ({host}), which has none of this machine's files",
            next_step="Unset DOCKER_HOST, or say --anyway",
        )


def pointers(folder: Path) -> Sequence[Path]:
    """The files below *folder* that are pointers of Git LFS instead of data."""
    return tuple(_pointers(folder))


def _pointers(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink() and file.stat().st_size < 1024:
            with file.open("rb") as stream:
                if stream.read(len(POINTER)) == POINTER:
                    yield file


def refuse_pointers(folder: Path) -> None:
    """Raises InputError when data have not been fetched from Git LFS."""
    found = pointers(folder)
    if found:
        some = ", ".join(str(file.relative_to(folder)) for file in found[:3])
        raise InputError(
            f"the data in {folder}",
            f"{len(found)} files are pointers of Git LFS and not data",
            evidence=f"Such as {some}",
            next_step="Run git lfs pull in that checkout, or say --anyway",
        )
