"""Tasks with an argument that may be left out: ``inv k8s.secrets`` and ``inv k8s.secrets license``."""

from __future__ import annotations

from typing import Any

from invoke.parser.argument import Argument
from invoke.tasks import Task


class OptionalArgument(Task[Any]):
    """A task whose positional argument is ``""`` when it is not given.

    Invoke takes a word as an argument only as long as that argument has no value yet, and then insists on
    one. So it has a default unless *given* says, from a look at the command line, that a word is there.
    """

    given = False

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """The flags and the argument, which has a default unless it is given."""
        arguments = super().get_arguments(ignore_unknown_help)
        return [self._optional(argument) if argument.positional else argument for argument in arguments]

    def _optional(self, argument: Argument) -> Argument:
        return Argument(
            name=argument.name, positional=True, default=None if self.given else "", help=argument.help
        )
