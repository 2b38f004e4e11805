"""The ServiceAccount behind a remote's token: made with the host's own administrator, then used instead.

The token is short-lived (TokenRequest, KEP-1205) and may do one thing besides its role's: ask for its
successor. Each checkout on each machine has an account of its own, so that one who leaves ends nobody else's
token.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from allup.cluster.objects import Objects
from allup.daily.dashboards import Token, request_token
from allup.errors import ApiError, InputError
from allup.model import labels
from allup.refs import ObjectRef

NAMESPACE = "kube-system"
"""Where nobody who may merely make pods can use our account for them."""
SHORTEST = 600
"""Seconds; the API server refuses less."""
_RBAC = "rbac.authorization.k8s.io"


def account_name(machine: str, folder: str) -> str:
    """The account of one remote of one checkout of one machine."""
    return "allup-remote-" + hashlib.sha256(f"{machine}\n{folder}".encode()).hexdigest()[:10]


def objects_of(account: str, role: str) -> Sequence[Mapping[str, Any]]:
    """What is made in the cluster: the account, its role's binding, and its right to renew its token."""
    subject = {"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}
    own = {"labels": {labels.MANAGED_BY: labels.TOOL, labels.PART_OF: "remote"}, "name": account}
    placed = {**own, "namespace": NAMESPACE}
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": placed},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": own,
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [subject],
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "Role",
            "metadata": placed,
            "rules": [
                {
                    "apiGroups": [""],
                    "resources": ["serviceaccounts/token"],
                    "resourceNames": [account],
                    "verbs": ["create"],
                }
            ],
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": placed,
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": account},
            "subjects": [subject],
        },
    )


def establish(objects: Objects, account: str, role: str) -> None:
    """Makes the account and its bindings, or leaves what is right. Raises InputError for a role that is not
    there; another role than before replaces the binding, whose role cannot be changed."""
    if objects.get(ObjectRef(_RBAC, "ClusterRole", "", role)) is None:
        raise InputError(
            f"ClusterRole {role}",
            "is not in that cluster",
            next_step="cluster-admin, admin, edit and view are",
        )
    for body in objects_of(account, role):
        ref = ObjectRef.of(body)
        there = objects.get(ref)
        if there is not None and there.get("roleRef", body.get("roleRef")) != body.get("roleRef"):
            objects.delete(ref)
            there = None
        if there is None:
            _create(objects, body)


def _create(objects: Objects, body: Mapping[str, Any]) -> None:
    try:
        objects.create(body)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise


def abolish(objects: Objects, account: str) -> None:
    """Removes the account and its bindings, the account first: from then on no token of it counts."""
    for body in objects_of(account, ""):
        objects.delete(ObjectRef.of(body))


def new_token(objects: Objects, account: str, seconds: int) -> Token:
    """A token of the account; the server may grant it for less or longer. Raises ClusterError."""
    return request_token(objects, NAMESPACE, account, max(seconds, SHORTEST))
