"""Tasks that one platform has beside the verbs of all: made of what its definition declares."""

from __future__ import annotations

from collections.abc import Iterator

from allup.model.extras import ListChildren, RunTrials
from allup.model.platform import Platform
from tasks.flags import WHERE
from tasks.verb import Verb


def verbs(platform: Platform) -> Iterator[Verb]:
    """A verb per declared task; their names do not depend on settings."""
    for task in platform.tasks:
        match task:
            case ListChildren():
                yield Verb(
                    task.name,
                    f"{task.help}\n\n--stop NAME ends one, --stop all ends all of them.",
                    f"P.{task.name}",
                    "extra_bodies:children",
                    (*WHERE, "json", "stop", "yes"),
                )
            case RunTrials():
                yield Verb(
                    task.name, task.help, f"P.{task.name}", "extra_bodies:trials", (*WHERE, "json", "check")
                )
            case _:
                yield Verb(
                    task.name, task.help, f"P.{task.name}", "extra_bodies:command", (*WHERE, "json", "check")
                )
