"""Where results go: standard output. Where remarks go: standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any


def say(text: str) -> None:
    """A line of the result."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say_json(value: Mapping[str, Any]) -> None:
    """The result as JSON, in one line."""
    say(json.dumps(value, default=str, ensure_ascii=False))


def say_note(text: str) -> None:
    """A remark for a person."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
