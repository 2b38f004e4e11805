"""How verbs print: results and people's text to standard output, JSON with its schema's number."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from allup.refs import ObjectRef

SCHEMA = 1


def say(text: str) -> None:
    """A line, or several, to standard output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """A line to standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def as_json(value: Mapping[str, Any]) -> str:
    """One line of JSON."""
    return json.dumps(value, default=str, ensure_ascii=False)


def say_json(value: Mapping[str, Any]) -> None:
    """One line of JSON to standard output."""
    say(as_json(value))


def ref_json(ref: ObjectRef) -> dict[str, str]:
    """An object's reference as JSON has it."""
    return {"group": ref.group, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def warned(text: str, warning: bool = True) -> str:
    """*text*, yellow when it is a warning and a terminal shows it."""
    if not warning or not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[33m{text}\x1b[0m"
