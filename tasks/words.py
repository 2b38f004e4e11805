"""The words after a task's name, for tasks that take as many as they are given."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TASK = re.compile(r"[a-z][\w-]*\.[a-z][\w-]*")


def words_after(names: Sequence[str], with_value: Sequence[str], argv: Sequence[str]) -> list[str]:
    """What follows the first of *names* in *argv* and is no flag, up to ``--`` or another task's name.

    *with_value* are the flags whose next word is their value.
    """
    rest = iter(argv)
    for word in rest:
        if word in names:
            break
    found: list[str] = []
    for word in rest:
        if word == "--" or _TASK.fullmatch(word):
            break
        if word in with_value:
            next(rest, None)
        elif not word.startswith("-"):
            found.append(word)
    return found
