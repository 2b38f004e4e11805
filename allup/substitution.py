"""``${name}`` in manifests, replaced after parsing.

- A scalar without quotes that is only ``${name}`` becomes the value itself, with its own type.
- A quoted scalar, a block text, and ``${name}`` inside a longer text always become text
  (``true``, ``false`` for booleans).
- ``$${`` is a literal ``${``.
- A value of None removes the key or list item that is only ``${name}``.
- What a KnownLater goes into is a KnownLater.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from allup.errors import InputError, did_you_mean
from allup.model.live import KnownLater
from allup.yamlfiles import Document, MappingNode, Node, ScalarNode, scalars


class _Gone:
    def __repr__(self) -> str:
        return "GONE"


_GONE = _Gone()
_REFERENCE = re.compile(r"\$\$\{|\$\{([^}\n]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def mentioned(documents: Iterable[Document]) -> frozenset[str]:
    """The names that stand in ``${…}`` anywhere in *documents*."""
    return frozenset(
        match.group(1)
        for document in documents
        for text in scalars(document.node)
        if "${" in text
        for match in _REFERENCE.finditer(text)
        if match.group(1)
    )


def substitute(node: Node, values: Mapping[str, Any], path: str) -> Any:
    """The tree as plain data with every ``${name}`` replaced; *path* is the file that messages name.

    Returns None for a tree that is only a ``${name}`` whose value is None. Raises InputError for a name
    that is not among *values* and for a value that cannot stand where it should.
    """
    data = _substituted(node, values, path)
    return None if data is _GONE else data


def _substituted(node: Node, values: Mapping[str, Any], path: str) -> Any:
    if isinstance(node, ScalarNode):
        if "${" not in node.text:
            return node.data
        return _scalar(node, values, path)
    if isinstance(node, MappingNode):
        mapping: dict[str, Any] = {}
        for key, line, value in node.entries:
            if "${" in key:
                key = _key(key, line, values, path)
                if key in mapping:
                    raise InputError(f"{path}:{line}", f"the key {key!r} is already in the same mapping")
            new = _substituted(value, values, path)
            if new is not _GONE:
                mapping[key] = new
        return mapping
    return [new for item in node.items if (new := _substituted(item, values, path)) is not _GONE]


def _scalar(node: ScalarNode, values: Mapping[str, Any], path: str) -> Any:
    where = f"{path}:{node.line}"
    whole = _REFERENCE.fullmatch(node.text)
    if whole and whole.group(1) is not None:
        value = _look_up(whole, values, where)
        if value is None:
            return _GONE
        if node.plain:
            return _as_data(value, whole.group(1), where)
    return _text(node.text, values, where)


def _key(key: str, line: int, values: Mapping[str, Any], path: str) -> str:
    text = _text(key, values, f"{path}:{line}")
    if isinstance(text, KnownLater):
        raise InputError(f"{path}:{line}", f"the key {key!r} would only be known later: {text}")
    return text


def _text(text: str, values: Mapping[str, Any], where: str) -> str:
    said: set[str] = set()

    def replacement(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return "${"
        value = _look_up(match, values, where)
        if isinstance(value, KnownLater):
            said.add(value.said)
        return _as_text(value, match.group(1), where)

    replaced = _REFERENCE.sub(replacement, text)
    return KnownLater(replaced, "; ".join(sorted(said))) if said else replaced


def _look_up(match: re.Match[str], values: Mapping[str, Any], where: str) -> Any:
    name, end = match.groups()
    literal = "Write $${ where a literal ${ is meant"
    if not end:
        raise InputError(where, f"{match.group()!r} is not closed by a brace", next_step=literal)
    if not _NAME.fullmatch(name):
        raise InputError(where, f"{match.group()} does not hold a name", next_step=literal)
    if name not in values:
        raise InputError(
            where, f"${{{name}}} is not a known value{did_you_mean(name, values)}", next_step=literal
        )
    return values[name]


def as_text(value: object) -> str | None:
    """A value as it stands inside a text; None for what has no such form (None, lists, mappings)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    return None


def _as_text(value: object, name: str, where: str) -> str:
    text = as_text(value)
    if text is None:
        fact = (
            "which can only remove a value that is nothing else" if value is None else "which is not a text"
        )
        raise InputError(where, f"${{{name}}} stands inside a text and is {_kind(value)}, {fact}")
    return text


def _as_data(value: Any, name: str, where: str) -> Any:
    if value is None or isinstance(value, (bool, KnownLater)):
        return value
    if isinstance(value, (str, int, float)):
        return next(plain(value) for plain in (str, int, float) if isinstance(value, plain))
    if isinstance(value, Mapping):
        return {str(key): _as_data(inner, name, where) for key, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [_as_data(inner, name, where) for inner in value if inner is not None]
    raise InputError(where, f"${{{name}}} is {_kind(value)}, which a manifest cannot hold")


def _kind(value: object) -> str:
    if value is None:
        return "None"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"


def contains_known_later(data: object) -> bool:
    """True when a KnownLater stands anywhere in *data*."""
    if isinstance(data, Mapping):
        return any(contains_known_later(value) for value in data.values())
    if isinstance(data, (list, tuple)):
        return any(contains_known_later(value) for value in data)
    return isinstance(data, KnownLater)
