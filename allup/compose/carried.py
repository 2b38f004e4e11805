"""What a bind mount or a file of a config brings: looked at on this machine, and nothing kept of it here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

LARGEST = 256 * 1024
"""Bytes that a folder or file may have to become a ConfigMap (Kubernetes takes 1 MiB with everything)."""
MOST_FILES = 40
_SECRET = re.compile(
    r"secret|passw|credential|token|htpasswd|\.key$|\.pem$|\.p12$|\.pfx$|\.jks$|id_rsa|id_ed25519|^\.env|\.pgpass"
)


@dataclass(frozen=True)
class Seen:
    """*files* are its texts by relative path, if they are few, small and texts; *why_not* says otherwise."""

    path: Path
    kind: Literal["missing", "file", "folder", "other"]
    files: dict[str, str] = field(default_factory=dict)
    why_not: str = ""


def look(path: Path) -> Seen:
    """What is at *path*; never raises."""
    try:
        if path.is_file():
            text, why = _text(path)
            return Seen(path, "file", {path.name: text} if text is not None else {}, why)
        if path.is_dir():
            return _folder(path)
        return Seen(path, "other" if path.exists() else "missing", why_not="is neither file nor folder")
    except OSError as error:
        return Seen(path, "missing", why_not=f"cannot be read: {(error.strerror or 'I/O error').lower()}")


def _folder(path: Path) -> Seen:
    files: dict[str, str] = {}
    size = 0
    for number, file in enumerate(_below(path)):
        if number >= MOST_FILES:
            return Seen(path, "folder", why_not=f"holds more than {MOST_FILES} files")
        text, why = _text(file)
        if text is None:
            return Seen(path, "folder", why_not=f"{file.relative_to(path)} {why}")
        size += len(text.encode())
        if size > LARGEST:
            return Seen(path, "folder", why_not=f"holds more than {LARGEST // 1024} KiB")
        files[file.relative_to(path).as_posix()] = text
    return Seen(path, "folder", files, "" if files else "is empty")


def _below(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            yield from _below(entry)
        elif entry.is_file():
            yield entry


def _text(file: Path) -> tuple[str | None, str]:
    if file.stat().st_size > LARGEST:
        return None, f"has more than {LARGEST // 1024} KiB"
    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return None, "is not text"
    return (None, "is not text") if "\0" in text else (text, "")


def is_secret(name: str) -> bool:
    """Whether a file of that name holds what nobody else should read."""
    return _SECRET.search(name.lower()) is not None
