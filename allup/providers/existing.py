"""Clusters that are simply there: GKE, EKS, AKS, anybody's. Nothing makes or stops them from here."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from allup.daily.reaching import addresses
from allup.errors import AllupError
from allup.fields import items, text
from allup.providers.interface import ClusterState, Lacking, NodeState
from allup.redaction import Redactor

if TYPE_CHECKING:
    from allup.cluster.requests import Api

KIND = "existing"


@dataclass(frozen=True)
class Existing(Lacking):
    """The cluster of the context *name* in *files*, a kubeconfig or several between colons."""

    who = "an existing cluster"
    lacks: ClassVar = {
        "up": ("is neither made nor started from here", "Its own tools do (gcloud, aws, az …)"),
        "down": ("is not stopped from here", "Its own tools do (gcloud, aws, az …)"),
        "delete": ("is not deleted from here", "Its own tools do (gcloud, aws, az …)"),
        "logs": (
            "keeps the logs of its nodes to itself",
            "Ask its own tools; inv PLATFORM.logs has the pods'",
        ),
        "load": ("pulls its images", "Push the image to a registry it reaches: inv images.push"),
        "docker_environment": ("lends no engine", "Build here and push: inv images.build, inv images.push"),
        "mount": ("sees no folder of this machine", "Build an image with the sources, or use a volume"),
        "addons": ("has no addons that allup knows of", "Its own tools enable what it offers"),
    }

    name: str
    files: str
    kind: str = KIND

    @property
    def context(self) -> str:
        """It is known by its context."""
        return self.name

    def status(self) -> ClusterState:
        """What the cluster itself says; ``unknown`` with the reason when it does not answer."""
        from allup.cluster.connect import server_version

        try:
            api = self.api()
            version = server_version(api)
            nodes = self.nodes(api)
        except AllupError as error:
            return ClusterState(self.kind, self.name, "unknown", self.context, why=str(error))
        facts = (("server", api.server), ("Kubernetes", version), ("kubeconfig", self.files))
        return ClusterState(self.kind, self.name, "running", self.context, tuple(map(_node, nodes)), facts)

    def list(self) -> Sequence[ClusterState]:
        """Itself: nobody knows of others."""
        return [self.status()]

    def kubeconfig(self) -> Path:
        """The user's, as it is. Raises InputError when it is not there or has no such context."""
        self.api()
        return Path(self.files)

    def address(self) -> str:
        """The first address that its nodes tell, an external one if there is any."""
        found = next(iter(addresses(self.nodes(self.api()))), "")
        if not found:
            raise AllupError(f"context {self.name!r}", "no node of it tells an address")
        return found

    def api(self) -> Api:
        """A connection as the kubeconfig says."""
        from allup.cluster.connect import connect

        return connect(self.files, self.name, redactor=Redactor(), stop=threading.Event(), patience=2.0)

    def nodes(self, api: Api) -> Sequence[Mapping[str, Any]]:
        """Its nodes; none where they may not be listed."""
        try:
            found: Sequence[Mapping[str, Any]] = api.get("/api/v1/nodes")["items"]
        except AllupError:
            return ()
        return found


def _node(node: Mapping[str, Any]) -> NodeState:
    labels = node["metadata"].get("labels") or {}
    role = "control-plane" if "node-role.kubernetes.io/control-plane" in labels else "worker"
    ready = next((c for c in items(node, "status", "conditions") if c.get("type") == "Ready"), {})
    state = "Ready" if ready.get("status") == "True" else "NotReady"
    where = next((text(a, "address") for a in items(node, "status", "addresses")), "")
    return NodeState(node["metadata"]["name"], role, state, where)
