"""A compose file as a tree in which every value knows its file and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from allup.errors import InputError, did_you_mean
from allup.yamlfiles import in_words, loader_class, read_text, resolve_plain

Node: TypeAlias = "Text | Items | Fields"
_NULLS = ("", "~", "null", "Null", "NULL")
_PLAIN, _CORE = "plain", "tag:yaml.org,2002:"
RESET, OVERRIDE = "!reset", "!override"


@dataclass(frozen=True)
class Source:
    """A file: how messages call it, and the folder its relative paths are relative to."""

    label: str
    folder: Path
    path: Path


@dataclass(frozen=True)
class Place:
    """A line of a file."""

    source: Source
    line: int

    def __str__(self) -> str:
        return f"{self.source.label}:{self.line}"


@dataclass(frozen=True)
class Text:
    """A scalar. *plain*: written without quotes, so it may be a number, a boolean or null."""

    value: str
    place: Place
    plain: bool = False
    tag: str = ""

    @property
    def null(self) -> bool:
        """Nothing stands there."""
        return self.plain and self.value in _NULLS

    @property
    def text(self) -> str:
        """As a variable's value: ``true``, ``1.50`` as 1.5, ``012`` as 10; texts as they are.

        Unlike in manifests ``yes`` and ``on`` are texts: Compose reads YAML 1.2's booleans.
        """
        if not self.plain:
            return self.value
        data = resolve_plain(self.value)
        if isinstance(data, bool):
            return self.value.lower() if self.value.lower() in ("true", "false") else self.value
        if isinstance(data, int | float):
            return str(data)
        return "" if data is None else str(data)


@dataclass(frozen=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    place: Place
    tag: str = ""


@dataclass(frozen=True)
class Fields:
    """A mapping."""

    entries: Mapping[str, Node]
    place: Place
    tag: str = ""
    lines: Mapping[str, Place] = field(default_factory=dict, compare=False)

    def get(self, key: str) -> Node | None:
        """What stands under *key*; None when it is not there or null."""
        found = self.entries.get(key)
        return None if isinstance(found, Text) and found.null else found

    def where(self, key: str) -> Place:
        """Where *key* is written."""
        if key in self.lines:
            return self.lines[key]
        return self.entries[key].place if key in self.entries else self.place

    def replaced(self, **entries: Node) -> Fields:
        """The same with other values."""
        return replace(self, entries={**self.entries, **entries})


def refuse(where: Place, fact: str, *, next_step: str = "", evidence: str = "") -> NoReturn:
    """Raises InputError at a line."""
    raise InputError(str(where), fact, evidence=evidence, next_step=next_step)


def parse(text: str, source: Source) -> Fields:
    """The one document of a compose file. Raises InputError with file and line for what is not sound YAML,
    for a key written twice and for an unknown tag."""
    import yaml

    loader = loader_class()(text)
    try:
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        raise in_words(error, text, source.label) from None
    finally:
        loader.dispose()
    if node is None or (node.id == "scalar" and node.tag == _PLAIN and node.value in _NULLS):
        raise InputError(source.label, "is empty", next_step="A compose file has services")
    tree = _Conversion(source).node(node)
    if not isinstance(tree, Fields):
        raise InputError(f"{source.label}:1", "is not a compose file: a mapping with services")
    return tree


def read(path: Path, folder: Path, label: str) -> Fields:
    """The same of a file; *folder* is what its relative paths are relative to."""
    return parse(read_text(path, label=label), Source(label, folder, path))


@dataclass
class _Conversion:
    source: Source
    open: set[int] = field(default_factory=set)

    def node(self, node: Any) -> Node:
        place = Place(self.source, node.start_mark.line + 1)
        own = node.tag if node.tag in (RESET, OVERRIDE) else ""
        if not own and node.tag not in (_PLAIN, *(_CORE + t for t in _KNOWN)):
            refuse(place, f"the tag {node.tag.replace(_CORE, '!!')} means nothing to Compose")
        if node.id == "scalar":
            return Text(node.value, place, node.tag == _PLAIN or bool(own), own)
        if id(node) in self.open:
            refuse(place, "an alias stands inside the very value it refers to")
        self.open.add(id(node))
        converted: Node
        if node.id == "sequence":
            converted = Items(tuple(self.node(item) for item in node.value), place, own)
        else:
            converted = self.mapping(node, place, own)
        self.open.discard(id(node))
        return converted

    def mapping(self, node: Any, place: Place, own: str) -> Fields:
        entries: dict[str, Node] = {}
        lines: dict[str, Place] = {}
        merges: list[Fields] = []
        for key, value in node.value:
            where = Place(self.source, key.start_mark.line + 1)
            if key.id != "scalar":
                refuse(where, "a list or mapping stands where a key should be")
            if key.tag == _PLAIN and key.value == "<<":
                merges += self.merged(self.node(value), where)
                continue
            if key.value in entries:
                refuse(where, f"the key {key.value!r} is already in line {lines[key.value].line}")
            entries[key.value], lines[key.value] = self.node(value), where
        for merge in merges:
            for name, value in merge.entries.items():
                if name not in entries:
                    entries[name], lines[name] = value, merge.where(name)
        return Fields(entries, place, own, lines)

    def merged(self, node: Node, where: Place) -> Iterable[Fields]:
        found = node.items if isinstance(node, Items) else (node,)
        for one in found:
            if not isinstance(one, Fields):
                refuse(where, "the merge key << takes a mapping or a list of mappings")
            yield one


_KNOWN = ("map", "seq", "str", "int", "float", "bool", "null")


# Reading values


def fields(node: Node | None, what: str) -> Fields | None:
    """A mapping, or None where nothing stands."""
    if node is None or (isinstance(node, Text) and node.null):
        return None
    if not isinstance(node, Fields):
        refuse(node.place, f"{what} has to be a mapping")
    return node


def text(node: Node, what: str) -> str:
    """A scalar as text."""
    if not isinstance(node, Text):
        refuse(node.place, f"{what} has to be a text")
    return node.text


def texts(node: Node | None, what: str) -> list[Text]:
    """A list of scalars; one scalar alone is a list of one."""
    if node is None or (isinstance(node, Text) and node.null):
        return []
    if isinstance(node, Text):
        return [node]
    if not isinstance(node, Items):
        refuse(node.place, f"{what} has to be a list")
    for item in node.items:
        if not isinstance(item, Text):
            refuse(item.place, f"an item of {what} has to be a text")
    return [item for item in node.items if isinstance(item, Text)]


def boolean(node: Node | None, what: str, default: bool = False) -> bool:
    """``true`` or ``false``, also as a text, as interpolation leaves it."""
    if node is None:
        return default
    written = text(node, what).lower()
    if written in ("true", "1", "yes", "y", "on", "t"):
        return True
    if written in ("false", "0", "no", "n", "off", "f"):
        return False
    refuse(node.place, f"{what} is {written!r} and has to be true or false")


def integer(node: Node, what: str) -> int:
    """A whole number, also as a text."""
    written = text(node, what)
    try:
        return int(written)
    except ValueError:
        refuse(node.place, f"{what} is {written!r} and has to be a whole number")


def known_keys(node: Fields, known: Iterable[str], what: str) -> None:
    """Raises InputError for a key that the specification does not know; ``x-`` keys are nobody's business."""
    known = tuple(known)
    for key in node.entries:
        if key not in known and not key.startswith("x-"):
            refuse(node.where(key), f"{what} has no key {key!r}{did_you_mean(key, known)}")
