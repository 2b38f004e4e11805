"""The day's work with containers: shell, exec, forward …."""

from __future__ import annotations

from collections.abc import Iterator

from allup.model.platform import Platform
from tasks.verb import Verb


def verbs(platform: Platform) -> Iterator[Verb]:
    """The verbs of this kind."""
    yield from ()
