"""In which order the objects of one component are applied and deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from allup.refs import ObjectRef

T = TypeVar("T")

_RBAC, _APPS, _BATCH = "rbac.authorization.k8s.io", "apps", "batch"
_WEBHOOKS = "admissionregistration.k8s.io"

_NAMESPACES = frozenset({("", "Namespace")})
_DEFINITIONS = frozenset({("apiextensions.k8s.io", "CustomResourceDefinition")})
_CLASSES = frozenset(
    {
        ("scheduling.k8s.io", "PriorityClass"),
        ("storage.k8s.io", "StorageClass"),
        ("storage.k8s.io", "CSIDriver"),
        ("node.k8s.io", "RuntimeClass"),
        ("networking.k8s.io", "IngressClass"),
        ("", "ResourceQuota"),
        ("", "LimitRange"),
    }
)
_IDENTITIES = frozenset({("", "ServiceAccount")})
_CONFIG = frozenset({("", "Secret"), ("", "ConfigMap")})
_VOLUMES = frozenset({("", "PersistentVolume")})
_CLAIMS = frozenset({("", "PersistentVolumeClaim")})
_ROLES = frozenset({(_RBAC, "ClusterRole"), (_RBAC, "Role")})
_BINDINGS = frozenset({(_RBAC, "ClusterRoleBinding"), (_RBAC, "RoleBinding")})
_POLICIES = frozenset({("networking.k8s.io", "NetworkPolicy")})
_SERVICES = frozenset({("", "Service"), ("", "Endpoints"), ("discovery.k8s.io", "EndpointSlice")})
_WORKLOADS = frozenset(
    {
        (_APPS, "Deployment"),
        (_APPS, "StatefulSet"),
        (_APPS, "DaemonSet"),
        (_APPS, "ReplicaSet"),
        (_BATCH, "Job"),
        (_BATCH, "CronJob"),
        ("", "ReplicationController"),
        ("", "Pod"),
    }
)
_OTHERS: frozenset[tuple[str, str]] = frozenset()
"""Whatever is not named here: custom resources, autoscalers, disruption budgets."""
_ROUTES = frozenset({("networking.k8s.io", "Ingress")})
_HOOKS = frozenset(
    {
        (_WEBHOOKS, "MutatingWebhookConfiguration"),
        (_WEBHOOKS, "ValidatingWebhookConfiguration"),
        ("apiregistration.k8s.io", "APIService"),
    }
)

# An object stands after those it names, so that no pod starts without its claim, account or config. What
# is unknown comes after the workloads, and so goes before them: an operator must still run to take its
# finalizer off a custom resource.
_APPLY = (
    _NAMESPACES,
    _DEFINITIONS,
    _CLASSES,
    _IDENTITIES,
    _CONFIG,
    _VOLUMES,
    _CLAIMS,
    _ROLES,
    _BINDINGS,
    _POLICIES,
    _SERVICES,
    _WORKLOADS,
    _OTHERS,
    _ROUTES,
    _HOOKS,
)
# Not quite the reverse: what is nobody's data goes before what is.
_DELETE = (
    _HOOKS,
    _ROUTES,
    _OTHERS,
    _WORKLOADS,
    _SERVICES,
    _POLICIES,
    _CONFIG,
    _BINDINGS,
    _ROLES,
    _IDENTITIES,
    _CLAIMS,
    _VOLUMES,
    _CLASSES,
    _DEFINITIONS,
    _NAMESPACES,
)


def _ranks(families: tuple[frozenset[tuple[str, str]], ...]) -> tuple[dict[tuple[str, str], int], int]:
    known = {kind: place for place, family in enumerate(families) for kind in family}
    return known, families.index(_OTHERS)


_APPLY_RANKS, _APPLY_OTHERS = _ranks(_APPLY)
_DELETE_RANKS, _DELETE_OTHERS = _ranks(_DELETE)


def rank(ref: ObjectRef) -> int:
    """When it is applied within its component: lower is earlier."""
    return _APPLY_RANKS.get((ref.group, ref.kind), _APPLY_OTHERS)


def delete_rank(ref: ObjectRef) -> int:
    """When it is deleted within its component: lower is earlier."""
    return _DELETE_RANKS.get((ref.group, ref.kind), _DELETE_OTHERS)


def is_workload(ref: ObjectRef) -> bool:
    """True for what has pods: on deletion they must be gone before the rest follows."""
    return (ref.group, ref.kind) in _WORKLOADS


def in_apply_order(objects: Iterable[T], key: Callable[[T], ObjectRef]) -> list[T]:
    """*objects* in the order of ``rank``; objects of one rank keep the order given."""
    return sorted(objects, key=lambda one: rank(key(one)))


def in_delete_order(objects: Iterable[T], key: Callable[[T], ObjectRef]) -> list[T]:
    """*objects* in the order of ``delete_rank``; objects of one rank keep the order given."""
    return sorted(objects, key=lambda one: delete_rank(key(one)))
