"""jq expressions: live values and checks. Compiled once each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from allup.errors import InputError


def first(expression: str, value: object, arguments: Mapping[str, Any] | None = None) -> Any:
    """The first result of *expression* on *value*, None when there is none.

    Raises InputError when the expression is not jq, ValueError when it does not apply to the value.
    """
    program = _compiled(expression, tuple(sorted((arguments or {}).items())))
    return next(iter(program.input_value(value)), None)


def all_results(expression: str, value: object) -> list[Any]:
    """Every result of *expression* on *value*; errors as in ``first``."""
    return list(_compiled(expression, ()).input_value(value))


@lru_cache(maxsize=256)
def _compiled(expression: str, arguments: tuple[tuple[str, Any], ...]) -> Any:
    import jq

    try:
        return jq.compile(expression, args=dict(arguments))
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"jq expression {expression!r}", f"is not understood ({reason})") from None
