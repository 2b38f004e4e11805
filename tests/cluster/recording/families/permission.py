"""What we may not do."""

from __future__ import annotations

from tests.cluster.platforms_for_tests import config, obj
from tests.cluster.recording.scenario import CASE, NAMESPACE, Scenario, deployment

_ROLE = obj(
    "Role",
    "roles",
    "rbac.authorization.k8s.io/v1",
    rules=[{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["create", "get"]}],
)
_MAY_MAKE_ROLES = obj(
    "RoleBinding",
    "roles",
    "rbac.authorization.k8s.io/v1",
    roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "roles"},
    subjects=[{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ann"}],
)
_TOO_MUCH = obj(
    "Role",
    CASE,
    "rbac.authorization.k8s.io/v1",
    rules=[{"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}],
)

SCENARIOS = [
    Scenario(
        name="may-not-create-deployments",
        family="permission",
        cause="forbidden",
        hopeless=True,
        words=("ann", "create", "deployments"),
        subject=f"Deployment/{CASE}",
        asked=lambda place: place.as_user("ann").ask_to_create(deployment()),
    ),
    Scenario(
        name="may-not-list-pods",
        family="permission",
        cause="forbidden",
        hopeless=True,
        words=("ann", "list", "pods"),
        subject=f"Namespace/{NAMESPACE}",
        asked=lambda place: place.as_user("ann").ask_to_list("Pod"),
    ),
    Scenario(
        name="may-not-change-a-configmap",
        family="permission",
        cause="forbidden",
        hopeless=True,
        words=("ann", "patch", "configmaps"),
        subject=f"ConfigMap/{CASE}",
        objects=(config(CASE, key="value"),),
        asked=lambda place: place.as_user("ann").ask_to_patch(f"ConfigMap/{CASE}"),
    ),
    Scenario(
        name="may-not-make-a-cluster-role",
        family="permission",
        cause="forbidden",
        hopeless=True,
        words=("ann", "create", "clusterroles"),
        subject=f"ClusterRole/{NAMESPACE}-reader",
        asked=lambda place: place.as_user("ann").ask_to_create(
            obj("ClusterRole", f"{NAMESPACE}-reader", "rbac.authorization.k8s.io/v1", rules=[])
        ),
    ),
    Scenario(
        name="may-not-grant-what-one-has-not",
        family="permission",
        cause="forbidden",
        hopeless=True,
        words=("ann", "secrets"),
        subject=f"Role/{CASE}",
        objects=(_ROLE, _MAY_MAKE_ROLES),
        asked=lambda place: place.as_user("ann").until_allowed("create", "roles").ask_to_create(_TOO_MUCH),
    ),
]
