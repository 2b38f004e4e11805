"""The one gate to all reports: every text of a piece of progress is made harmless and its secrets are masked.

Done on the values, before anything is cut to a column's width, escaped or wrapped: half a secret at the edge
of a table would not be recognised any more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

from allup.report.text import plain
from allup.run.progress import Progress

# Words of a closed set that reports compare; a secret that happens to be such a word tells nobody anything.
_WORDS_OF_OURS = frozenset(("verb", "outcome", "cause"))
P = TypeVar("P", bound=Progress)


def scrubber(mask: Callable[[str], str]) -> Callable[[str], str]:
    """A function that makes foreign text fit to print: masked, without control characters.

    Masked twice: a secret may contain control characters, and may come to light when others are removed.
    """

    def scrub(text: str) -> str:
        hidden = mask(text)
        clean = plain(hidden)
        return clean if clean == hidden else mask(clean)

    return scrub


def masked(progress: P, scrub: Callable[[str], str]) -> P:
    """*progress* with every text in it replaced by ``scrub(text)``, in keys and nested values too.

    Walks whatever fields there are, so a field added later is covered without being listed here.
    """
    result: P = _walk(progress, scrub)
    return result


def _walk(value: Any, scrub: Callable[[str], str]) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, tuple):
        return tuple(_walk(item, scrub) for item in value)
    if isinstance(value, Mapping):
        return {_walk(key, scrub): _walk(item, scrub) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        texts = {
            field.name: _walk(getattr(value, field.name), scrub)
            for field in dataclasses.fields(value)
            if field.name not in _WORDS_OF_OURS
        }
        return dataclasses.replace(value, **texts)
    return value
