"""The schema and the page of --json have every type of line there is, and the page every field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

CHECKOUT = Path(__file__).parents[3]
SCHEMA = json.loads((CHECKOUT / "docs" / "results.schema.json").read_text())
PAGE = (CHECKOUT / "docs" / "json.md").read_text()


def written_types() -> set[str]:
    """The types that a verb's module writes as literals, besides those of runs."""
    sources = (CHECKOUT / "tasks").glob("*.py")
    literals = (re.findall(r'SCHEMA,\s+"type": "([a-z-]+)"', source.read_text()) for source in sources)
    return {found for each in literals for found in each}


def documented_types() -> set[str]:
    kinds = (part["properties"]["type"].get("const") for part in SCHEMA["$defs"].values() if is_line(part))
    return {kind for kind in kinds if kind}


def is_line(part: dict[str, Any]) -> bool:
    return "schema" in part["properties"]


def fields(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from part.get("properties", ())
        for each in part.values():
            yield from fields(each)
    elif isinstance(part, list):
        for each in part:
            yield from fields(each)


def test_it_is_a_schema_and_every_line_in_it_can_be_chosen() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    lines = {f"#/$defs/{name}" for name, part in SCHEMA["$defs"].items() if is_line(part)}
    assert {choice["$ref"] for choice in SCHEMA["oneOf"]} == lines


def test_every_type_that_a_verb_writes_has_a_schema_and_the_other_way_round() -> None:
    assert len(written_types()) > 15
    assert written_types() == documented_types()


def test_the_page_names_every_type_and_every_field() -> None:
    known_to_all = {"schema", "type", "status", "reason", "message", "group", "kind", "namespace", "name"}
    names = documented_types() | set(fields(SCHEMA)) - known_to_all
    assert sorted(name for name in names if f"`{name}`" not in PAGE) == []
