"""What a build is made of, as one number: the context's files, the Dockerfile and the arguments.

``.dockerignore`` counts, as Docker reads it: ``*``, ``**``, ``?``, ``!`` takes back, the last one wins.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from allup.errors import InputError

_BLOCK = 1 << 20


def content_key(context: Path, dockerfile: Path, arguments: Mapping[str, str | None]) -> str:
    """64 hex digits, others whenever a file's name, contents or x-bit, the Dockerfile or an argument differs.

    Raises InputError when the context or the Dockerfile is not there.
    """
    if not context.is_dir():
        raise InputError("the build context", f"{context} is not a folder on this machine")
    if not dockerfile.is_file():
        raise InputError(
            "the Dockerfile", f"{dockerfile} is not there", next_step="Name it with --dockerfile (DOCKERFILE)"
        )
    total = hashlib.sha256()
    total.update(b"Dockerfile\0" + dockerfile.read_bytes() + b"\0")
    for name, value in sorted(arguments.items()):
        total.update(f"argument\0{name}\0{value}\0".encode())
    for path in files(context):
        file = context / path
        total.update(f"file\0{path}\0".encode())
        if file.is_symlink():
            total.update(b"link\0" + os.fsencode(os.readlink(file)))
        else:
            executable = b"x" if file.stat().st_mode & 0o111 else b"-"
            total.update(executable + _hash(file))
    return total.hexdigest()


def files(context: Path) -> Sequence[str]:
    """The paths, relative to *context*, that a build is sent: sorted, folders left out."""
    ignore = context / ".dockerignore"
    rules = patterns(ignore.read_text(encoding="utf-8", errors="replace")) if ignore.is_file() else ()
    return sorted(path for path in _walk(context) if not ignored(path, rules))


def patterns(text: str) -> Sequence[tuple[bool, re.Pattern[str]]]:
    """The lines of a ``.dockerignore``: whether it takes back, and what it matches."""
    rules = []
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        back = line.startswith("!")
        pattern = os.path.normpath(line.removeprefix("!").strip().lstrip("/"))
        if pattern != ".":
            rules.append((back, re.compile(_expression(pattern))))
    return tuple(rules)


def ignored(path: str, rules: Sequence[tuple[bool, re.Pattern[str]]]) -> bool:
    """Whether the rules leave *path* out; the last that matches it, or a folder above it, decides."""
    parents = [str(parent) for parent in Path(path).parents][:-1]
    found = False
    for back, pattern in rules:
        if any(pattern.fullmatch(one) for one in (path, *parents)):
            found = not back
    return found


def _expression(pattern: str) -> str:
    pieces = []
    rest = pattern
    while rest:
        if rest.startswith("**/"):
            pieces.append("(?:.*/)?")
            rest = rest[3:]
        elif rest.startswith("**"):
            pieces.append(".*")
            rest = rest[2:]
        elif rest[0] in "*?":
            pieces.append("[^/]*" if rest[0] == "*" else "[^/]")
            rest = rest[1:]
        else:
            pieces.append(re.escape(rest[0]))
            rest = rest[1:]
    return "".join(pieces)


def _walk(context: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(context):
        for name in (*names, *(f for f in folders if (Path(folder) / f).is_symlink())):
            yield (Path(folder) / name).relative_to(context).as_posix()


def _hash(file: Path) -> bytes:
    sha256 = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            sha256.update(block)
    return sha256.digest()
