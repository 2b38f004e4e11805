"""The embedded cluster: a real Kubernetes control plane with simulated nodes, no root, no containers.

::

    sandboxes = Sandboxes(Path.cwd(), os.environ)
    status = sandboxes.up("sandbox", progress=print)
    ...                               # status.kubeconfig, status.context
    sandboxes.down("sandbox")

With ``up(…, real=True)`` it has one node that runs containers (Linux, root): see allup.sandbox.node. Images
come from registries, or from files with ``load_image(name, tar)``.

How a test makes a pod that goes wrong: see allup.sandbox.stages.
"""

from __future__ import annotations

from collections.abc import Mapping

from allup.sandbox.progress import Progress, Step, progress_to, silent
from allup.sandbox.sandboxes import DEFAULT_NAME, Sandboxes
from allup.sandbox.status import DEFAULT_NODES, ProcessStatus, SandboxStatus

__all__ = [
    "DEFAULT_NAME",
    "DEFAULT_NODES",
    "ProcessStatus",
    "Progress",
    "SandboxStatus",
    "Sandboxes",
    "Step",
    "build_tools",
    "progress_to",
    "silent",
]


def build_tools(environ: Mapping[str, str], *, real: bool = False, progress: Progress = silent) -> None:
    """Build what the sandbox runs, and with *real* what a real node runs, unless it is built; see build."""
    from allup.sandbox import build

    tools = (*build.TOOLS, *build.NODE_TOOLS) if real else build.TOOLS
    build.build_tools(environ, progress=progress, tools=tools)
