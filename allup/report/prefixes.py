"""What stands before each line of several logs: the pod and the container, a colour for each."""

from __future__ import annotations

import zlib

_COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)


class Prefixes:
    """Prefixes for lines. *several*: more than one source, so there is a prefix at all.

    A pod keeps its colour as long as it lives, whatever else is shown.
    """

    def __init__(self, *, several: bool, colour: bool) -> None:
        self._several = several
        self._colour = colour

    def of(self, pod: str, container: str) -> str:
        """``pod container | ``, coloured on a terminal, or ``""``."""
        if not self._several:
            return ""
        text = f"{pod} {container} | "
        if not self._colour:
            return text
        return f"\x1b[{_COLOURS[zlib.crc32(pod.encode()) % len(_COLOURS)]}m{text}\x1b[0m"
