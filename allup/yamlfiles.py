"""YAML files as trees that remember each value's line and whether it was written without quotes.

Plain scalars mean what they mean to ``kubectl``, which turns YAML into JSON with ``sigs.k8s.io/yaml``
(go-yaml 2, YAML 1.1 with exceptions):

- ``yes no on off y n true false`` (also ``Yes``, ``YES``) are booleans; ``~`` and ``null`` are null.
- ``012`` and ``0o12`` are octal (10), ``0x1f`` and ``0b101`` are numbers, underscores are dropped,
  ``08`` is 8, ``1e3`` is 1000. A number without a fraction is an integer, as it is in JSON.
- Base 60 (``22:22``) and dates are text.
- Keys become text: ``on:`` is ``"true"``, ``8080:`` is ``"8080"``.
- A merge key ``<<`` fills in what the mapping does not say itself.

Stricter than kubectl on purpose: a key written twice, ``.nan``, ``.inf``, ``!!binary`` and unknown tags
are errors. Every error is an InputError whose subject is ``file:line``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias

from allup.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import yaml

Plain: TypeAlias = str | int | float | bool | None
Node: TypeAlias = "ScalarNode | SequenceNode | MappingNode"


# Named tuples, not dataclasses: a platform has tens of thousands of nodes and these are the quickest to make.
class ScalarNode(NamedTuple):
    """One value: the *text* as written, the *data* it means, *plain* when it has no quotes."""

    text: str
    data: Plain
    plain: bool
    line: int


class SequenceNode(NamedTuple):
    """A list."""

    items: tuple[Node, ...]
    line: int


class MappingNode(NamedTuple):
    """A mapping; each entry is the key, the line of the key, and the value."""

    entries: tuple[tuple[str, int, Node], ...]
    line: int

    def get(self, key: str) -> Node | None:
        """The value of *key*, None when it is not there."""
        for name, _, value in self.entries:
            if name == key:
                return value
        return None


@dataclass(frozen=True)
class Document:
    """One document of a file: *path* as messages name it, the tree, the line it begins on."""

    path: str
    node: Node
    line: int


def load_documents(path: Path, *, label: str = "") -> tuple[Document, ...]:
    """The documents of a file that are not empty; messages call the file *label*, else by its path.

    Raises InputError when the file is missing, cannot be read, is not UTF-8 or is not sound YAML.
    """
    label = label or str(path)
    return parse_documents(read_text(path, label=label), label)


def read_text(path: Path, *, label: str) -> str:
    """The text of a UTF-8 file (a byte order mark is dropped), its line ends as they are.

    Raises InputError when it cannot be read or is not UTF-8.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(label, "there is no such file") from None
    except OSError as error:
        raise InputError(label, f"cannot be read: {(error.strerror or 'I/O error').lower()}") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{label}:{line}", "is not UTF-8 text", next_step="Save the file as UTF-8") from None


def parse_documents(text: str, name: str) -> tuple[Document, ...]:
    """The same for a text in memory, which messages call *name*."""
    import yaml

    loader = loader_class()(text)
    documents = []
    try:
        while loader.check_node():
            composed = loader.get_node()
            if composed is not None and not _is_empty(composed):
                node = _Conversion(name).node(composed)
                documents.append(Document(name, node, node.line))
    except yaml.YAMLError as error:
        raise in_words(error, text, name) from None
    finally:
        loader.dispose()
    return tuple(documents)


def to_data(node: Node) -> Any:
    """The tree as dicts, lists and scalars; nothing in it is shared with another call."""
    if isinstance(node, ScalarNode):
        return node.data
    if isinstance(node, MappingNode):
        return {key: to_data(value) for key, _, value in node.entries}
    return [to_data(item) for item in node.items]


def find(node: Node | None, *path: str | int) -> Node | None:
    """The node under *path* (keys and indices), None when the tree does not go that far."""
    for step in path:
        if isinstance(node, MappingNode) and isinstance(step, str):
            node = node.get(step)
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node


def scalars(node: Node) -> Iterator[str]:
    """The text of every scalar in the tree, keys included."""
    if isinstance(node, ScalarNode):
        yield node.text
    elif isinstance(node, MappingNode):
        for key, _, value in node.entries:
            yield key
            yield from scalars(value)
    else:
        for item in node.items:
            yield from scalars(item)


_STR_TAG = "tag:yaml.org,2002:str"
_PLAIN_TAG = "plain"
_CORE = "tag:yaml.org,2002:"
_TAG_OF_TYPE: dict[type, str] = {
    bool: _CORE + "bool",
    int: _CORE + "int",
    float: _CORE + "float",
    type(None): _CORE + "null",
}


@cache
def loader_class() -> Any:
    """libyaml's parser with a resolver that keeps plain scalars and explicit ``!!str`` apart."""
    from yaml.cyaml import CParser  # type: ignore[attr-defined]
    from yaml.nodes import MappingNode as YamlMapping
    from yaml.nodes import ScalarNode as YamlScalar

    class Loader(CParser):
        def resolve(self, kind: type, value: str | None, implicit: Any) -> str:
            if kind is YamlScalar:
                return _PLAIN_TAG if implicit[0] else _STR_TAG
            return _CORE + ("map" if kind is YamlMapping else "seq")

        def descend_resolver(self, parent: object, index: object) -> None: ...

        def ascend_resolver(self) -> None: ...

    return Loader


def _is_empty(node: yaml.Node) -> bool:
    return node.tag == _PLAIN_TAG and node.value == ""


class _Conversion:
    """One composed document into our own nodes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.open: set[int] = set()

    def refuse(self, line: int, fact: str, next_step: str = "") -> NoReturn:
        raise InputError(f"{self.name}:{line}", fact, next_step=next_step)

    def node(self, node: Any) -> Node:
        line = node.start_mark.line + 1
        kind = node.id
        if kind == "scalar":
            return ScalarNode(node.value, self.scalar(node, line), node.tag == _PLAIN_TAG, line)
        if node.tag not in (_CORE + "map", _CORE + "seq"):
            self.refuse(line, f"the tag {_short_tag(node.tag)} means nothing in JSON")
        if id(node) in self.open:
            self.refuse(line, "an alias stands inside the very value it refers to")
        self.open.add(id(node))
        converted: Node
        if kind == "sequence":
            converted = SequenceNode(tuple([self.node(item) for item in node.value]), line)
        else:
            converted = self.mapping(node, line)
        self.open.discard(id(node))
        return converted

    def scalar(self, node: Any, line: int) -> Plain:
        tag, text = node.tag, node.value
        if tag == _STR_TAG:
            return str(text)
        if tag == _PLAIN_TAG:
            return self.plain(text, line)
        data = self.plain(text, line)
        if tag not in _TAG_OF_TYPE.values():
            self.refuse(line, f"the tag {_short_tag(tag)} means nothing in JSON")
        if _TAG_OF_TYPE.get(type(data)) != tag and not (type(data) is int and tag == _TAG_OF_TYPE[float]):
            self.refuse(line, f"{text!r} is not what its tag {_short_tag(tag)} says")
        return data

    def plain(self, text: str, line: int) -> Plain:
        data = resolve_plain(text)
        if isinstance(data, float) and not (-_HUGE < data < _HUGE):
            self.refuse(line, f"{text} is a number that JSON cannot write", "Put it in quotes")
        return data

    def mapping(self, node: Any, line: int) -> MappingNode:
        entries: list[tuple[str, int, Node]] = []
        merges: list[Any] = []
        seen: dict[str, int] = {}
        for key, value in node.value:
            key_line = key.start_mark.line + 1
            if key.id != "scalar":
                self.refuse(
                    key_line,
                    "a list or mapping stands where a key should be",
                    "Put ${name} in quotes when it is a key or stands inside {} or []",
                )
            if key.tag == _PLAIN_TAG and key.value == "<<":
                merges.append(value)
                continue
            name = self.key(key, key_line)
            if name in seen:
                self.refuse(key_line, f"the key {name!r} is already in line {seen[name]} of the same mapping")
            seen[name] = key_line
            entries.append((name, key_line, self.node(value)))
        for merged in merges:
            for entry in self.merged(merged):
                if entry[0] not in seen:
                    seen[entry[0]] = entry[1]
                    entries.append(entry)
        return MappingNode(tuple(entries), line)

    def merged(self, node: Any) -> Iterable[tuple[str, int, Node]]:
        converted = self.node(node)
        sources = converted.items if isinstance(converted, SequenceNode) else (converted,)
        for source in sources:
            if not isinstance(source, MappingNode):
                self.refuse(converted.line, "the merge key << takes a mapping or a list of mappings")
            yield from source.entries

    def key(self, key: Any, line: int) -> str:
        data = self.scalar(key, line)
        if isinstance(data, str):
            return data
        if data is None:
            self.refuse(line, "a key is null", "Put it in quotes")
        if isinstance(data, bool):
            return "true" if data else "false"
        return f"{data:g}" if isinstance(data, float) else str(data)


def _short_tag(tag: str) -> str:
    return "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag


_HUGE = float("inf")
_WORDS: dict[str, Plain] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), _HUGE),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -_HUGE),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMERIC_START = frozenset("0123456789+-.")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INTEGERS = (
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+"), 16),
    (re.compile(r"[-+]?0[bB][01]+"), 2),
    (re.compile(r"[-+]?0[oO][0-7]+"), 8),
    (re.compile(r"[-+]?0[0-7]+"), 8),
    (re.compile(r"[-+]?(?:0|[1-9][0-9]*)"), 10),
)
_EXPONENT_FORM = 1e21  # from here on Go writes a float into JSON with an exponent, so it stays a float


def resolve_plain(text: str) -> Plain:
    """What a scalar without quotes means (go-yaml 2, ``resolve.go``; see the module's own words).

    >>> resolve_plain("012"), resolve_plain("1e3"), resolve_plain("on"), resolve_plain("22:22")
    (10, 1000, True, '22:22')
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC_START:
        return text
    digits = text if text[0] == "." else text.replace("_", "")
    if text[0] != ".":
        for pattern, base in _INTEGERS:
            if pattern.fullmatch(digits):
                number = int(digits, base)
                if -(2**63) <= number < 2**64:
                    return number
                break
    if not _FLOAT.fullmatch(digits):
        return text
    value = float(digits)
    if value in (_HUGE, -_HUGE):
        return text
    return int(value) if value.is_integer() and abs(value) < _EXPONENT_FORM else value


def in_words(error: yaml.YAMLError, text: str, name: str) -> InputError:
    """libyaml's message as subject, fact and way out."""
    from yaml.reader import ReaderError

    if isinstance(error, ReaderError):
        code = error.character if isinstance(error.character, int) else ord(str(error.character)[:1])
        line = text.count("\n", 0, error.position) + 1
        return InputError(f"{name}:{line}", f"holds the character U+{code:04X}, which YAML does not allow")
    problem = str(getattr(error, "problem", "") or "not understood")
    context = str(getattr(error, "context", "") or "")
    mark = getattr(error, "problem_mark", None)
    opening = getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else 1
    if "quoted scalar" in context and opening:
        return InputError(f"{name}:{opening.line + 1}", "a quoted text begins here and does not end")
    lines = text.splitlines()
    written = lines[line - 1] if line <= len(lines) else ""
    if "cannot start any token" in problem:
        character = written[mark.column : mark.column + 1] if mark else ""
        if character == "\t":
            return InputError(f"{name}:{line}", "is indented with a tab; YAML takes spaces only")
        if character:
            return InputError(
                f"{name}:{line}", f"a value cannot begin with {character!r}", next_step="Put it in quotes"
            )
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return InputError(f"{name}:{line}", "is indented with a tab; YAML takes spaces only")
    if "flow" in context and "${" in written:
        return InputError(f"{name}:{line}", "${name} inside {} or [] has to stand in quotes")
    if "flow" in context and opening:
        return InputError(
            f"{name}:{opening.line + 1}",
            f"the {{}} or [] that begins here is not closed, or lacks a comma (line {line})",
        )
    if "mapping values are not allowed" in problem:
        return InputError(
            f"{name}:{line}",
            "a second 'key: value' stands where a text or the next line was expected",
            next_step="Check the indentation, or put a text with a colon in quotes",
        )
    if (
        problem in ("did not find expected key", "did not find expected <document start>")
        or "block" in context
    ):
        return InputError(f"{name}:{line}", "the indentation does not fit the lines above")
    if "undefined alias" in problem:
        word = re.match(r"\*[^\s,\]}]+", written[mark.column :]) if mark else None
        anchors = re.findall(r"&([^\s,\]}]+)", text)
        alias = word.group()[1:] if word else "?"
        return InputError(
            f"{name}:{line}",
            f"*{alias} refers to an anchor that is not in this document{did_you_mean(alias, anchors)}",
        )
    return InputError(f"{name}:{line}", f"is not YAML: {problem}{f' ({context})' if context else ''}")
