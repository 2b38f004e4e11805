"""One file over another, by the Compose Specification's chapter on merging. Both are canonical."""

from __future__ import annotations

from allup.compose.canonical import unique_key
from allup.compose.source import OVERRIDE, RESET, Fields, Items, Node, Text

_REPLACED = ("command", "entrypoint", "test")
_BY_KEY = ("volumes", "configs", "secrets", "ports")


def merge_services(under: Fields, over: Fields) -> Fields:
    """A service of the earlier file (or the extended one) with that of the later over it."""
    return _merge_fields(under, over, "service")


def merge_fields(under: Fields, over: Fields) -> Fields:
    """Two mappings by key: top-level volumes, networks and their like."""
    return _merge_fields(under, over, "")


def without_resets(node: Fields) -> Fields:
    """Drops what only says ``!reset``: there was nothing beneath it."""
    entries: dict[str, Node] = {}
    for key, value in node.entries.items():
        if value.tag != RESET:
            entries[key] = without_resets(value) if isinstance(value, Fields) else value
    return Fields(entries, node.place, "", node.lines)


def _merge_fields(under: Fields, over: Fields, what: str) -> Fields:
    if over.tag == OVERRIDE:
        return over
    entries = dict(under.entries)
    for key, value in over.entries.items():
        if value.tag == RESET:
            entries.pop(key, None)
        elif key in entries and value.tag != OVERRIDE:
            entries[key] = _merge(key, entries[key], value)
        else:
            entries[key] = value
    return Fields(entries, over.place, "", {**under.lines, **over.lines})


def _merge(key: str, under: Node, over: Node) -> Node:
    if key in _REPLACED:
        return over
    if isinstance(over, Text) and over.null:
        # A bare variable asks the shell again; elsewhere nothing is said.
        return over if isinstance(under, Text) else under
    if key == "logging" and isinstance(under, Fields) and isinstance(over, Fields):
        drivers = [one.get("driver") for one in (under, over)]
        names = [d.text if isinstance(d, Text) else "" for d in drivers]
        return over if names[1] and names[0] != names[1] else _merge_fields(under, over, key)
    if isinstance(under, Fields) and isinstance(over, Fields):
        return _merge_fields(under, over, key)
    if isinstance(under, Items) and isinstance(over, Items):
        return _merge_items(key, under, over)
    return over


def _merge_items(key: str, under: Items, over: Items) -> Items:
    found: dict[str, Node] = {}
    for number, item in enumerate((*under.items, *over.items)):
        same = str(number) if key == "extra_hosts" else unique_key(key if key in _BY_KEY else "", item)
        found[same] = item
    return Items(tuple(found.values()), over.place)
