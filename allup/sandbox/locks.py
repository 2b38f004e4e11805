"""One at a time, between processes: an advisory lock on a file, freed by the kernel when its holder dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from allup.errors import LockHeld
from allup.sandbox.clock import Clock, poll


@contextmanager
def file_lock(
    path: Path, *, clock: Clock, timeout: float, doing: str, waiting: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold *path* for the time of the block; LockHeld once *timeout* seconds have passed.

    *waiting* is called at every try that finds it taken, *doing* says what for.
    """
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a") as file:

        def take() -> bool | None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                return None
            return True

        if poll(take, clock=clock, timeout=timeout, interval=0.1) is None:
            raise LockHeld(
                doing,
                f"another run has been at it for more than {timeout:.0f} s and holds {path}",
                next_step="Wait for it or end it, then run the same command again",
            )
        yield
