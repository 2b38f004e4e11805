"""How numbers and foreign text become words that are safe to print."""

from __future__ import annotations

import re
from collections.abc import Sequence

# ECMA-48: CSI sequences, strings (OSC, DCS, APC, PM, SOS) with their terminator, then two-byte escapes.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]P_^X]|[\x9d\x90\x9f\x9e\x98])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"
    r"|\x1b[ -/]*[0-~]?"
)
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_NOT_CHARACTERS = re.compile("[\ud800-\udfff\ufffe\uffff]")


def plain(text: str) -> str:
    """*text* without what steers a terminal or cannot stand in XML 1.0 or UTF-8.

    Escape sequences, control characters and bidirectional overrides go; lone surrogates and noncharacters
    become U+FFFD; line ends become ``\\n``. Tabs stay. Logs of a pod are other people's bytes: a colour is
    harmless, a sequence that rewrites the screen is not.
    """
    if text.isprintable():
        return text
    text = _LINE_ENDS.sub("\n", _ESCAPES.sub("", text))
    return _NOT_CHARACTERS.sub("\ufffd", _INVISIBLE.sub("", text))


def one_line(text: str) -> str:
    """*text* on one line: every run of white space is one space."""
    return " ".join(text.split())


def duration(seconds: float) -> str:
    """``2.1 s``, ``1 min 05 s``, ``1 h 02 min``."""
    if seconds < 59.95:
        return f"{max(seconds, 0.0):.1f} s"
    return whole_seconds(seconds)


def whole_seconds(seconds: float) -> str:
    """The same without tenths, for a figure that is still counting: ``2 s``."""
    total = max(int(seconds + 0.5), 0)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60:02d} s"
    return f"{total // 3600} h {total % 3600 // 60:02d} min"


def roughly(seconds: float) -> str:
    """A figure from experience, as exact as that is: ``0.3 s``, ``12 s``; never nothing."""
    return f"{max(seconds, 0.1):.1f} s" if seconds < 0.95 else whole_seconds(seconds)


def stopwatch(seconds: float) -> str:
    """``00:03``, ``1:02:03``: when a line was written, counted from the start of the run."""
    total = max(int(seconds), 0)
    minutes = f"{total % 3600 // 60:02d}:{total % 60:02d}"
    return f"{total // 3600}:{minutes}" if total >= 3600 else minutes


def count(number: int, noun: str) -> str:
    """``1 object``, ``2 objects``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def some(names: Sequence[str], most: int = 5) -> str:
    """``a, b, c`` or, beyond *most*, ``a, b, c and 4 more``."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
