"""What the reports have in common: they take progress, and they are closed, whatever happened."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from allup.run.progress import Progress


class Part:
    """One report of a run, a context manager. ``__call__`` is called by one thread at a time."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(in_words(error))

    def __call__(self, progress: Progress) -> None:
        """Takes one piece of progress."""
        raise NotImplementedError

    def tick(self) -> None:
        """Time has passed and nothing was reported; a chance to say what is waited for."""

    def close(self, error: str = "") -> None:
        """No more progress will come; *error* says why the run was left, ``""`` when it was not."""


def in_words(error: BaseException | None) -> str:
    """What ended a run, as one paragraph: ``str()`` of an AllupError, else the kind of error and its text."""
    from allup.errors import AllupError

    if error is None:
        return ""
    if isinstance(error, AllupError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted."
    return f"{type(error).__name__}: {error}"
