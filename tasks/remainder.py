"""What stands behind ``--`` on the command line, word by word: Invoke keeps it as one text, quotes lost."""

from __future__ import annotations

import sys


def remainder() -> tuple[str, ...]:
    """The words, none when there is no ``--``."""
    return tuple(sys.argv[sys.argv.index("--") + 1 :]) if "--" in sys.argv else ()
