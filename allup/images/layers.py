"""Layers of an image: tar files that are the same whenever their contents are.

Owners are numbers, times are one moment, no path of this machine goes in.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

MOMENT = 1_700_000_000
"""The time that everything in an image has."""

_BLOCK = 1 << 20
_STATUS = "var/lib/dpkg/status"
# Of a Debian root: what is about where it was made, or is fetched anew before it is of use.
_LEFT_OUT = (
    "dev/",
    "etc/apt/sources.list.d/",
    "var/lib/apt/lists/",
    "var/cache/",
    "var/log/",
    "tmp/",
    "run/",
)
_LEFT_OUT_FILES = (
    "etc/apt/sources.list",
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    "etc/machine-id",
    "etc/hostname",
    "etc/resolv.conf",
    "var/lib/dbus/machine-id",
)


@dataclass(frozen=True)
class Link:
    """A symbolic link to *target*, which need not be on this machine."""

    target: str


@dataclass(frozen=True)
class Layer:
    """A tar file with its ``sha256:…`` and its size in bytes."""

    file: Path
    digest: str
    size: int


class _Hashed(io.RawIOBase):
    """Writes on, and hashes what it writes."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.sha256 = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.sha256.update(data)
        self.size += len(data)
        self._out.write(data)
        return len(data)


@contextmanager
def _layer(file: Path, made: list[Layer]) -> Iterator[tarfile.TarFile]:
    """A tar to write into; its Layer is in *made* afterwards."""
    with file.open("wb") as raw:
        hashed = _Hashed(raw)
        with tarfile.open(fileobj=cast("BinaryIO", hashed), mode="w|", format=tarfile.PAX_FORMAT) as tar:
            yield tar
    made.append(Layer(file, f"sha256:{hashed.sha256.hexdigest()}", hashed.size))


def of_root(stream: BinaryIO, file: Path) -> tuple[Layer, bytes]:
    """The layer of a Debian root that comes as a tar, and dpkg's list of what is installed in it: its status
    file, or the files in status.d of a root without dpkg."""
    made: list[Layer] = []
    installed: dict[str, bytes] = {}
    with tarfile.open(fileobj=stream, mode="r|") as root, _layer(file, made) as tar:
        for member in root:
            path = member.name.removeprefix("./").rstrip("/")
            if _left_out(path):
                continue
            member.name = path or "."
            if member.islnk():
                member.linkname = member.linkname.removeprefix("./")
            contents = root.extractfile(member) if member.isreg() else None
            if contents is not None and (path == _STATUS or path.startswith(f"{_STATUS}.d/")):
                installed[path] = contents.read()
                contents = io.BytesIO(installed[path])
            _add(tar, member, contents)
    return made[0], b"\n".join(text for _, text in sorted(installed.items()))


def of_tree(
    entries: Mapping[str, Path | bytes | Link], folders: Mapping[str, tuple[int, int]], file: Path
) -> Layer:
    """The layer of single files: *entries* maps a path in the root to a file here, or to its contents; a
    symbolic link stays one. *folders* are empty folders with their owners. Everything else is root's."""
    made: list[Layer] = []
    with _layer(file, made) as tar:
        for path in sorted({*_parents(entries), *folders}):
            user, group = folders.get("/" + path.strip("/"), folders.get(path, (0, 0)))
            _add(tar, _directory(path.strip("/"), user, group), None)
        for path, source in sorted(entries.items()):
            member = tarfile.TarInfo(path.strip("/"))
            if isinstance(source, Link):
                member.type, member.linkname, member.mode = tarfile.SYMTYPE, source.target, 0o777
                _add(tar, member, None)
            elif isinstance(source, bytes):
                member.size, member.mode = len(source), 0o644
                _add(tar, member, io.BytesIO(source))
            elif source.is_symlink():
                member.type, member.linkname, member.mode = tarfile.SYMTYPE, str(source.readlink()), 0o777
                _add(tar, member, None)
            else:
                status = source.stat()
                member.size = status.st_size
                member.mode = 0o755 if status.st_mode & 0o111 else 0o644
                with source.open("rb") as contents:
                    _add(tar, member, contents)
    return made[0]


def _left_out(path: str) -> bool:
    return path in _LEFT_OUT_FILES or any(path.startswith(folder) for folder in _LEFT_OUT)


def _parents(entries: Iterable[str]) -> set[str]:
    return {
        parent.as_posix()
        for path in entries
        for parent in Path(path.strip("/")).parents
        if parent != Path(".")
    }


def _directory(path: str, user: int, group: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.type, member.mode, member.uid, member.gid = tarfile.DIRTYPE, 0o755, user, group
    return member


def _add(tar: tarfile.TarFile, member: tarfile.TarInfo, contents: object) -> None:
    member.mtime, member.uname, member.gname = MOMENT, "", ""
    member.pax_headers = {k: v for k, v in member.pax_headers.items() if k.startswith("SCHILY.xattr.")}
    tar.addfile(member, cast("BinaryIO | None", contents))


def hashed_file(file: Path) -> Layer:
    """A layer that was made before."""
    sha256 = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            sha256.update(block)
    return Layer(file, f"sha256:{sha256.hexdigest()}", file.stat().st_size)
