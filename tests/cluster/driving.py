"""Runs in processes of their own, one after the other, each ended at a write of its own or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.driver_for_tests import SIGNALLED, WROTE
from tests.cluster.platforms_for_tests import Instance

ROOT = Path(__file__).parents[2]
DRIVER = Path(__file__).parent / "driver_for_tests.py"


def a_second() -> float:
    """A second, within which a run must end after Ctrl-C; where several programs want each core, in
    proportion more."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@dataclass(frozen=True)
class Ended:
    """A run that has ended. *code* is negative for a signal; *after* the seconds from the signal to the end,
    None when the run had ended before that write."""

    code: int
    output: str
    after: float | None

    @property
    def writes(self) -> list[str]:
        """``METHOD path`` of each write, of a run that was left alone."""
        return [line.removeprefix(f"{WROTE} ") for line in self.output.splitlines() if line.startswith(WROTE)]

    @property
    def struck(self) -> str:
        """``METHOD path`` of the write at which the signal came."""
        found = [line for line in self.output.splitlines() if line.startswith(SIGNALLED)]
        return found[0].split(maxsplit=2)[2] if found else ""

    @property
    def last(self) -> str:
        """The last thing it reported."""
        reported = [line for line in self.output.splitlines() if "(" in line]
        return reported[-1] if reported else ""


class Drivers:
    """Starts the processes; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._output = folder / "driver-output"
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._server = subprocess.Popen(
            [sys.executable, str(DRIVER), "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environ,
            cwd=ROOT,
        )

    def __enter__(self) -> Drivers:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(30)
        assert self._server.stdout is not None
        self._server.stdout.close()

    def run(
        self,
        instance: Instance,
        platform: str,
        verb: str,
        *,
        at: int = 0,
        number: signal.Signals = signal.SIGKILL,
    ) -> Ended:
        """A run that gets that signal at write *at* (0: never)."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        where = [str(instance.kubeconfig), instance.context, instance.name, platform]
        words = [str(self._output), verb, *where, str(at), number.name]
        self._server.stdin.write(json.dumps(words) + "\n")
        self._server.stdin.flush()
        code, ended = json.loads(self._server.stdout.readline())
        output = self._output.read_text()
        signalled = [line.split()[1] for line in output.splitlines() if line.startswith(SIGNALLED)]
        return Ended(code, output, ended - float(signalled[0]) if signalled else None)
