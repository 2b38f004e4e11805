"""A terminal lent to a command in a container: keys go there as they are typed, and it knows our size."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from allup.cluster.streams import CommandResult, drive
from allup.cluster.websockets import Channels

SHELL = (
    "sh",
    "-c",
    'export TERM="${TERM:-xterm}"; if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi',
)
"""bash where there is one, else sh."""


def lend(channels: Channels, stdin: int, stdout: int) -> CommandResult:
    """Runs an open command (with tty) on this terminal to its end; the terminal is as before afterwards."""
    with _resizes() as wake, _raw(stdin):
        return drive(
            channels,
            out=_writer(stdout),
            err=_writer(stdout),
            source=stdin,
            wake=wake,
            resized=lambda: size(stdout),
        )


def size(descriptor: int) -> tuple[int, int] | None:
    """Columns and rows of a terminal, None when it has none."""
    try:
        found = os.get_terminal_size(descriptor)
    except OSError:
        return None
    return (found.columns, found.lines) if found.columns and found.lines else None


def _writer(descriptor: int) -> Callable[[bytes], object]:
    def write(data: bytes) -> None:
        while data:
            data = data[os.write(descriptor, data) :]

    return write


@contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    sys.stdout.flush()
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def _resizes() -> Iterator[int]:
    """A descriptor that can be read after the terminal's size has changed."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def changed(number: int, frame: FrameType | None) -> None:
        try:
            os.write(writing, b"x")
        except BlockingIOError:
            pass

    before = signal.signal(signal.SIGWINCH, changed)
    try:
        yield reading
    finally:
        signal.signal(signal.SIGWINCH, before)
        os.close(reading)
        os.close(writing)
