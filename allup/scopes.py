"""Which kinds are namespaced, as far as Kubernetes itself decides it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Scope = Callable[[str, str], bool | None]
"""Group and kind in; True for a namespaced kind, False for a cluster-scoped one, None when not known."""

NAMED_BY_OTHERS = frozenset(
    (
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apiregistration.k8s.io", "APIService"),
        ("storage.k8s.io", "CSIDriver"),
    )
)
"""Kinds whose names follow from what they are, so that they cannot begin with the instance."""

_CLUSTER_SCOPED: Mapping[str, frozenset[str]] = {
    "": frozenset(("ComponentStatus", "Namespace", "Node", "PersistentVolume")),
    "admissionregistration.k8s.io": frozenset(
        (
            *("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "MutatingWebhookConfiguration"),
            *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
            "ValidatingWebhookConfiguration",
        )
    ),
    "apiextensions.k8s.io": frozenset(("CustomResourceDefinition",)),
    "apiregistration.k8s.io": frozenset(("APIService",)),
    "authentication.k8s.io": frozenset(("SelfSubjectReview", "TokenReview")),
    "authorization.k8s.io": frozenset(
        ("SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview")
    ),
    "certificates.k8s.io": frozenset(("CertificateSigningRequest", "ClusterTrustBundle")),
    "flowcontrol.apiserver.k8s.io": frozenset(("FlowSchema", "PriorityLevelConfiguration")),
    "internal.apiserver.k8s.io": frozenset(("StorageVersion",)),
    "networking.k8s.io": frozenset(("IPAddress", "IngressClass", "ServiceCIDR")),
    "node.k8s.io": frozenset(("RuntimeClass",)),
    "rbac.authorization.k8s.io": frozenset(("ClusterRole", "ClusterRoleBinding")),
    "resource.k8s.io": frozenset(
        ("DeviceClass", "DeviceTaintRule", "ResourcePoolStatusRequest", "ResourceSlice")
    ),
    "scheduling.k8s.io": frozenset(("PriorityClass",)),
    "storage.k8s.io": frozenset(
        ("CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass")
    ),
    "storagemigration.k8s.io": frozenset(("StorageVersionMigration",)),
}
"""Kubernetes 1.36, the kinds that ``k8s.io/api`` marks non-namespaced."""

_BUILTIN_GROUPS = frozenset(
    (
        *_CLUSTER_SCOPED,
        *(
            "apps",
            "autoscaling",
            "batch",
            "coordination.k8s.io",
            "discovery.k8s.io",
            "events.k8s.io",
            "policy",
        ),
    )
)


def builtin_scope(group: str, kind: str) -> bool | None:
    """The scope of Kubernetes' own kinds; None for every other group."""
    if kind in _CLUSTER_SCOPED.get(group, ()):
        return False
    return True if group in _BUILTIN_GROUPS else None
