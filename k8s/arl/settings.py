"""What a person may set for ARL, and what no ARL could run with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from allup import InputError, PlatformSettings, Quantity, setting

SERVICE_TYPES = ("ClusterIP", "NodePort")
LEAST_MEMORY = Quantity("128Mi")
NFS_IMAGE = "itsthenetwork/nfs-server-alpine:12"


@dataclass(frozen=True, kw_only=True)
class Settings(PlatformSettings):
    """What a person may set for ARL. The variables are those of its Makefile."""

    img: str = setting("arl_img", env="IMG", help="name of the image")
    tag: str = setting("latest", env="TAG", help="tag of the image")
    docker_image: str | None = setting(None, env="DOCKER_IMAGE", help="image (default: IMG:TAG)")
    docker_repo: str = setting("", env="DOCKER_REPO", help="prefix of the image: a registry with a path")
    image_pull_policy: str = setting(
        "IfNotPresent", choices=("IfNotPresent", "Always", "Never"), help="when nodes pull the image"
    )
    pull_secret: str | None = setting(None, help="name of an existing pull Secret")
    docker_server: str = setting("", env="DOCKER_SERVER", help="registry to log in to: makes arlregcred")
    docker_user: str = setting("", env="DOCKER_USER", help="user there; the password is DOCKER_PASSWORD")
    docker_email: str = setting("", env="DOCKER_EMAIL", help="e-mail there")
    docker_config: str = setting("", help="docker config file to make arlregcred of instead")

    worker_replicas: int = setting(1, env="WORKER_REPLICAS", help="Dask workers")
    worker_mem: Quantity = setting("512Mi", env="WORKER_MEM", help="memory of a worker, request and limit")
    worker_cpu: Quantity = setting("500m", env="WORKER_CPU", help="CPU of a worker, request and limit")
    scheduler_cpu: Quantity = setting("100m", help="CPU the scheduler requests")
    scheduler_mem: Quantity = setting("512Mi", help="memory of the scheduler, request and limit")
    notebook_cpu: Quantity = setting("100m", help="CPU the notebook requests")
    notebook_mem: Quantity = setting("1Gi", help="memory of the notebook, request and limit")
    dask_style: str = setting(
        "space",
        choices=("space", "dash"),
        help="the image has 'dask scheduler' (space), or an older Dask's 'dask-scheduler' (dash)",
    )
    notebook_program: str = setting("notebook", choices=("notebook", "lab"), help="what jupyter starts")
    notebook_root: str = setting("/arl", help="folder that the notebook shows")

    data: str = setting(
        "auto",
        choices=("auto", "claim", "nfs", "host-path"),
        help="where /arl/data comes from; auto is nfs or host-path when their setting is given, else claim",
    )
    nfs_server: str = setting("", env="NFS_SERVER", help="address of an NFS server that nodes can reach")
    nfs_path: str = setting("/data", help="path there, as the server exports it")
    nfs_mount_options: str = setting("nfsvers=4", help="mount options, comma separated")
    arl_data: str = setting("", env="ARLDATA", help="folder of the nodes that holds the data")
    data_size: Quantity = setting("1Gi", help="disk for the data")
    data_access: str = setting(
        "ReadWriteOnce",
        choices=("ReadWriteOnce", "ReadWriteMany"),
        help="access mode of the claim; pods on several nodes need ReadWriteMany",
    )
    storage_class: str | None = setting(None, help="class of the claim (default: the cluster's)")

    service_type: str = setting("ClusterIP", choices=SERVICE_TYPES, help="type of both Services")
    notebook_service_type: str = setting("", choices=("", *SERVICE_TYPES), help="of the notebook's alone")
    scheduler_service_type: str = setting("", choices=("", *SERVICE_TYPES), help="of the scheduler's alone")
    notebook_port: int = setting(8888, help="port of the notebook's Service")
    scheduler_port: int = setting(8786, help="port of the scheduler's Service")
    dashboard_port: int = setting(8787, help="port of Dask's dashboard at the scheduler's Service")
    ingress: bool = setting(False, help="an Ingress for the notebook")
    ingress_host: str = setting("arl.local", env="INGRESS_HOST", help="host name of the Ingress")
    ingress_class: str | None = setting(None, help="class of the Ingress (default: the cluster's)")
    ingress_tls: bool = setting(True, help="the Ingress has a certificate, made here, for a year")
    cluster_domain: str = setting("cluster.local", help="DNS domain of the cluster")

    node_selector: str = setting("", help='labels that nodes must have, as JSON: {"disk": "ssd"}')
    tolerations: str = setting("", help="tolerations of all pods, as a JSON list")
    affinity: str = setting("", help="affinity of all pods, as a JSON object")

    docker: str = setting("docker", env="DOCKER", help="the docker program of the docker-* tasks")
    dockerfile: str = setting("Dockerfile", env="DOCKERFILE", help="Dockerfile of docker-build")
    python: str = setting("python3", env="PYTHON", help="build argument PYTHON of docker-build")
    source: str = setting(
        ".", env="CURRENT_DIR", help="ARL's checkout: context of docker-build, data in data/"
    )
    nfs_image: str = setting(NFS_IMAGE, help="image of the data server")
    nfs_listen: str = setting("", env="NFS_LISTEN", help="address the data server listens on")
    nfs_permitted: str = setting("", env="NFS_PERMITTED", help="who may mount: an address or network")
    nfs_writable: bool = setting(False, help="clients of the data server may write")


def image(s: Settings) -> str:
    """The one image of all three roles: different Dasks do not understand each other."""
    name = s.docker_image or (f"{s.img}:{s.tag}" if s.tag else s.img)
    prefix = s.docker_repo.strip().rstrip("/")
    return f"{prefix}/{name}" if prefix else name


def data_source(s: Settings) -> str:
    """``claim``, ``nfs`` or ``host-path``. Raises InputError when the settings contradict each other."""
    given = {"nfs": s.nfs_server, "host-path": s.arl_data}
    if s.data == "auto":
        named = [source for source, value in given.items() if value]
        if len(named) > 1:
            raise InputError(
                "the settings nfs_server and arl_data",
                "name two places for the data",
                next_step="Leave one out, or choose with --data nfs or --data host-path",
            )
        source = named[0] if named else "claim"
    else:
        source = s.data
    if source == "nfs":
        _refuse_unreachable(s.nfs_server)
    if source == "host-path" and not s.arl_data.startswith("/"):
        raise InputError(
            "the setting arl_data",
            f"{s.arl_data!r} is not an absolute path"
            if s.arl_data
            else "is not given, and data is host-path",
            evidence="It is a folder of the nodes, not of this machine",
            next_step="Give --arl-data /path/on/the/nodes",
        )
    return source


def _refuse_unreachable(server: str) -> None:
    """The node mounts the data, so what counts is what the node reaches and resolves."""
    import ipaddress

    why = ""
    if not server:
        why = "is not given, and data is nfs"
    elif server == "localhost" or server.endswith((".svc", ".cluster.local")) or ".svc." in server:
        why = f"{server!r} is not the server's address for a node: it does not resolve cluster names"
        if server == "localhost":
            why = "'localhost' is the node itself for a node"
    else:
        try:
            address = ipaddress.ip_address(server)
        except ValueError:
            if not server.replace("-", "").replace(".", "").isalnum():
                why = f"{server!r} is neither an address nor a host name"
        else:
            if address.is_loopback or address.is_unspecified:
                why = f"{server!r} is the node itself for a node"
    if why:
        raise InputError(
            "the setting nfs_server",
            why,
            next_step="Give --nfs-server (NFS_SERVER) an address that the nodes reach",
        )


def refuse_impossible(s: Settings) -> None:
    """Raises InputError for numbers that no worker starts with."""
    if s.worker_replicas < 0:
        raise InputError("the setting worker_replicas", f"{s.worker_replicas} workers cannot be")
    memory = Quantity(s.worker_mem).amount
    if memory < LEAST_MEMORY.amount:
        raise InputError(
            "the setting worker_mem",
            f"{s.worker_mem} is {int(memory)} bytes: no worker starts with less than {LEAST_MEMORY}",
            next_step=f"Write {s.worker_mem}Mi" if s.worker_mem.isdigit() else "Give --worker-mem 512Mi",
        )
    if Quantity(s.worker_cpu).amount <= 0:
        raise InputError("the setting worker_cpu", f"{s.worker_cpu} is no CPU at all")


def json_value(setting_name: str, text: str, kind: type) -> Any:
    """What a setting in JSON says; None, so that the field disappears, when it is empty."""
    import json

    if not text.strip():
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError(f"the setting {setting_name}", f"is not JSON: {error}") from None
    if not isinstance(value, kind):
        wanted = "an object" if kind is dict else "a list"
        raise InputError(f"the setting {setting_name}", f"takes {wanted}")
    return value or None
