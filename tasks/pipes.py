"""What happens when whoever reads our output leaves first, as ``inv --list | head`` does."""

from __future__ import annotations

import os
import sys
from types import TracebackType

EXIT_CODE = 141
"""What a shell shows for a program that SIGPIPE ended."""


def forget_the_rest() -> None:
    """What is still buffered goes nowhere, or Python complains at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def leave_quietly() -> None:
    """Invoke prints its lists outside of any task's body: there too, a reader who left is no error."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, BrokenPipeError):
            before(kind, error, trace)
            return
        forget_the_rest()
        os._exit(EXIT_CODE)  # the interpreter itself would leave with 1

    sys.excepthook = hook
