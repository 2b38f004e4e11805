"""The instance's own Secret: the keys behind checksum annotations and password salts.

A plain hash of a password could be guessed from the annotation; an HMAC with a key kept in the cluster
cannot, and is the same on every machine.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass

from allup.cluster.objects import Objects
from allup.cluster.store import Store
from allup.errors import ApiError
from allup.model import labels
from allup.refs import ObjectRef

NO_KEY = b"\0" * 32


@dataclass(frozen=True)
class OwnKeys:
    """Two independent keys of 32 bytes."""

    checksum: bytes
    salt: bytes

    def __repr__(self) -> str:
        return "OwnKeys(…)"


def ref(instance: str, namespace: str) -> ObjectRef:
    """The Secret that holds them."""
    return ObjectRef("", "Secret", namespace, labels.inventory_name(instance))


def read(objects: Objects, instance: str, namespace: str) -> OwnKeys | None:
    """The keys as kept in the cluster, or None before the first up."""
    found = objects.get(ref(instance, namespace))
    return None if found is None else _parse(found.get("data") or {})


def of_store(store: Store, instance: str, namespace: str) -> OwnKeys | None:
    """The same from what has been listed."""
    found = store.get(ref(instance, namespace))
    return None if found is None else _parse(found.get("data") or {})


@dataclass(frozen=True)
class Made:
    """The keys of a first up. *ours* is False when another first up was quicker, and its keys are used."""

    keys: OwnKeys
    ours: bool


def make(objects: Objects, platform: str, instance: str, namespace: str) -> Made:
    """Keys for the first up."""
    made = {"checksum-key": secrets.token_bytes(32), "salt-key": secrets.token_bytes(32)}
    data = {key: base64.b64encode(value).decode() for key, value in made.items()}
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": labels.inventory_name(instance),
            "namespace": namespace,
            "labels": {
                labels.MANAGED_BY: labels.TOOL,
                labels.PART_OF: platform,
                labels.INSTANCE: instance,
            },
            "annotations": {labels.KEEP: "generated"},
        },
        "data": data,
    }
    ours = OwnKeys(made["checksum-key"], made["salt-key"])
    try:
        objects.create(body)
    except ApiError as error:
        kept = read(objects, instance, namespace) if error.status == 409 else None
        if kept is None:
            raise
        return Made(kept, ours=False)
    return Made(ours, ours=True)


def _parse(data: dict[str, str]) -> OwnKeys | None:
    try:
        return OwnKeys(base64.b64decode(data["checksum-key"]), base64.b64decode(data["salt-key"]))
    except (KeyError, ValueError):
        return None
