"""The values of ARL's Helm chart: which setting each of them is today."""

from __future__ import annotations

from collections.abc import Mapping

VALUES: Mapping[str, str] = {
    "worker.replicaCount": "worker_replicas",
    "image.repository": "img",
    "image.tag": "tag",
    "image.pullPolicy": "image_pull_policy",
    "image.pullSecret": "pull_secret",
    "jupyter.password": "JUPYTER_PASSWORD",
    "nfs.server": "nfs_server",
    "notebook.service.type": "notebook_service_type",
    "notebook.jupyter.port": "notebook_port",
    "notebook.service.port": "notebook_port",
    "daskscheduler.service.type": "scheduler_service_type",
    "daskscheduler.scheduler.port": "scheduler_port",
    "daskscheduler.bokeh.port": "dashboard_port",
    "resources.limits.cpu": "worker_cpu",
    "resources.limits.memory": "worker_mem",
    "nodeSelector": "node_selector",
    "tolerations": "tolerations",
    "affinity": "affinity",
    "arldatadir": "arl_data",
    "ingress.enabled": "ingress",
    "ingress.hostname": "ingress_host",
    "ingress.tls.enabled": "ingress_tls",
}
"""Dotted key to the setting; capitals are the variable of a Secret."""

REFUSED: Mapping[str, str] = {
    "nameOverride": "Names come from --instance",
    "fullnameOverride": "Names come from --instance",
    "image.secrets": "The chart never read it: image.pullSecret names the pull Secret",
    "resource.limits": "The chart never read it: the key is resources.limits",
    "resources.requests": "Workers request what they are limited to",
    "ingress.annotations": "Annotations of an Ingress belong into k8s/arl/ingress.yaml",
    "ingress.tls.secretname": "The certificate is made here, in the Secret arl-tls",
    "ingress.tls.hostname": "It is ingress.hostname",
}
"""Keys that are known and not taken, and why."""
