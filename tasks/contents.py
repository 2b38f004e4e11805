"""The table of contents that ``inv --list`` prints, remembered: to learn it anew every platform is loaded,
which takes longer than all the rest.

It is kept beside the compiled modules and counts only as long as no file it was made from has changed.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.parser.argument import Argument
from invoke.tasks import Task

_HERE = Path(__file__).resolve().parent
FILE = _HERE / "__pycache__" / "contents.json"
_MADE_FROM = (_HERE, _HERE.parent / "k8s", _HERE.parent / "allup" / "model")


class Listed(Task[Any]):
    """A task as far as a list shows it."""

    def __init__(self, name: str, aliases: Sequence[str], text: str) -> None:
        def body() -> None:
            raise AssertionError("a task of the table of contents is not run")

        body.__doc__ = text
        super().__init__(body, name=name, aliases=aliases, positional=())

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """None: a list shows no flags."""
        return []

    def __deepcopy__(self, memo: object) -> Listed:
        return self


def only_listed(argv: Sequence[str]) -> bool:
    """True when nothing but the list is asked for."""
    return list(argv[1:]) in (["--list"], ["-l"])


def remembered(file: Path = FILE, made_from: Sequence[Path] = _MADE_FROM) -> Collection | None:
    """The tasks as the last list showed them; None when they may be others by now."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return _collection(told["tasks"]) if told["signature"] == _signature(made_from) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(ns: Collection, file: Path = FILE, made_from: Sequence[Path] = _MADE_FROM) -> None:
    """Keeps what is listed, at best: where it cannot be written it is learned anew each time."""
    told = {"signature": _signature(made_from), "tasks": _told(ns)}
    beside = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(told), encoding="utf-8")
        beside.replace(file)
    except OSError:
        beside.unlink(missing_ok=True)


def _signature(folders: Sequence[Path]) -> list[Any]:
    """What tells whether a file was changed, added or removed."""
    return [sys.version, *(list(each) for folder in folders for each in _files(str(folder)))]


def _files(folder: str) -> Iterator[tuple[str, int, int]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.endswith(".py"):
            stat = entry.stat()
            yield entry.path, stat.st_mtime_ns, stat.st_size
        elif entry.is_dir() and not entry.name.startswith(("__", ".")):
            yield from _files(entry.path)


def _told(ns: Collection) -> dict[str, Any]:
    return {
        "own": [[name, list(task.aliases), task.__doc__ or ""] for name, task in ns.tasks.items()],
        "groups": {name: _told(group) for name, group in ns.collections.items()},
    }


def _collection(told: Mapping[str, Any], name: str = "") -> Collection:
    collection = Collection(name) if name else Collection()
    for task, aliases, text in told["own"]:
        collection.add_task(Listed(task, aliases, text))
    for group, inside in told["groups"].items():
        collection.add_collection(_collection(inside, group))
    return collection
