"""A verb: what a task is called, what it says of itself, its flags, and what runs it.

What runs it is imported when it runs: ``inv --list`` must not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from invoke.context import Context

from tasks.flags import WHERE
from tasks.platform_folder import PlatformFolder


@dataclass(frozen=True)
class Call:
    """One verb, called with flags."""

    context: Context
    platform: PlatformFolder
    verb: Verb
    given: Mapping[str, Any]

    @property
    def words(self) -> list[str]:
        """The words that follow the task's name (see ``Verb.words``)."""
        found = [self.given.get(f"word_{number}") for number in range(1, self.verb.words + 1)]
        return [str(word) for word in found if word]


@dataclass(frozen=True)
class Verb:
    """*body* is ``module:function`` in this package; *example* has ``P.`` for the collection.

    *positional* are words that have to be given; *optional* is one that may be left out.
    *words* is how many further words it takes at most, none of them required (``given["word_1"]`` …).
    *settings* says whether the platform's settings are flags of it; *component* is the one it is about.
    """

    name: str
    help: str
    example: str
    body: str
    flags: tuple[str, ...] = WHERE
    settings: bool = False
    positional: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    component: str = ""
    words: int = 0

    @property
    def run(self) -> Callable[[Call], None]:
        """The function that does it."""
        module, _, function = self.body.partition(":")
        found: Callable[[Call], None] = getattr(import_module(f"tasks.{module}"), function)
        return found
