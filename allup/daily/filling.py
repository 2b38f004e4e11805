"""A Secret made or filled from files: values never stand in argv. Given values replace, others stay."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allup.cluster import namespaces
from allup.cluster.inventory import Inventory
from allup.cluster.objects import Written
from allup.daily.locking import locked
from allup.errors import AdoptionRefused, InputError, did_you_mean
from allup.model import labels
from allup.model.platform import Component, Platform
from allup.model.secrets import Provided, Secret
from allup.refs import ObjectRef
from allup.run.session import Session


@dataclass(frozen=True)
class Filled:
    """What became of the Secret. *component* is ``""`` for one that is not the platform's."""

    ref: ObjectRef
    written: Written
    component: str
    keys: tuple[str, ...]


def fill(
    session: Session, platform: Platform, name: str, values: Mapping[str, bytes], lock_timeout: float
) -> Filled:
    """Writes the Secret, in a namespace made for it if need be; its values are known to the redactor from
    here on.

    One that the platform declares gets its labels, and only its keys. Another one carries no label of the
    instance: nothing of ours ever removes it. Raises InputError for a key the platform does not know, or a
    blank value; AdoptionRefused and FieldConflict when it, or a key of it, belongs to somebody else.
    """
    owner, secret = _declared(platform, name)
    given = {key: _checked(secret, name, key, value) for key, value in values.items()}
    ref = ObjectRef("", "Secret", platform.namespace, name)
    if namespaces.look(session.objects, platform.namespace, platform.instance) is None:
        namespaces.make(
            session.objects,
            platform.namespace,
            platform=platform.name,
            instance=platform.instance,
            pod_security=platform.pod_security,
        )
    for value in given.values():
        try:
            session.redactor.add(value.decode())
        except UnicodeDecodeError:
            session.redactor.add(base64.b64encode(value).decode())
    with locked(session, platform, lock_timeout):
        found = session.objects.get(ref)
        instance = ((found or {"metadata": {}})["metadata"].get("labels") or {}).get(labels.INSTANCE)
        if owner is not None and found is not None and instance != platform.instance:
            raise AdoptionRefused(
                str(ref),
                "exists and is not ours",
                next_step=f"Remove it, or bring {owner.name} up with --adopt {ref}",
            )
        encoded = {key: base64.b64encode(value).decode() for key, value in given.items()}
        kept = _ours(found) if found else {}
        body = _body(platform, ref, owner, secret, {**kept, **encoded}, found)
        applied = session.objects.apply(body, known=found, force=owner is not None)
    return Filled(ref, applied.written, owner.name if owner else "", tuple(given))


def _declared(platform: Platform, name: str) -> tuple[Component | None, Secret | None]:
    for component in platform.components:
        for secret in component.secrets:
            if secret.name == name:
                return component, secret
    return None, None


def _checked(secret: Secret | None, name: str, key: str, value: bytes) -> bytes:
    if secret is not None:
        if key not in secret.keys:
            raise InputError(f"Secret {name!r}", f"has no key {key!r}{did_you_mean(key, secret.keys)}")
        if isinstance(secret.keys[key], Provided):
            value = value.rstrip()  # as up does: an editor's last line break is not part of a licence
    if not value.strip():
        raise InputError(f"Secret {name!r}, key {key!r}", "its file is blank", evidence="Nothing was touched")
    return value


def _ours(found: Mapping[str, Any]) -> dict[str, str]:
    """The keys we wrote before: an apply that leaves one out removes it. Those of others stay theirs."""
    data = found.get("data") or {}
    owned = {
        field.removeprefix("f:")
        for entry in found["metadata"].get("managedFields") or ()
        if entry.get("manager") == labels.FIELD_MANAGER and entry.get("operation") == "Apply"
        for field in ((entry.get("fieldsV1") or {}).get("f:data") or {})
    }
    return {key: value for key, value in data.items() if key in owned}


def _body(
    platform: Platform,
    ref: ObjectRef,
    owner: Component | None,
    secret: Secret | None,
    data: Mapping[str, str],
    found: Mapping[str, Any] | None,
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": ref.name, "namespace": ref.namespace}
    if owner is not None:
        metadata["labels"] = labels.standard_labels(platform.name, platform.instance, owner.name) | {
            labels.APPLYSET_PART_OF: Inventory(
                platform.name, platform.instance, platform.namespace
            ).applyset_id
        }
        if secret is not None and secret.generated:
            metadata["annotations"] = {labels.KEEP: "generated"}
    else:
        metadata["labels"] = {labels.MANAGED_BY: labels.TOOL}
    kind = str((found or {}).get("type") or (secret.type if secret else _type(data)))
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": dict(data)}


def _type(data: Mapping[str, str]) -> str:
    if ".dockerconfigjson" in data:
        return "kubernetes.io/dockerconfigjson"
    return "kubernetes.io/tls" if {"tls.crt", "tls.key"} <= data.keys() else "Opaque"
