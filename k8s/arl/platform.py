"""ARL, the Algorithm Reference Library: a Dask cluster, and a notebook that computes on it.

What each part is, and which old command is which new one: docs/arl.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from allup import (
    Component,
    DataServer,
    ExtraTask,
    HostsLine,
    ImageTask,
    InputError,
    Password,
    Platform,
    PlatformSettings,
    PodShell,
    Quantity,
    RegistryLogin,
    RunImage,
    Secret,
    Tls,
    config_secret,
    http,
    jq,
    setting,
)
from k8s.arl import chart

NAME = "arl"
CHART_VALUES, CHART_REFUSED = chart.VALUES, chart.REFUSED
ALIASES = {
    "all-up": ["k8s-deploy"],
    "all-down": ["k8s-delete"],
    "render": ["show", "lint"],
    "settings": ["checkvars"],
}
SERVICE_TYPES = ("ClusterIP", "NodePort")
PULL_SECRET = "arlregcred"
DEATH_TIMEOUT = 180  # seconds that a worker looks for its scheduler before it gives up
IMAGING = "/notebooks/workflows/notebooks/imaging-pipelines.ipynb"
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


def platform(s: Settings) -> Platform:
    """The platform for these settings.

    Raises InputError for settings that contradict each other or that nothing could run with.
    """
    source = _data_source(s)
    _refuse_impossible(s)
    instance = s.instance or NAME
    namespace = s.namespace or instance
    login = bool(s.docker_server or s.docker_user or s.docker_config)
    if login and s.pull_secret not in (None, PULL_SECRET):
        raise InputError(
            "the settings pull_secret and docker_server",
            f"contradict each other: the log-in makes {PULL_SECRET}, and {s.pull_secret} is named",
            next_step="Leave one out",
        )
    reaches = [s.notebook_service_type or s.service_type, s.scheduler_service_type or s.service_type]
    return Platform(
        NAME,
        namespace=namespace,
        instance=instance,
        values=_values(s, instance, namespace, source, login),
        urls=[
            ("Notebook", f"svc/notebook:{s.notebook_port}"),
            ("Imaging notebook", f"svc/notebook:{s.notebook_port}{IMAGING}"),
            ("Dask dashboard", f"svc/dask-scheduler:{s.dashboard_port}/status"),
        ],
        tasks=_tasks(s, login),
        components=[
            Component(
                "registry",
                help="the log-in to the image's registry, as the pull Secret arlregcred",
                enabled=login,
                secrets=[_login(s)],
            ),
            Component(
                "data",
                "data-claim.yaml" if source == "claim" else "data-volume.yaml",
                help="what is at /arl/data",
                replace=[]
                if source == "claim"
                else [f"PersistentVolume/{instance}-data", "PersistentVolumeClaim/arl-data"],
                # A class may wait for the first pod before it makes the disk.
                checks=[]
                if source == "claim"
                else [
                    jq(
                        "PersistentVolumeClaim/arl-data",
                        f'.status.phase == "Bound" and .spec.volumeName == "{instance}-data"',
                        name="the claim has its volume",
                    )
                ],
            ),
            Component(
                "scheduler",
                "scheduler.yaml",
                after=["registry"],
                aliases=["k8s-deploy-scheduler"],
                down_aliases=["k8s-delete-scheduler"],
                help="Dask's scheduler and its dashboard",
                checks=[
                    http(f"svc/dask-scheduler:{s.dashboard_port}", "/health", name="Dask's scheduler answers")
                ],
            ),
            Component(
                "worker",
                "worker.yaml",
                after=["scheduler", "data"],
                aliases=["k8s-deploy-worker"],
                down_aliases=["k8s-delete-worker"],
                help="Dask's workers",
                checks=[
                    http(
                        f"svc/dask-scheduler:{s.dashboard_port}",
                        "/json/counts.json",
                        beside="Deployment/dask-worker",
                        expect=".workers == $beside.spec.replicas",
                        name="the scheduler counts every worker",
                    )
                ],
            ),
            Component(
                "notebook",
                "notebook.yaml",
                after=["scheduler", "data"],
                aliases=["k8s-deploy-notebook"],
                down_aliases=["k8s-delete-notebook"],
                help="Jupyter, behind a password",
                secrets=[
                    Secret(
                        "jupyter",
                        {
                            "password": Password(
                                env="JUPYTER_PASSWORD",
                                refused=("changeme",) if "NodePort" in reaches or s.ingress else (),
                                refused_because="everybody who reaches the notebook could run programs there",
                            )
                        },
                        help="the notebook's password",
                        rotation="the notebook restarts, and with it every kernel; everybody logs in anew",
                    )
                ],
                configs=[config_secret("jupyter-config", "jupyter_server_config.json")],
                checks=[
                    http(
                        f"svc/notebook:{s.notebook_port}",
                        "/api",
                        expect='has("version")',
                        name="Jupyter answers",
                    ),
                    http(
                        f"svc/notebook:{s.notebook_port}",
                        "/api/kernels",
                        status=403,
                        name="nobody gets in without the password",
                    ),
                ],
            ),
            Component(
                "ingress",
                "ingress.yaml",
                after=["notebook"],
                enabled=s.ingress,
                help="the notebook under a host name (setting ingress)",
                secrets=[_certificate(s)] if s.ingress_tls else [],
            ),
        ],
    )


def _values(s: Settings, instance: str, namespace: str, source: str, login: bool) -> Mapping[str, Any]:
    """What the manifests may name: every setting, and what follows from several."""
    pull_secret = PULL_SECRET if login else s.pull_secret
    dash = s.dask_style == "dash"
    return {
        **{f.name: getattr(s, f.name) for f in fields(s)},
        "instance": instance,
        "namespace": namespace,
        "image": image(s),
        "pull_secrets": [{"name": pull_secret}] if pull_secret else None,
        "scheduler_program": "dask-scheduler" if dash else "dask",
        "scheduler_word": None if dash else "scheduler",
        "worker_program": "dask-worker" if dash else "dask",
        "worker_word": None if dash else "worker",
        "worker_threads": max(1, math.ceil(Quantity(s.worker_cpu).amount)),
        "worker_memory_bytes": int(Quantity(s.worker_mem).scaled(0.8).amount),
        "worker_startup_failures": (DEATH_TIMEOUT + 30) // 5,
        "death_timeout": DEATH_TIMEOUT,
        "scheduler_address": f"dask-scheduler.{namespace}.svc.{s.cluster_domain}:{s.scheduler_port}",
        "scheduler_service_type": s.scheduler_service_type or s.service_type,
        "notebook_service_type": s.notebook_service_type or s.service_type,
        "nfs_mount_options": [o.strip() for o in s.nfs_mount_options.split(",") if o.strip()]
        if source == "nfs"
        else None,
        "nfs_source": {"server": s.nfs_server, "path": s.nfs_path} if source == "nfs" else None,
        "host_path_source": {"path": s.arl_data, "type": "Directory"} if source == "host-path" else None,
        "ingress_tls_hosts": [{"hosts": [s.ingress_host], "secretName": "arl-tls"}]
        if s.ingress_tls
        else None,
        "node_selector": _json("node_selector", s.node_selector, dict),
        "tolerations": _json("tolerations", s.tolerations, list),
        "affinity": _json("affinity", s.affinity, dict),
    }


def image(s: Settings) -> str:
    """The one image of all three roles: different Dasks do not understand each other."""
    name = s.docker_image or (f"{s.img}:{s.tag}" if s.tag else s.img)
    prefix = s.docker_repo.strip().rstrip("/")
    return f"{prefix}/{name}" if prefix else name


def _data_source(s: Settings) -> str:
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


def _refuse_impossible(s: Settings) -> None:
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


def _json(setting_name: str, text: str, kind: type) -> Any:
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


def _login(s: Settings) -> Secret:
    return Secret(
        PULL_SECRET,
        {
            ".dockerconfigjson": RegistryLogin(
                env="DOCKER_PASSWORD",
                file=s.docker_config,
                server=s.docker_server,
                user=s.docker_user,
                email=s.docker_email,
                help="Set DOCKER_PASSWORD, or give --docker-config",
            )
        },
        type="kubernetes.io/dockerconfigjson",
        help="how nodes log in to the image's registry",
    )


def _certificate(s: Settings) -> Secret:
    names = (s.ingress_host,)
    return Secret(
        "arl-tls",
        {
            "tls.crt": Tls(bundle="ingress", part="certificate", dns_names=names, days=365),
            "tls.key": Tls(bundle="ingress", part="private-key", dns_names=names, days=365),
            "ca.crt": Tls(bundle="ingress", part="ca-certificate", dns_names=names, days=365),
        },
        type="kubernetes.io/tls",
        help="the Ingress' certificate, with a CA of its own",
        rotation="browsers that trusted the old CA ask again",
    )


def _tasks(s: Settings, login: bool) -> Sequence[ExtraTask]:
    name = s.docker_image or f"{s.img}:{s.tag}"
    data = f"{s.source.rstrip('/')}/data"

    def run(task: str, help: str, *command: str, **more: Any) -> RunImage:
        return RunImage(name=task, help=help, program=s.docker, image=name, command=command, **more)

    return (
        ImageTask(
            name="docker-build",
            help="Build ARL's image from its checkout.",
            action="build",
            image=name,
            context=s.source,
            dockerfile=s.dockerfile,
            arguments={"PYTHON": s.python},
        ),
        ImageTask(
            name="docker-push",
            help="Build ARL's image and push it under DOCKER_REPO.",
            action="push",
            image=name,
            context=s.source,
            dockerfile=s.dockerfile,
            arguments={"PYTHON": s.python},
            repository=s.docker_repo,
            aliases=("push",),
        ),
        DataServer(
            name="data-server",
            help="The data server: NFS out of a container on this machine.",
            program=s.docker,
            image=s.nfs_image,
            folder=data,
            listen=s.nfs_listen,
            permitted=s.nfs_permitted,
            writable=s.nfs_writable,
            up_aliases=("docker-nfs-arl-data",),
        ),
        PodShell(
            name="test-shell",
            help="Run the image in a pod of its own and open a shell there, or run what stands behind --.",
            image=image(s),
            pull_policy=s.image_pull_policy,
            pull_secret=PULL_SECRET if login else s.pull_secret or "",
            component="scheduler",
            aliases=("test-arl",),
        ),
        HostsLine(
            name="localip",
            help="Print the line for /etc/hosts that leads the Ingress' host name to the cluster.",
            host=s.ingress_host,
        ),
        run(
            "docker-notebook",
            "Run the notebook in a container on this machine.",
            network="host",
            data=data,
            container="arl_notebook",
        ),
        run(
            "docker-tests",
            "Run ARL's unit tests in its image.",
            *(s.python, "-m", "unittest", "discover", "-s", "/arl/tests"),
            data=data,
        ),
        run("docker-pytest", "Run pytest in ARL's image.", "pytest", "-x", "/arl/tests", data=data),
        run(
            "docker-lint",
            "Run pylint in ARL's image.",
            "pylint",
            "--extension-pkg-whitelist=numpy",
            "/arl/arl",
        ),
        run("docker-shell", "Open a shell in ARL's image.", "bash", interactive=True, data=data),
        run(
            "docker-test-data",
            "Copy the data into the volume arl-volume.",
            *("sh", "-c", "cp -a /from/. /arl/data/"),
            volume="arl-volume",
            source=data,
        ),
    )
