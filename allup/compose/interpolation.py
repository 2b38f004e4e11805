"""``$VAR`` and ``${VAR…}`` in a compose file's values.

====================  ==============  ==============  =====
form                  unset           empty           set
====================  ==============  ==============  =====
``$V`` ``${V}``       empty, warning  empty           value
``${V:-d}`` ``${V-d}``  d / d         d / empty       value
``${V:?m}`` ``${V?m}``  refused       refused / empty value
``${V:+a}`` ``${V+a}``  empty         empty / a       a
``$$``                a literal ``$``
====================  ==============  ==============  =====

d, m and a may hold further references. A ``$`` before anything else stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from allup.compose.source import Fields, Items, Node, Text, refuse

_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")


class Refused(ValueError):
    """What is wrong with a reference, in words."""


def interpolate(
    text: str, variables: Mapping[str, str], unset: Callable[[str], None] = lambda _: None
) -> str:
    """*text* with its references replaced; *unset* hears of each variable that has no value and no default.

    Raises Refused for what is not sound and for ``${V?m}`` without a value.

    >>> interpolate("${TAG:-${OS:-linux}}-$$1", {"TAG": ""})
    'linux-$1'
    """
    out: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        out.append(text[at:dollar])
        at = dollar + 1
        if text.startswith("$", at):
            out.append("$")
            at += 1
        elif text.startswith("{", at):
            end = _closing(text, at + 1)
            out.append(_braced(text[at + 1 : end], variables, unset))
            at = end + 1
        elif name := _NAME.match(text, at):
            out.append(_value(name[0], variables, unset))
            at = name.end()
        else:
            out.append("$")
    out.append(text[at:])
    return "".join(out)


def _closing(text: str, at: int) -> int:
    depth, start = 1, at
    while at < len(text):
        if text.startswith("$$", at) or text.startswith("${", at):
            depth += text[at + 1] == "{"
            at += 2
            continue
        depth -= text[at] == "}"
        if not depth:
            return at
        at += 1
    raise Refused(f"${{{text[start:]} is not closed by a brace")


def _braced(inside: str, variables: Mapping[str, str], unset: Callable[[str], None]) -> str:
    name = _NAME.match(inside)
    rest = inside[name.end() :] if name else inside
    operator = next((o for o in _OPERATORS if rest.startswith(o)), "")
    if name is None or (rest and not operator):
        raise Refused(f"${{{inside}}} is not a reference to a variable")
    if not operator:
        return _value(name[0], variables, unset)
    value = variables.get(name[0])
    given = bool(value) if operator[0] == ":" else value is not None
    other = rest[len(operator) :]
    match operator[-1]:
        case "-":
            return value or "" if given else interpolate(other, variables, unset)
        case "+":
            return interpolate(other, variables, unset) if given else ""
        case _:
            if given:
                return value or ""
            said = interpolate(other, variables, unset)
            raise Refused(f"the variable {name[0]} has no value{f': {said}' if said else ''}")


def _value(name: str, variables: Mapping[str, str], unset: Callable[[str], None]) -> str:
    if name not in variables:
        unset(name)
    return variables.get(name, "")


def interpolated(node: Node, variables: Mapping[str, str], unset: Callable[[str, Text], None]) -> Node:
    """A tree with the references in its values replaced, keys left alone. Raises InputError at their line.

    What was replaced counts as quoted, so ``012`` from a variable stays that text.
    """
    if isinstance(node, Text):
        if "$" not in node.value:
            return node
        try:
            value = interpolate(node.value, variables, lambda name: unset(name, node))
        except Refused as error:
            refuse(node.place, str(error), next_step="Write $$ where a literal $ is meant")
        return replace(node, value=value, plain=False)
    if isinstance(node, Items):
        return replace(node, items=tuple(interpolated(item, variables, unset) for item in node.items))
    entries = {key: interpolated(value, variables, unset) for key, value in node.entries.items()}
    return Fields(entries, node.place, node.tag, node.lines)
