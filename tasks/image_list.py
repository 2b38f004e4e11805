"""inv images.list: the images described under images/, and those of the engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from allup import commands
from allup.errors import AllupError
from allup.images import description, making
from allup.report.tables import table
from tasks.imaging import FOLDER, engine
from tasks.output import SCHEMA, say, say_json, tell


def list_images(engine_name: str, as_json: bool = False) -> None:
    """Our own, then the engine's."""
    own = [_described(name) for name in description.described(FOLDER)]
    others: list[tuple[str, str, str]] = []
    try:
        found = engine(engine_name, os.environ)
        listed = commands.must(found.list(), os.environ, found.kind).out
        for line in listed.splitlines():
            image, _, size = line.strip().partition(" ")
            others.append((found.kind, image, size.strip()))
    except AllupError as error:
        tell(f"warning: {error}")
    if as_json:
        engines_ = [{"engine": kind, "image": image, "size": size} for kind, image, size in others]
        entries = [entry for entry, _ in own]
        say_json({"schema": SCHEMA, "type": "image-list", "images": entries, "engines": engines_})
        return
    rows = [row for _, row in own] + [(*other, "") for other in others]
    say(table(("FROM", "IMAGE", "SIZE", "STATE"), rows) if rows else "No images.")


def _described(name: str) -> tuple[Mapping[str, Any], tuple[object, ...]]:
    """An image of images/ as JSON has it, and as a row."""
    described = description.read(FOLDER, name)
    try:
        made = making.cached(described, os.environ, making.this_machine())
    except AllupError as error:
        made, state = None, error.fact
    else:
        state = "made" if made else f"not made: inv images.build {name}"
    size = made.file.stat().st_size if made else None
    entry = {
        "name": name,
        "image": str(described.reference),
        "made": made is not None,
        "digest": made.digest if made else None,
        "bytes": size,
        "packages": made.packages if made else {},
    }
    return entry, (name, described.reference, f"{size / 1e6:.0f} MB" if size else "", state)
