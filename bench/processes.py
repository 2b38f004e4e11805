"""Programs that are measured: started, timed, and read line by line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.generated import NAME
from bench.program import MEMORY_FILE
from tasks.checkout import CHECKOUT

INV = (sys.executable, "-m", "invoke")


class Broken(Exception):
    """A program that is measured ended with an error; the message has its last words."""


@dataclass(frozen=True)
class Ran:
    """How a program ran: *seconds* from its start to its end, *memory* at its highest in bytes (0: unknown),
    *told* its lines of JSON, when it printed any."""

    seconds: float
    memory: int = 0
    told: tuple[dict[str, Any], ...] = ()

    @property
    def finished(self) -> dict[str, Any]:
        """The last line of a run of allup."""
        return self.told[-1] if self.told else {}

    @property
    def engine(self) -> float:
        """Seconds of a run of allup from connect to report."""
        return float(self.finished["seconds"])


def run(command: Sequence[str], on_line: Callable[[str], None] = lambda _: None) -> Ran:
    """Runs *command* to its end, in this checkout; *on_line* gets each line as it is printed. Raises Broken
    for an exit code other than 0."""
    with tempfile.TemporaryFile("w+") as errors:
        started = time.monotonic()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, text=True, cwd=CHECKOUT
        )
        lines = []
        with process:
            for line in process.stdout or ():
                on_line(line)
                lines.append(line)
        elapsed = time.monotonic() - started
        if process.returncode:
            errors.seek(0)
            words = (errors.read() + "".join(lines)).strip()[-600:]
            raise Broken(f"{' '.join(command)} ended with {process.returncode}: {words}")
    return Ran(elapsed, told=tuple(_told(lines)))


def allup(
    folder: Path, task: str, context: str, *flags: str, on_line: Callable[[str], None] = lambda _: None
) -> Ran:
    """Runs a task of the platform generated in *folder*, with ``--json``."""
    program = (sys.executable, "-m", "bench.program", str(folder), f"{NAME}.{task}")
    with tempfile.NamedTemporaryFile() as memory:
        os.environ[MEMORY_FILE] = memory.name
        try:
            ran = run((*program, "--context", context, "--json", *flags), on_line)
        finally:
            del os.environ[MEMORY_FILE]
        return Ran(ran.seconds, int(memory.read() or 0), ran.told)


def _told(lines: Sequence[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines if line.startswith("{")]
