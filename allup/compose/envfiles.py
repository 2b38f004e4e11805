"""Files of variables: ``.env`` and what ``env_file`` and ``label_file`` name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from allup.compose.interpolation import Refused, interpolate
from allup.errors import InputError

_LINE = re.compile(r"(?:export\s+)?([^\s=:#]+)\s*(?:([=:])[ \t]*(.*))?", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def parse(text: str, name: str, variables: Mapping[str, str], *, raw: bool = False) -> dict[str, str]:
    """The variables of a file; *variables* are those its values may refer to, besides earlier lines.

    A bare ``NAME`` takes its value from *variables*, and is left out when there is none. In a *raw* file
    everything after ``=`` is the value. Raises InputError with file and line.
    """
    found: dict[str, str] = {}
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        number, line = at + 1, lines[at].strip()
        at += 1
        if not line or line.startswith("#"):
            continue
        if raw:
            key, equals, value = line.partition("=")
            if equals:
                found[key] = lines[number - 1].partition("=")[2]
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputError(f"{name}:{number}", "is not NAME=value", next_step="Put # before a comment")
        key, sign, value = match.groups()
        if sign is None:
            if key in variables:
                found[key] = variables[key]
            continue
        quote = value[:1]
        if quote in ("'", '"'):
            while _end(value, quote) < 0 and at < len(lines):
                value += "\n" + lines[at]
                at += 1
            end = _end(value, quote)
            if end < 0:
                raise InputError(f"{name}:{number}", f"a {quote} begins a text here that does not end")
            value = value[1:end]
            if quote == '"':
                value = re.sub(
                    r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1] if m[1] in '"\\$' else m[0]), value
                )
        else:
            value = re.split(r"\s#", value)[0].strip()
        if quote != "'":
            try:
                value = interpolate(value, {**found, **variables})
            except Refused as error:
                raise InputError(f"{name}:{number}", str(error)) from None
        found[key] = value
    return found


def _end(value: str, quote: str) -> int:
    """Where the closing quote is, -1 when it is not there."""
    at = 1
    while at < len(value):
        if value[at] == "\\" and quote == '"':
            at += 1
        elif value[at] == quote:
            return at
        at += 1
    return -1
