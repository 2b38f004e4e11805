"""What a ``reana-cluster.yaml`` says, as values; and REANA 0.6.1 as it is without one.

The keys are those that reana-cluster 0.6.1 reads (``reana_cluster/configurations`` of its v0.6.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

RELEASE = "0.6.1"
SERVER, CONTROLLER, BROKER = "reana-server", "reana-workflow-controller", "reana-message-broker"
PARTS = (CONTROLLER, SERVER, BROKER)


@dataclass(frozen=True)
class Variable:
    """One variable of a part's environment; *where* is the ``file:line`` that says it, for messages."""

    name: str
    value: str
    where: str


@dataclass(frozen=True)
class Mount:
    """A folder of the node, and where a part's containers see it."""

    name: str
    node_path: str
    path: str


@dataclass(frozen=True)
class Part:
    """One of the three parts that the file describes."""

    image: str
    environment: tuple[Variable, ...] = ()
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The whole file. *version* is the Kubernetes version that it expects, *kubeconfig* and *context* the
    cluster it is meant for; an empty text is "not said". *lines* are ``file:line`` by dotted key, for
    messages."""

    version: str = ""
    kubeconfig: str = ""
    context: str = ""
    root_path: str = ""
    shared_volume_path: str = ""
    db_persistence_path: str = ""
    reana_url: str = ""
    debug: bool = False
    ui: bool = False
    eos: bool = False
    cephfs: bool = False
    cephfs_volume_size: int = 0
    parts: Mapping[str, Part] = field(default_factory=dict)
    lines: Mapping[str, str] = field(default_factory=dict)

    def where(self, key: str, setting: str) -> str:
        """Who said it: the line of the file, or else the setting."""
        return self.lines.get(key) or f"the setting {setting}"


DEFAULT = Layout(
    parts={
        CONTROLLER: Part(f"reanahub/reana-workflow-controller:{RELEASE}"),
        SERVER: Part(f"reanahub/reana-server:{RELEASE}"),
        BROKER: Part("reanahub/reana-message-broker:0.6.0"),
    }
)
"""Release 0.6.1 as its own file has it, with data on claims."""

SOURCES = {
    part: Mount(f"{part.removeprefix('reana-')}-code", f"/code/{part}", "/code")
    for part in (SERVER, CONTROLLER)
}
"""Where the sources of a part are mounted while it is developed, unless the file says it."""
