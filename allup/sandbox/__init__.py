"""The embedded cluster: a real Kubernetes control plane with simulated nodes, no root, no containers.

::

    sandboxes = Sandboxes(Path.cwd(), os.environ)
    status = sandboxes.up("sandbox", progress=print)
    ...                               # status.kubeconfig, status.context
    sandboxes.down("sandbox")

How a test makes a pod that goes wrong: see allup.sandbox.stages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from allup.sandbox.progress import Progress, Step, progress_to, silent
from allup.sandbox.sandboxes import DEFAULT_NAME, Sandboxes
from allup.sandbox.status import DEFAULT_NODES, ProcessStatus, SandboxStatus

if TYPE_CHECKING:
    from pathlib import Path

    from allup.sandbox.doctor import Finding

__all__ = [
    "DEFAULT_NAME",
    "DEFAULT_NODES",
    "ProcessStatus",
    "Progress",
    "SandboxStatus",
    "Sandboxes",
    "Step",
    "build_tools",
    "doctor",
    "progress_to",
    "silent",
]


def build_tools(environ: Mapping[str, str], *, progress: Progress = silent) -> None:
    """Build what the sandbox runs, unless it is built already; see allup.sandbox.build.build_tools."""
    from allup.sandbox import build

    build.build_tools(environ, progress=progress)


def doctor(checkout: Path, environ: Mapping[str, str]) -> list[Finding]:
    """What stands in the way of a sandbox on this machine; see allup.sandbox.doctor."""
    from allup.sandbox.doctor import examine

    return examine(checkout, environ)
