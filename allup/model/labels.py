"""The labels and annotations every object of ours carries, and the names of what we keep in a cluster.

Labels follow Kubernetes' recommended set (`app.kubernetes.io/…`); they never go into selectors.
"""

from __future__ import annotations

MANAGED_BY = "app.kubernetes.io/managed-by"
PART_OF = "app.kubernetes.io/part-of"
INSTANCE = "app.kubernetes.io/instance"
COMPONENT = "app.kubernetes.io/component"
TOOL = "allup"

FIELD_MANAGER = "allup"
RESTART_FIELD_MANAGER = "allup-restart"
SCALE_FIELD_MANAGER = "allup-scale"

APPLYSET_PART_OF = "applyset.kubernetes.io/part-of"
APPLYSET_ID = "applyset.kubernetes.io/id"
APPLYSET_TOOLING = "applyset.kubernetes.io/tooling"
APPLYSET_GROUP_KINDS = "applyset.kubernetes.io/contains-group-kinds"
APPLYSET_NAMESPACES = "applyset.kubernetes.io/additional-namespaces"

CHECKSUM = "allup/config-checksum"
KEEP = "allup/keep"
BORROWED = "allup/borrowed"
EVALUATION = "allup/evaluation"
RENDERED = "allup/rendered"
INITIALISED_BY = "allup/initialised-by"
DEBUG_OF = "allup/debug-of"


def standard_labels(platform: str, instance: str, component: str) -> dict[str, str]:
    """What goes on objects, pod templates and volumeClaimTemplates."""
    return {MANAGED_BY: TOOL, PART_OF: platform, INSTANCE: instance, COMPONENT: component}


def instance_selector(instance: str) -> str:
    """The label selector that finds everything of one installation."""
    return f"{MANAGED_BY}={TOOL},{INSTANCE}={instance}"


def inventory_name(instance: str) -> str:
    """The name of the ConfigMap, the Lease and the Secret of our own in the instance's namespace."""
    return f"allup-{instance}"
