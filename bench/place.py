"""Where it is measured: a sandbox of its own, and the facts of the machine that belong beside any figure."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from allup.sandbox import Sandboxes, SandboxStatus, build_tools
from allup.sandbox.build import built
from bench.delayed import written_stages
from tasks.checkout import CHECKOUT

SANDBOX = "bench"
STAGES = Path(__file__).parent / "stages"


@dataclass(frozen=True)
class Place:
    """A running sandbox, a folder to write in, and how to say something."""

    sandbox: SandboxStatus
    folder: Path
    say: Callable[[str], None]

    @property
    def context(self) -> str:
        """The sandbox's kubeconfig context."""
        return self.sandbox.context


@contextmanager
def place(folder: Path, say: Callable[[str], None], *, keep: bool) -> Iterator[Place]:
    """A fresh sandbox, deleted in the end unless *keep*."""
    sandboxes = Sandboxes(CHECKOUT, os.environ)
    sandboxes.delete(SANDBOX)
    try:
        build_tools(os.environ)
        tools = built(os.environ)
        assert tools is not None
        extra = [*sorted(STAGES.glob("*.yaml")), written_stages(tools.stages, folder / "platforms.yaml")]
        yield Place(sandboxes.up(SANDBOX, extra_stages=extra), folder, say)
    finally:
        if not keep:
            sandboxes.delete(SANDBOX)


def machine() -> str:
    """One line on this machine and how busy it is."""
    system = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, {system}, Python {platform.python_version()}, {busy()}"


def busy() -> str:
    """How many processes wanted to run during the last minute."""
    try:
        return f"load {os.getloadavg()[0]:.1f}"
    except OSError:
        return "load unknown"
