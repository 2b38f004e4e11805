"""The words after a task's name, for tasks that take as many as they are given."""

from __future__ import annotations

from collections.abc import Sequence


def words_after(names: Sequence[str], with_value: Sequence[str], argv: Sequence[str]) -> list[str]:
    """What follows the first of *names* in *argv* and is no flag, up to ``--`` or another task's name
    (of the same collection, or of ``cluster``: a host's name has dots too).

    *with_value* are the flags whose next word is their value.
    """
    collections = {"cluster", *(name.partition(".")[0] for name in names)}
    rest = iter(argv)
    for word in rest:
        if word in names:
            break
    found: list[str] = []
    for word in rest:
        collection, dot, _ = word.partition(".")
        if word == "--" or (dot and collection in collections):
            break
        if word in with_value:
            next(rest, None)
        elif not word.startswith("-"):
            found.append(word)
    return found
