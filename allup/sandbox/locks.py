"""One at a time, between processes: an advisory lock on a file, freed by the kernel when its holder dies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from allup.errors import LockHeld
from allup.sandbox.clock import Clock, poll


@contextmanager
def file_lock(
    path: Path, *, clock: Clock, timeout: float, doing: str, waiting: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold *path* for the time of the block; LockHeld once *timeout* seconds have passed.

    *waiting* is called at every try that finds it taken, *doing* says what for.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def take() -> TextIO | None:
        file = path.open("a")
        if _locked(file, path):
            return file
        file.close()
        waiting()
        return None

    file = poll(take, clock=clock, timeout=timeout, interval=0.1)
    if file is None:
        raise LockHeld(
            doing,
            f"another run has been at it for more than {timeout:.0f} s and holds {path}",
            next_step="Wait for it or end it, then run the same command again",
        )
    with file:
        yield


def _locked(file: TextIO, path: Path) -> bool:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its last holder may have removed the file: then this is a lock on nothing.
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False
