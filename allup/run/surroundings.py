"""Facts about the cluster around an instance: which nodes are simulated, how storage classes bind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from allup.cluster.objects import Objects
from allup.errors import AllupError, ApiError
from allup.refs import GroupKind, ObjectRef

_VALUES_HELD = ("ConfigMap", "Secret")
_LOOKED_AT = frozenset(
    GroupKind("", kind)
    for kind in (*_VALUES_HELD, "ResourceQuota", "PersistentVolume", "PersistentVolumeClaim")
)
_NEWS = 2.0
"""Seconds for which one look at an object counts."""
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


class Surroundings:
    """The same facts, read at most once a run, and single objects that no watch sees. Thread-safe."""

    def __init__(self, objects: Objects, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._objects = objects
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._simulated: frozenset[str] | None = None
        self._modes: dict[str | None, str | None] | None = None
        self._seen: dict[ObjectRef, tuple[float, Mapping[str, Any] | None]] = {}

    def simulated_nodes(self) -> frozenset[str]:
        """See the function of that name."""
        with self._lock:
            if self._simulated is None:
                self._simulated = simulated_nodes(self._objects)
            return self._simulated

    def binding_mode(self, storage_class: str | None) -> str | None:
        """The volumeBindingMode of a StorageClass (None is the default one), None when it is not known."""
        with self._lock:
            if self._modes is None:
                self._modes = binding_modes(self._objects)
            return self._modes.get(storage_class)

    def look(self, ref: ObjectRef) -> Mapping[str, Any] | None:
        """A ConfigMap, Secret (values left out), ResourceQuota, volume or claim as it was a moment ago; None
        for what is not there, may not be read, or is of another kind."""
        if ref.group_kind not in _LOOKED_AT:
            return None
        with self._lock:
            at, known = self._seen.get(ref, (-_NEWS, None))
            now = self._monotonic()
            if now - at >= _NEWS:
                known = self._read(ref)
                self._seen[ref] = (now, known)
            return known

    def _read(self, ref: ObjectRef) -> Mapping[str, Any] | None:
        try:
            found = self._objects.get(ref)
        except AllupError:
            return None
        if found is not None and ref.kind in _VALUES_HELD:
            for section in ("data", "binaryData"):
                found[section] = dict.fromkeys(found.get(section) or (), "")
        return found
