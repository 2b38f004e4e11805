"""Questions, asked only where an answer matters and a person is there."""

from __future__ import annotations

import sys

from allup import InputError


def confirm(what: str, yes: object) -> None:
    """Returns when the person agrees, or said ``--yes``; raises InputError otherwise."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError(what.rstrip("."), "nobody is there to ask", next_step="Say --yes if you mean it")
    sys.stderr.write(f"{what} Type yes to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "yes":
        raise InputError("nothing was done", "you did not say yes")
