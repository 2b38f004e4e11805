"""ARL, the Algorithm Reference Library: a Dask cluster, and a notebook that computes on it.

What each part is, and which old command is which new one: docs/arl.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from allup import (
    Component,
    InputError,
    Password,
    Platform,
    Quantity,
    RegistryLogin,
    Secret,
    config_secret,
    http,
    jq,
    tls_secret,
)
from k8s.arl import chart
from k8s.arl.imagetasks import extra_tasks
from k8s.arl.settings import Settings, data_source, image, json_value, refuse_impossible

NAME = "arl"
CHART_VALUES, CHART_REFUSED = chart.VALUES, chart.REFUSED
ALIASES = {
    "all-up": ["k8s-deploy"],
    "all-down": ["k8s-delete"],
    "render": ["show", "lint"],
    "settings": ["checkvars"],
}
PULL_SECRET = "arlregcred"
DEATH_TIMEOUT = 180  # seconds that a worker looks for its scheduler before it gives up
IMAGING = "/notebooks/workflows/notebooks/imaging-pipelines.ipynb"


def platform(s: Settings) -> Platform:
    """The platform for these settings.

    Raises InputError for settings that contradict each other or that nothing could run with.
    """
    source = data_source(s)
    refuse_impossible(s)
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
        tasks=extra_tasks(s, PULL_SECRET if login else s.pull_secret or ""),
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
        "node_selector": json_value("node_selector", s.node_selector, dict),
        "tolerations": json_value("tolerations", s.tolerations, list),
        "affinity": json_value("affinity", s.affinity, dict),
    }


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
    return tls_secret(
        "arl-tls",
        bundle="ingress",
        dns_names=(s.ingress_host,),
        help="the Ingress' certificate, with a CA of its own",
    )
