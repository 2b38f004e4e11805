"""The edge of the program: whatever a task's body raises becomes one paragraph and an exit code."""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ParamSpec, TypeVar

from invoke.exceptions import Exit, ParseError, UnexpectedExit

from allup.errors import AllupError, ApiError, ClusterError, Terminated
from tasks import pipes, withheld

P = ParamSpec("P")
R = TypeVar("R")

_CANNOT_WRITE = {
    errno.ENOSPC: "the disk is full. Make room there, then run the same command again.",
    errno.EDQUOT: "your disk quota is used up. Make room there, then run the same command again.",
    errno.EACCES: "permission denied. Change the permissions, then run the same command again.",
    errno.ENOTDIR: "a file is where a folder should be. Move it, or choose another folder.",
    errno.EEXIST: "a file is where a folder should be. Move it, or choose another folder.",
    errno.EROFS: "the file system is read-only. Choose another folder.",
}


_maskings: list[Callable[[str], str]] = []


def masked_by(mask: Callable[[str], str]) -> None:
    """From now on whatever leaves here goes through *mask* first: tracebacks, and faults of ours."""
    _maskings.append(mask)


def edge(body: Callable[P, R]) -> Callable[P, R]:
    """Put between ``@task`` and a body, so that every failure leaves with its documented exit code.

    AllupError: its own code, 3 for what may not even be begun. Ctrl-C: 130. SIGTERM: 143. A disk or folder
    that cannot be written: 3. Anything else is a fault of ours: 1. ``ALLUP_DEBUG=1``, or ``--debug``, shows
    the traceback as well.
    """

    @functools.wraps(body)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        withheld.take()
        try:
            with _terminable():
                return body(*args, **kwargs)
        except (Exit, ParseError, UnexpectedExit):
            raise
        except BaseException as error:
            if isinstance(error, SystemExit | GeneratorExit):
                raise
            if debugging():
                sys.stderr.write(_masked(traceback.format_exc()))
            message, code = explain(error)
            raise Exit(annotated(message and _masked(message)), code) from error

    return guarded


def explain(error: BaseException) -> tuple[str | None, int]:
    """The paragraph (None: say nothing) and the exit code for *error*."""
    match error:
        case ApiError(status=403):
            # Nothing was written: what is forbidden later ends its component, and not the run.
            return str(error), ClusterError.exit_code
        case AllupError():
            return str(error), error.exit_code
        case KeyboardInterrupt():
            return "Interrupted.", 130
        case BrokenPipeError():
            pipes.forget_the_rest()
            return None, pipes.EXIT_CODE
        case OSError(errno=number, filename=file) if number in _CANNOT_WRITE:
            return f"{file or 'this machine'}: {_CANNOT_WRITE[number]}", 3
        case _:
            paragraph = (
                f"This is a fault in allup, not yours: {type(error).__name__}: {error}. "
                "Run the same command with ALLUP_DEBUG=1 for the traceback, and report it."
            )
            return paragraph, 1


def annotated(message: str | None) -> str | None:
    """*message* as an annotation where GitHub Actions runs us, so that it stands on the summary page."""
    if message is None or os.environ.get("GITHUB_ACTIONS") != "true":
        return message
    from allup.report import github

    return github.error("allup", message)


def _masked(text: str) -> str:
    for mask in _maskings:
        text = mask(text)
    return text


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return os.environ.get("ALLUP_DEBUG", "0") not in ("", "0") or "--debug" in sys.argv


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end a body as Ctrl-C does: through its ``finally`` blocks."""

    def terminated(number: int, frame: FrameType | None) -> None:
        raise Terminated("this run", "was terminated (SIGTERM)")

    try:
        before = signal.signal(signal.SIGTERM, terminated)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
