"""Kubeconfigs that lead to the sandbox under another name, as somebody else, or to nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from allup.cluster.requests import Api
from allup.errors import ApiError
from allup.sandbox import SandboxStatus


def written(
    file: Path,
    sandbox: SandboxStatus,
    context: str,
    *,
    server: str = "",
    user: Mapping[str, Any] | None = None,
    acting_as: Mapping[str, Any] | None = None,
    current: bool = False,
) -> Path:
    """A kubeconfig in *file* whose *context* is the sandbox, or another *server*, as another *user*.

    *acting_as* is added to the sandbox's administrator.
    """
    ours = yaml.safe_load(sandbox.kubeconfig.read_text())
    cluster, admin = ours["clusters"][0]["cluster"], ours["users"][0]["user"]
    if server:
        cluster = {**cluster, "server": server}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "there", "cluster": cluster}],
        "users": [{"name": "me", "user": {**(user or admin), **(acting_as or {})}}],
        "contexts": [{"name": context, "context": {"cluster": "there", "user": "me"}}],
        "current-context": context if current else "",
    }
    file.write_text(yaml.safe_dump(content))
    return file


def reader(server: Api) -> Mapping[str, Any]:
    """A user who may write nothing and read all but Secrets: a ServiceAccount with ClusterRole view."""
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    _made(server, accounts, {"metadata": {"name": "reader"}})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    subject = {"kind": "ServiceAccount", "name": "reader", "namespace": "default"}
    _made(server, bindings, {"metadata": {"name": "reader"}, "roleRef": role, "subjects": [subject]})
    answer = server.request("POST", f"{accounts}/reader/token", body={"spec": {"expirationSeconds": 3600}})[1]
    return {"token": answer["status"]["token"]}


def _made(server: Api, path: str, body: Mapping[str, Any]) -> None:
    try:
        server.request("POST", path, body=body)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
