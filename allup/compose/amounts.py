"""Durations, sizes and command lines as Compose writes them."""

from __future__ import annotations

import math
import re
import shlex

from allup.compose.source import Items, Node, Text, refuse, text, texts

_PART = re.compile(r"(\d+(?:\.\d+)?)(us|µs|ms|s|m|h)")
_SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(b|k|kb|m|mb|g|gb|t|tb)?", re.IGNORECASE)
_POWERS = {"b": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def seconds(node: Node, what: str) -> float:
    """``1m30s`` as seconds. Raises InputError, also for a number without a unit, as Compose does."""
    written = text(node, what)
    parts = _PART.findall(written)
    if not parts or "".join(n + u for n, u in parts) != written.replace(" ", ""):
        if written == "0":
            return 0
        refuse(node.place, f"{what} is {written!r} and has to be a duration", next_step="Such as 1m30s")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def whole_seconds(node: Node, what: str) -> int:
    """The same, rounded up, at least one: what a probe takes."""
    return max(1, math.ceil(seconds(node, what)))


def bytes_(node: Node, what: str) -> int:
    """``512M``, ``1.5gb`` or a number of bytes, by powers of 1024. Raises InputError."""
    match = _SIZE.fullmatch(text(node, what).strip())
    if match is None:
        refuse(node.place, f"{what} is {text(node, what)!r} and has to be a size", next_step="Such as 512m")
    return int(float(match[1]) * 1024 ** _POWERS[(match[2] or "b")[0].lower()])


def quantity(size: int) -> str:
    """Bytes as Kubernetes writes them.

    >>> quantity(50 * 1024**2), quantity(1536 * 1024**2), quantity(1000)
    ('50Mi', '1536Mi', '1000')
    """
    for unit, power in (("Gi", 3), ("Mi", 2), ("Ki", 1)):
        if size and size % 1024**power == 0:
            return f"{size // 1024**power}{unit}"
    return str(size)


def cpus(node: Node, what: str) -> str:
    """A number of CPUs as a quantity: ``0.5`` is ``500m``."""
    written = text(node, what)
    try:
        milli = round(float(written) * 1000)
    except ValueError:
        refuse(node.place, f"{what} is {written!r} and has to be a number")
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def words(node: Node | None, what: str) -> list[str] | None:
    """A command: a list as it is, a text split as a shell splits words (and no shell runs); None for the
    image's own. Raises InputError for a quote that does not end."""
    if node is None:
        return None
    if isinstance(node, Items):
        return [one.text for one in texts(node, what)]
    if not isinstance(node, Text):
        refuse(node.place, f"{what} has to be a text or a list")
    try:
        return shlex.split(node.text)
    except ValueError:
        refuse(node.place, f"{what} has a quote that does not end: {node.text!r}")
