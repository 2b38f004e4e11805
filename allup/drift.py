"""What differs between two states of one object, as the server holds them.

Both sides come from the server (the live object, and the answer of a dry run), so defaults are on both
sides and nothing is guessed about them. Secrets are masked by the caller, on both sides.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final


class Absent(Enum):
    """Stands for a field that is not there, which is not the same as null."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent.ABSENT

_SERVER_METADATA = frozenset(
    ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")
)
_LIST_KEYS = ("name", "mountPath", "devicePath", "containerPort", "port", "key", "ip", "topologyKey", "type")
_PLAIN_KEY = re.compile(r"^[A-Za-z0-9_-]+$")
_LOOKS_TYPED = re.compile(r"^(|true|false|null|yes|no|on|off|~|[-+.\d].*|.*\s|\s.*|[\[{\"'].*)$", re.I | re.S)
_HUNK_LINES = 24


@dataclass(frozen=True)
class Difference:
    """One field. *path* reads ``spec.template.spec.containers[name=web].image``; a side that is not there
    is ABSENT. A path ending in ``(order)`` tells that a list has the same items in another order."""

    path: str
    before: Any
    after: Any


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Every field in which *after* differs from *before* (None: nothing was there), in the order of paths.

    What the server alone writes is left out: status and the bookkeeping in metadata. Items of a list of
    maps are matched by the field that names them (name, mountPath, containerPort …), others by place.
    """
    return tuple(_walk("", _authored(before or {}), _authored(after)))


def _authored(obj: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in obj.items() if key != "status"}
    if isinstance(kept.get("metadata"), Mapping):
        kept["metadata"] = {k: v for k, v in kept["metadata"].items() if k not in _SERVER_METADATA}
    return kept


def render(found: Iterable[Difference], width: int = 100) -> list[str]:
    """A line a difference: ``~ path: old → new``, ``+ path: value``, ``- path: value``.

    A value longer than its share of *width* is cut with ``…``; a change within a text of several lines
    is followed by the lines that changed, indented.
    """
    lines = []
    for one in found:
        if one.before is ABSENT:
            lines.append(f"+ {one.path}: {_shown(one.after, width)}")
        elif one.after is ABSENT:
            lines.append(f"- {one.path}: {_shown(one.before, width)}")
        elif _is_multiline(one.before) or _is_multiline(one.after):
            lines += [f"~ {one.path}:", *_hunks(str(one.before), str(one.after), width)]
        else:
            before, after = _apart(_plain(one.before), _plain(one.after), width // 2)
            lines.append(f"~ {one.path}: {before} → {after}")
    return lines


def _walk(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if _same(before, after):
        return
    # A whole map or named list that comes or goes is told field by field, as if it had been empty.
    old = _empty_like(after) if before is ABSENT else before
    new = _empty_like(before) if after is ABSENT else after
    if isinstance(old, Mapping) and isinstance(new, Mapping) and (old or new):
        for key in sorted({*old, *new}):
            yield from _walk(_child(path, key), old.get(key, ABSENT), new.get(key, ABSENT))
    elif isinstance(old, list) and isinstance(new, list) and (name := _list_key(old + new, old, new)):
        yield from _walk_named(path, name, old, new)
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            pair = (side[index] if index < len(side) else ABSENT for side in (before, after))
            yield from _walk(f"{path}[{index}]", *pair)
    else:
        yield Difference(path, before, after)


def _walk_named(path: str, name: str, before: list[Any], after: list[Any]) -> Iterator[Difference]:
    old, new = {item[name]: item for item in before}, {item[name]: item for item in after}
    for value in {**new, **old}:
        yield from _walk(f"{path}[{name}={value}]", old.get(value, ABSENT), new.get(value, ABSENT))
    was, now = [v for v in old if v in new], [v for v in new if v in old]
    if was != now:
        yield Difference(f"{path} (order)", was, now)


def _list_key(items: list[Any], *sides: list[Any]) -> str:
    """The field that names every item, once on each side; ``""`` when there is none."""
    if not items or not all(isinstance(item, Mapping) for item in items):
        return ""
    for key in _LIST_KEYS:
        if all(isinstance(item.get(key), str | int) for item in items) and all(
            len({item[key] for item in side}) == len(side) for side in sides
        ):
            return key
    return ""


def _same(before: Any, after: Any) -> bool:
    """True for equal leaves; a map or list that has something in it is looked into. True is not 1."""
    if before is ABSENT or after is ABSENT or (before and isinstance(before, Mapping | list)):
        return False
    return bool(before == after) and isinstance(before, bool) == isinstance(after, bool)


def _empty_like(value: Any) -> Any:
    return {} if isinstance(value, Mapping) else [] if isinstance(value, list) else ABSENT


def _child(path: str, key: str) -> str:
    if not _PLAIN_KEY.match(key):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _plain(value: Any) -> str:
    """A text as it is, unless it could be taken for something else; other values as JSON."""
    if isinstance(value, str) and not _LOOKS_TYPED.match(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _shown(value: Any, width: int) -> str:
    if _is_multiline(value):
        lines = value.splitlines()
        return f"{_cut(lines[0], width // 2)} … ({len(lines)} lines)"
    return _cut(_plain(value), width)


def _cut(words: str, limit: int) -> str:
    return words if len(words) <= limit else words[: limit - 1] + "…"


def _apart(before: str, after: str, limit: int) -> tuple[str, str]:
    """Both cut to *limit*, and where they begin alike beyond it, cut at the front so that they differ."""
    if max(len(before), len(after)) <= limit:
        return before, after
    alike = next((i for i, (b, a) in enumerate(zip(before, after, strict=False)) if b != a), limit)
    start = max(0, alike - limit // 4)
    lead = "…" if start else ""
    return lead + _cut(before[start:], limit), lead + _cut(after[start:], limit)


def _is_multiline(value: Any) -> bool:
    return isinstance(value, str) and "\n" in value.rstrip("\n")


def _hunks(before: str, after: str, width: int) -> list[str]:
    changed = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1))[2:]
    if not changed:
        return ["    only the line break at the end"]
    lines = [f"    {_cut(line, width)}" for line in changed if not line.startswith("@@")]
    left = len(lines) - _HUNK_LINES
    return lines if left <= 1 else [*lines[:_HUNK_LINES], f"    … {left} more lines"]
