"""File and settings together: what is deployed, checked for what contradicts itself or loses data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from allup import InputError
from k8s.reana import layout as layouts
from k8s.reana.layout import BROKER, CONTROLLER, PARTS, SERVER, SOURCES, Layout, Part
from k8s.reana.names import refuse_impossible_profile
from k8s.reana.settings import Settings

NAMESPACE = "default"
KEPT_BY_MINIKUBE = (
    *("/data", "/var/lib/minikube", "/var/lib/docker", "/var/lib/containerd", "/var/lib/buildkit"),
    *("/var/lib/containers", "/var/lib/kubelet", "/var/lib/cni", "/tmp/hostpath_pv"),
    "/tmp/hostpath-provisioner",
)
"""What survives ``minikube stop`` with a VM driver; all the rest is in memory (Minikube's handbook,
"Persistent volumes")."""
LOGIN_OF_0_6 = ("test", "1234")
"""What reana-commons 0.6 takes when nobody tells it a login, and nobody tells the engines of a run."""
_HOST = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NODE_PORTS = range(30000, 32768)


@dataclass(frozen=True)
class Deployed:
    """*shared_path* is where containers see the workspaces, and with *shared_on_node* also the node's folder;
    *db_path* is the node's folder of the database, empty for a claim. *host* is the public host name."""

    layout: Layout
    parts: Mapping[str, Part]
    dev: bool
    ui: bool
    eos: bool
    shared_path: str
    shared_on_node: bool
    shared_size: str
    db_path: str
    host: str

    def said_by_file(self, part: str) -> dict[str, str]:
        """The variables that the file gives that part."""
        return {variable.name: variable.value for variable in self.parts[part].environment}


def deployed(s: Settings) -> Deployed:
    """Raises InputError for what cannot be, with the file's line or the setting that says it."""
    if s.namespace not in ("", NAMESPACE):
        raise InputError(
            f"the namespace {s.namespace!r}",
            f"is not one REANA {layouts.RELEASE} works in",
            evidence=f"Its programs make runs in {NAMESPACE!r} and look for the broker there, "
            "whatever they are told",
            next_step="Leave --namespace out; a second REANA needs a second cluster",
        )
    layout = layouts.DEFAULT
    if s.cluster_file:
        from k8s.reana.clusterfile import read

        layout = read(s.cluster_file)
    if s.minikube_profile:
        refuse_impossible_profile(s.minikube_profile)
    if s.server_node_port is not None:
        _refuse_impossible_port(s)
    dev = layout.debug if s.dev is None else s.dev
    parts = _parts(s, layout, dev)
    shared_path, on_node = _shared(s, layout)
    host = s.reana_url or layout.reana_url
    if host and not _HOST.fullmatch(host):
        raise InputError(
            layout.where("cluster.reana_url", "reana_url") if not s.reana_url else "the setting reana_url",
            f"{host!r} is not a host name",
            next_step="Write it without https:// and without a path, such as reana.example.org",
        )
    found = Deployed(
        layout=layout,
        parts=parts,
        dev=dev,
        ui=layout.ui if s.ui is None else s.ui,
        eos=layout.eos if s.eos is None else s.eos,
        shared_path=shared_path,
        shared_on_node=on_node,
        shared_size=f"{layout.cephfs_volume_size}G" if layout.cephfs_volume_size else s.shared_size,
        db_path=_db_path(s, layout, shared_path if on_node else ""),
        host=host,
    )
    _refuse_other_wiring(found)
    return found


def _parts(s: Settings, layout: Layout, dev: bool) -> Mapping[str, Part]:
    images = {
        SERVER: s.server_image,
        CONTROLLER: s.workflow_controller_image,
        BROKER: s.message_broker_image,
    }
    parts = {
        name: replace(layout.parts[name], image=images[name] or layout.parts[name].image) for name in PARTS
    }
    mounted = any(part.mounts for part in parts.values())
    if dev and not mounted:
        parts |= {name: replace(parts[name], mounts=(mount,)) for name, mount in SOURCES.items()}
    elif mounted and s.dev is False:
        # The file's mounts are those of its debug mode, which is switched off.
        parts = {name: replace(part, mounts=()) for name, part in parts.items()}
    return parts


def _shared(s: Settings, layout: Layout) -> tuple[str, bool]:
    """Where workspaces are mounted, and whether that is a folder of the node."""
    inside = layout.shared_volume_path or "/var/reana"
    on_node = s.shared_storage == "host-path" or (
        s.shared_storage == "auto" and bool(layout.root_path) and not layout.cephfs
    )
    if not on_node:
        return inside, False
    outside = layout.root_path or "/data/reana"
    if not layout.shared_volume_path:
        inside = outside
    if outside != inside:
        raise InputError(
            layout.where("cluster.root_path", "shared_storage"),
            f"root_path is {outside} and shared_volume_path is {inside}",
            evidence=f"The runs of {layouts.RELEASE} mount the node's folder {inside}, whatever root_path "
            "says, and would not find their workspaces",
            next_step="Make both the same, or take --shared-storage claim",
        )
    _refuse_volatile(s, outside, layout.where("cluster.root_path", "shared_storage"))
    return inside, True


def _db_path(s: Settings, layout: Layout, shared: str) -> str:
    """The node's folder of the database, empty for a claim; *shared* is that of the workspaces, if any."""
    said = layout.db_persistence_path
    if s.db_storage == "claim" or (s.db_storage == "auto" and not said):
        return ""
    path = said or "/data/reana-db"
    where = layout.where("cluster.db_persistence_path", "db_storage")
    _refuse_volatile(s, path, where)
    shared = shared.rstrip("/")
    if shared and f"{path.rstrip('/')}/".startswith(f"{shared}/"):
        raise InputError(
            where,
            f"the database in {path} lies inside the workspaces' folder {shared}",
            evidence="Whoever sees all workspaces could read and break it",
            next_step=f"Write {shared}-db, and move what is there; or take --db-storage claim",
        )
    return path


def _refuse_volatile(s: Settings, path: str, where: str) -> None:
    if s.volatile_paths or any(path == kept or path.startswith(f"{kept}/") for kept in KEPT_BY_MINIKUBE):
        return
    raise InputError(
        where,
        f"{path} is in memory on a Minikube VM: what lies there is gone after minikube stop",
        next_step=f"Write /data{path.removeprefix('/var')}, take a claim (--shared-storage claim, "
        "--db-storage claim), or give --volatile-paths where nodes keep it",
    )


def _refuse_impossible_port(s: Settings) -> None:
    if s.service_type != "NodePort":
        raise InputError(
            "the settings server_node_port and service_type",
            f"contradict each other: a {s.service_type} has no node port",
            next_step="Give --service-type NodePort too",
        )
    if s.server_node_port not in _NODE_PORTS:
        raise InputError(
            "the setting server_node_port",
            f"{s.server_node_port} is not between {_NODE_PORTS[0]} and {_NODE_PORTS[-1]}",
        )


def _refuse_other_wiring(found: Deployed) -> None:
    """The file repeats how the parts find each other; what it says must be what is deployed."""
    ours = {
        "REANA_DB_NAME": "reana",
        "REANA_DB_USERNAME": "reana",
        "REANA_DB_HOST": "db",
        "REANA_DB_PORT": "5432",
        "RABBIT_MQ_USER": LOGIN_OF_0_6[0],
        "RABBIT_MQ_URL": f"message-broker.{NAMESPACE}.svc.cluster.local",
        "RABBIT_MQ_PORT": "5672",
        "SHARED_VOLUME_PATH": found.shared_path,
    }
    for part in found.parts.values():
        for variable in part.environment:
            wanted = ours.get(variable.name, variable.value)
            if variable.value != wanted:
                raise InputError(
                    variable.where,
                    f"{variable.name} is {variable.value!r}, and what is deployed here is {wanted!r}",
                    next_step="Leave the line out",
                )
