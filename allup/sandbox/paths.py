"""Where the sandbox keeps its files: tools under XDG_CACHE_HOME, clusters under XDG_STATE_HOME."""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from allup.errors import ClusterError, InputError
from allup.sandbox import names

# 40, not a label's 63: the name becomes part of node names and of the context's name.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


def cache_home(environ: Mapping[str, str]) -> Path:
    """The folder that holds what can be made again."""
    return _xdg(environ, "XDG_CACHE_HOME", ".cache") / "allup"


def state_home(environ: Mapping[str, str]) -> Path:
    """The folder that holds every checkout's sandboxes."""
    return _xdg(environ, "XDG_STATE_HOME", ".local/state") / "allup"


def _xdg(environ: Mapping[str, str], variable: str, default: str) -> Path:
    # The specification of the variables says that a relative path is to be ignored.
    given = Path(environ.get(variable, ""))
    if given.is_absolute():
        return given
    home = environ.get("HOME", "")
    return (Path(home) if home else Path.home()) / default


def checkout_key(checkout: Path) -> str:
    """A folder name for this checkout: readable, and different for every path."""
    real = checkout.resolve()
    readable = re.sub(r"[^a-z0-9]+", "-", real.name.lower()).strip("-")[:20] or "checkout"
    return f"{readable}-{hashlib.sha256(str(real).encode()).hexdigest()[:10]}"


def valid_name(name: str) -> str:
    """*name* itself; InputError unless it is a DNS-1123 label of at most 40 characters."""
    if _NAME.fullmatch(name):
        return name
    raise InputError(
        f"sandbox {name!r}",
        "a name is made of lower-case letters, digits and '-', at most 40 of them, "
        "and begins and ends with a letter or digit",
        next_step="Choose another --name",
    )


@dataclass(frozen=True)
class StateFolder:
    """The files of one sandbox."""

    root: Path

    @property
    def record(self) -> Path:
        return self.root / "sandbox.json"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def etcd(self) -> Path:
        return self.root / "etcd"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def processes(self) -> Path:
        return self.root / "processes"

    @property
    def stages(self) -> Path:
        return self.root / "stages"

    @property
    def extra_stages(self) -> Path:
        return self.root / "extra-stages"

    @property
    def node(self) -> Path:
        """The files of the first real node; only a sandbox that has one has the folder."""
        return self.of_node(1)

    @property
    def lock(self) -> Path:
        """Beside the folder, not in it: it must outlive the folder's deletion."""
        return self.root.parent / f"{self.root.name}.lock"

    def of_node(self, number: int) -> Path:
        """The files of real node *number*."""
        return self.root / names.of_node("node", number)

    def make(self) -> None:
        """Create the folders, readable by their owner alone."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root.chmod(0o700)
        for folder in (self.pki, self.logs, self.processes, self.stages, self.extra_stages):
            folder.mkdir(exist_ok=True, mode=0o700)


def write_private(path: Path, text: str | bytes) -> None:
    """Write *path* at once and readable by its owner alone (a reader sees the old or the new, never half)."""
    import os

    data = text.encode() if isinstance(text, str) else text
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    os.replace(partial, path)


_REASONS = {
    errno.ENOSPC: ("the disk is full", "Make room there, then run the same command again"),
    errno.EDQUOT: ("your disk quota is used up", "Make room there, then run the same command again"),
    errno.EACCES: ("may not be written", "Change its permissions, or point {variable} to another folder"),
    errno.EPERM: ("may not be written", "Change its permissions, or point {variable} to another folder"),
    errno.EROFS: ("is on a read-only file system", "Point {variable} to another folder"),
    errno.ENOTDIR: ("a file is where a folder should be", "Move it, or point {variable} elsewhere"),
    errno.EEXIST: ("a file is where a folder should be", "Move it, or point {variable} elsewhere"),
}


@contextmanager
def explained(folder: Path, variable: str) -> Iterator[None]:
    """Turn the usual failures to write below *folder* into a ClusterError; *variable* is the way out."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REASONS:
            raise
        fact, remedy = _REASONS[error.errno]
        raise ClusterError(
            f"folder {error.filename or folder}", fact, next_step=remedy.format(variable=variable)
        ) from error
