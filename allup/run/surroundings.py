"""Facts about the cluster around an instance: which nodes are simulated, how storage classes bind."""

from __future__ import annotations

from allup.cluster.objects import Objects
from allup.errors import ApiError

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def simulated_nodes(objects: Objects) -> frozenset[str]:
    """The nodes that run no process (label ``type=kwok``); none when nodes may not be listed."""
    resource = objects.discovery.find("", "Node")
    if resource is None:
        return frozenset()
    try:
        return frozenset(node["metadata"]["name"] for node in objects.list(resource, selector="type=kwok"))
    except ApiError:
        return frozenset()


def binding_modes(objects: Objects) -> dict[str | None, str | None]:
    """The volumeBindingMode by StorageClass; under None that of the default class."""
    resource = objects.discovery.find("storage.k8s.io", "StorageClass")
    if resource is None:
        return {}
    try:
        classes = objects.list(resource)
    except ApiError:
        return {}
    modes: dict[str | None, str | None] = {}
    for storage_class in classes:
        mode = storage_class.get("volumeBindingMode")
        modes[storage_class["metadata"]["name"]] = mode
        if (storage_class["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true":
            modes[None] = mode
    return modes
