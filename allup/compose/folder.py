"""Writes a converted platform, and never over what a person changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from allup.errors import InputError

RECORD = ".compose.json"
"""What was written last, with a hash of each file, so that an edited one is known."""


def write(
    folder: Path, files: Mapping[str, str], *, sources: tuple[str, ...], force: bool = False
) -> list[str]:
    """Writes *files* (texts by path) and returns the paths that changed; files of the last time that are no
    longer among them go. Writes nothing when all is as it should be.

    Raises InputError, before anything is written, naming the files that a person edited, unless *force*.
    """
    before = _recorded(folder)
    edited = sorted(_edited(folder, files, before))
    if edited and not force:
        raise InputError(
            str(folder),
            f"holds what somebody wrote or changed: {', '.join(edited)}",
            evidence="Nothing was written",
            next_step="Choose another --out, or --overwrite to write over them",
        )
    changed = []
    for path, text in files.items():
        file = folder / path
        if _text(file) == text:
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="")
        changed.append(path)
    for path in before.keys() - files.keys():
        if (folder / path).is_file():
            (folder / path).unlink()
            changed.append(path)
    record = {"schema": 1, "sources": list(sources), "files": {p: _hash(t) for p, t in sorted(files.items())}}
    text = json.dumps(record, indent=2) + "\n"
    if _text(folder / RECORD) != text:
        (folder / RECORD).write_text(text, encoding="utf-8")
    return changed


def _edited(folder: Path, files: Mapping[str, str], before: Mapping[str, str]) -> Iterator[str]:
    for path in {*files, *before}:
        there = _text(folder / path)
        if there is not None and there != files.get(path) and _hash(there) != before.get(path):
            yield path


def _recorded(folder: Path) -> dict[str, str]:
    text = _text(folder / RECORD)
    try:
        found = json.loads(text) if text else {}
        return {str(k): str(v) for k, v in found.get("files", {}).items()}
    except (ValueError, AttributeError):
        return {}


def _text(file: Path) -> str | None:
    try:
        return file.read_bytes().decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
