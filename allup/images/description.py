"""An image of our own as a folder describes it: ``images/<name>/image.toml`` and the files beside it.

    reference = "local/dask:2026.8.0"      what manifests call it
    debian = ["python3", "tini"]           packages of Debian, with what they need
    unpacked = true                        only those: unpacked, not set up, so no script of theirs runs
    without = ["/usr/share/perl/*"]        paths in them that are left out
    python = "requirements.txt"            packages of PyPI: a lock of pip-compile, with hashes
    [folders]  "/arl" = "1000:1000"        empty folders and their owners
    [links]    "/usr/bin/awk" = "mawk"     symbolic links and where they lead
    [run]      entrypoint, command, folder, user, environment, signal (that ends it)

What is in the folder ``files`` is put into the root as it lies there.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from allup.errors import InputError, did_you_mean
from allup.images.references import Reference

FORMAT = 4
"""Part of every key: another number makes every image anew."""

_TOP = ("reference", "debian", "unpacked", "without", "python", "folders", "links", "run")
_RUN = ("entrypoint", "command", "folder", "user", "environment", "signal")


@dataclass(frozen=True)
class Description:
    """*files* maps a path in the root to where it lies here; *requirements* is the lock's text.

    With *unpacked* the root holds what *debian* names and what that depends on, and nothing else: no
    essential packages, no users, nothing that a package makes when it is set up.
    """

    name: str
    reference: Reference
    debian: tuple[str, ...] = ()
    unpacked: bool = False
    without: tuple[str, ...] = ()
    requirements: str = ""
    folders: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    folder: str = "/"
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    signal: str = ""

    def content_name(self, key: str) -> Reference:
        """The image's second name, of its content: where it is known, nothing needs to be loaded."""
        return replace(self.reference, tag=f"content-{key[:16]}")

    def base_key(self, suite: str, machine: str) -> str:
        """What tells this root of Debian packages from another one."""
        said = _said(unpacked=self.unpacked, without=sorted(self.without))
        return _digest(
            {"format": FORMAT, "debian": sorted(self.debian), "suite": suite, "machine": machine, **said}
        )

    def key(self, suite: str, machine: str) -> str:
        """What tells this image from another one: everything that goes into it, 64 hex digits."""
        contents = {
            path: [hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mode & 0o111 != 0]
            for path, file in sorted(self.files.items())
        }
        return _digest(
            {
                "base": self.base_key(suite, machine),
                "reference": str(self.reference),
                "requirements": self.requirements,
                "folders": {path: list(owner) for path, owner in self.folders.items()},
                "files": contents,
                "run": [self.entrypoint, self.command, self.folder, self.user, dict(self.environment)],
                **_said(links=dict(self.links), signal=self.signal),
            }
        )


def described(folder: Path) -> Sequence[str]:
    """The names of the images that *folder* describes."""
    return sorted(file.parent.name for file in folder.glob("*/image.toml"))


def read(folder: Path, name: str) -> Description:
    """The image *name* under *folder*; raises InputError, naming the file, for what is not understood."""
    file = folder / name / "image.toml"
    if not file.is_file():
        known = described(folder)
        raise InputError(
            f"image {name!r}",
            f"is not described{did_you_mean(name, known)}",
            next_step=f"There are {', '.join(known)}" if known else f"Make {file}",
        )
    label = f"images/{name}/image.toml"
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(label, f"is not TOML: {error}") from None
    _known(label, raw, _TOP)
    run = _table(label, raw, "run")
    _known(f"{label}, [run]", run, _RUN)
    requirements = _text(label, raw, "python")
    if requirements and not (file.parent / requirements).is_file():
        raise InputError(label, f"python names {requirements}, which is not there")
    return Description(
        name=name,
        reference=_tagged(Reference.parse(_text(label, raw, "reference") or f"local/{name}")),
        debian=_texts(label, raw, "debian"),
        unpacked=_truth(label, raw, "unpacked"),
        without=_texts(label, raw, "without"),
        requirements=(file.parent / requirements).read_text(encoding="utf-8") if requirements else "",
        folders={path: _owner(label, path, text) for path, text in _table(label, raw, "folders").items()},
        files=_files(file.parent / "files"),
        links={path: str(target) for path, target in _table(label, raw, "links").items()},
        entrypoint=_texts(label, run, "entrypoint"),
        command=_texts(label, run, "command"),
        folder=_text(label, run, "folder") or "/",
        user=_text(label, run, "user"),
        environment={k: str(v) for k, v in _table(label, run, "environment").items()},
        signal=_text(label, run, "signal"),
    )


def _tagged(reference: Reference) -> Reference:
    return reference if reference.tag else replace(reference, tag="latest")


def _files(folder: Path) -> Mapping[str, Path]:
    return {
        "/" + file.relative_to(folder).as_posix(): file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def _known(label: str, table: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            raise InputError(label, f"{key!r} is not known{did_you_mean(key, known)}")


def _table(label: str, table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise InputError(label, f"{key} takes a table")
    return value


def _text(label: str, table: Mapping[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise InputError(label, f"{key} takes a text")
    return value


def _truth(label: str, table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise InputError(label, f"{key} takes true or false")
    return value


def _texts(label: str, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InputError(label, f"{key} takes a list of texts")
    return tuple(value)


def _owner(label: str, path: str, text: object) -> tuple[int, int]:
    user, colon, group = str(text).partition(":")
    if not (path.startswith("/") and colon and user.isdigit() and group.isdigit()):
        raise InputError(label, f'folders takes lines such as "/data" = "1000:1000", not {path!r} = {text!r}')
    return int(user), int(group)


def _said(**keys: object) -> Mapping[str, object]:
    """Those that a description says: a key that is new changes no image that does not use it."""
    return {key: value for key, value in keys.items() if value}


def _digest(what: object) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
