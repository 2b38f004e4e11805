"""Whole platforms that runs are killed on: one of every kind there is, small, and RStudio."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from allup import Component, Password, Platform, Provided, Secret
from allup.loading import LoadedPlatform, load
from k8s.rstudio import platform as rstudio
from tests.cluster.platforms_for_tests import (
    Object,
    claim,
    config,
    definition,
    deployment,
    job,
    obj,
    pod_spec,
    service,
)

ENVIRON: Mapping[str, str] = {"WHOLE_TOKEN": "a-provided-token"}
_RBAC = "rbac.authorization.k8s.io"
_RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]


def whole(instance: str) -> LoadedPlatform:
    """Three components, each after the one before it: identities and data, the work, what stands before it.

    It has a generated and a provided Secret, a claim, and objects without a namespace.
    """
    plural = f"things-{instance}"
    crd = definition(plural, f"Thing{''.join(filter(str.isalnum, instance))}")
    kind = crd["spec"]["names"]["kind"]
    parts: dict[str, list[Object]] = {
        "base": [
            obj("ServiceAccount", "worker"),
            obj("Role", "worker", f"{_RBAC}/v1", rules=_RULES),
            _binding("Role", "worker"),
            obj("ClusterRole", f"{instance}-worker", f"{_RBAC}/v1", rules=_RULES),
            _binding("ClusterRole", f"{instance}-worker"),
            obj(
                "LimitRange", "limits", spec={"limits": [{"type": "Container", "default": {"memory": "1Gi"}}]}
            ),
            config("settings", key="value"),
            claim("data"),
            crd,
        ],
        "work": [
            obj(kind, "thing", "tests.example/v1", spec={}),
            service("database", clusterIP="None"),
            _stateful_set("database"),
            deployment("web"),
            service("web"),
            job("prepare"),
            obj("DaemonSet", "agent", "apps/v1", spec=_workload("agent")),
        ],
        "front": [
            obj("PodDisruptionBudget", "web", "policy/v1", spec={"maxUnavailable": 1, **_selector("web")}),
            obj("NetworkPolicy", "web", "networking.k8s.io/v1", spec={"podSelector": {}}),
            obj("CronJob", "nightly", "batch/v1", spec=_nightly()),
            config("front"),
        ],
    }
    secrets = [
        Secret("generated", {"password": Password()}),
        Secret("provided", {"token": Provided(env="WHOLE_TOKEN")}),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, objects in parts.items():
            (Path(folder) / f"{name}.yaml").write_text(yaml.safe_dump_all(objects))
        components = [
            Component("base", "base.yaml", secrets=secrets),
            Component("work", "work.yaml", after=["base"]),
            Component("front", "front.yaml", after=["work"]),
        ]
        platform = Platform("whole", components, namespace=instance, instance=instance, collection="whole")
        return load(platform, Path(folder))


def whole_rstudio(instance: str) -> LoadedPlatform:
    """RStudio as it stands in k8s/rstudio."""
    settings = replace(rstudio.Settings(), instance=instance, namespace=instance)
    return load(replace(rstudio.platform(settings), collection="k8s"), Path(rstudio.__file__).parent)


KNOWN: Mapping[str, Callable[[str], LoadedPlatform]] = {"whole": whole, "rstudio": whole_rstudio}


def _selector(name: str) -> dict[str, Any]:
    return {"selector": {"matchLabels": {"app": name}}}


def _workload(name: str) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}}, "spec": pod_spec(name)}
    return {**_selector(name), "template": template}


def _stateful_set(name: str) -> Object:
    return obj("StatefulSet", name, "apps/v1", spec={"serviceName": name, "replicas": 1, **_workload(name)})


def _nightly() -> dict[str, Any]:
    return {"schedule": "0 3 1 1 *", "jobTemplate": {"spec": job("nightly")["spec"]}}


def _binding(kind: str, name: str) -> Object:
    return obj(
        f"{kind}Binding",
        name,
        f"{_RBAC}/v1",
        roleRef={"apiGroup": _RBAC, "kind": kind, "name": name},
        subjects=[{"kind": "ServiceAccount", "name": "worker", "namespace": "default"}],
    )
