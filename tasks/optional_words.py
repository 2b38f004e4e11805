"""A positional that may be left out, which Invoke does not have: one with a default is never given, one
without is required. So it is declared only when the command line has a word for it."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import Any

from invoke.parser.argument import Argument
from invoke.tasks import Task

TASKS: set[str] = set()
"""The names of all tasks, once they are made: such a word begins the next one."""


def word_follows(called: Collection[str], arguments: Sequence[Argument], argv: Sequence[str]) -> bool:
    """True when the task (by one of the names it is *called*) is followed by a word that is neither a flag
    nor the value of one of its *arguments*."""
    starts = [i for i, word in enumerate(argv) if i and word in called]
    rest = list(argv[starts[0] + 1 :]) if starts else []
    with_value = {f"--{name}" for argument in arguments if argument.takes_value for name in argument.names}
    while rest and rest[0] != "--" and rest[0] not in TASKS:
        word = rest.pop(0)
        if not word.startswith("-"):
            return True
        if word in with_value and rest:
            rest.pop(0)
    return False


class TaskWithOptionalWords(Task[Any]):
    """A task whose positionals may be left out; *collection* is set by the module that makes it."""

    collection = "cluster"

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """The arguments; the positional ones are flags like the others when no word is there for them."""
        arguments = super().get_arguments(ignore_unknown_help)
        flags = [argument for argument in arguments if not argument.positional]
        follows = word_follows({f"{self.collection}.{self.name}"}, flags, sys.argv)
        for argument in arguments:
            if argument.positional:
                argument.positional = follows
                # With a default it would count as given already.
                argument.default = None if follows else argument.default
        return arguments
