"""New values for a generated Secret: what that breaks, and the writes before all-up's own mechanism rolls
the pods that use it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from allup.cluster import inventory as inventories
from allup.cluster.inventory import Inventory
from allup.cluster.watch import Watches
from allup.daily.locking import locked
from allup.errors import AllupError, InputError, did_you_mean
from allup.loading import LoadedPlatform
from allup.manifests import Desired, pod_template_paths
from allup.model import labels
from allup.model.platform import Component
from allup.model.secrets import Secret
from allup.refs import GroupKind, ObjectRef
from allup.run import ownkeys
from allup.run.assembly import Assembler
from allup.run.secretsource import Given
from allup.run.session import Session
from allup.secretvalues import SecretRandom, resolve_secret

_CLAIM = "PersistentVolumeClaim"


@dataclass(frozen=True)
class Rotation:
    """What a rotation means. *rolls* are workloads whose pods will be replaced, *rendered* texts that quote
    the Secret, *claims* those whose data was made with it; *breaks* is the platform's own warning.

    *components* are to be brought up again once it is written. The values are in *desired*: never shown.
    """

    ref: ObjectRef
    component: str
    rolls: tuple[ObjectRef, ...]
    rendered: tuple[ObjectRef, ...]
    claims: tuple[ObjectRef, ...]
    components: tuple[str, ...]
    breaks: str
    desired: Mapping[ObjectRef, Desired] = field(repr=False)


def plan_rotation(session: Session, loaded: LoadedPlatform, name: str, given: Given) -> Rotation:
    """Makes new values, known to the redactor from here on, and works out whom they concern, by assembling
    the platform with the old and with the new ones. Only reads.

    Raises InputError when *name* is no generated Secret of the platform, AllupError when it is not there.
    """
    platform = loaded.platform
    component, secret = _declared(loaded, name)
    watches = Watches(
        session.api,
        selector=labels.instance_selector(platform.instance),
        on_failure=lambda _: None,
        on_note=lambda _: None,
    )
    empty = Inventory(platform.name, platform.instance, platform.namespace)
    inventory = inventories.read(session.objects, empty) or empty
    # Not the claims: what their data was made with is what is to be found out, not what is to be refused.
    kinds = {GroupKind("", "ConfigMap"), GroupKind("", "Secret"), *inventory.group_kinds}
    for kind in sorted(kinds - {GroupKind("", _CLAIM)}):
        resource = session.discovery.find(kind.group, kind.kind)
        if resource is not None:
            watches.list(resource, platform.namespace)
    ref = ObjectRef("", "Secret", platform.namespace, name)
    keys = ownkeys.of_store(watches.store, platform.instance, platform.namespace)
    if watches.store.get(ref) is None or keys is None:
        raise AllupError(
            str(ref),
            "is not there yet",
            next_step=f"inv {platform.collection}.{component.up_task} makes it, with new values",
        )
    kept = {
        one.name: _values(watches.store.get(ObjectRef("", "Secret", platform.namespace, one.name)))
        for owner in loaded.enabled
        for one in owner.secrets
    }
    made = resolve_secret(
        secret,
        existing=None,
        environ=given.environ,
        read_file=given.read_file,
        sandbox=session.sandbox,
        random=SecretRandom(),
        now=session.clock.now(),
    )
    for value in made.values.values():
        session.redactor.add(value)

    def assembled(secrets: Mapping[str, Mapping[str, str]]) -> dict[ObjectRef, Desired]:
        assembler = Assembler(
            loaded=loaded,
            objects=session.objects,
            store=watches.store,
            namespace=platform.namespace,
            instance=platform.instance,
            secrets=secrets,
            salt_key=keys.salt,
            checksum_key=keys.checksum,
            applyset_id=inventory.applyset_id,
        )
        for _ in range(2):  # the second time every text that a checksum covers is known
            found = [d for one in loaded.enabled for d in assembler.component(one, planning=True)]
        return {desired.ref: desired for desired in found}

    before, after = assembled(kept), assembled({**kept, name: made.values})
    changed = [d for r, d in after.items() if r != ref and d.body != before[r].body]
    there = [d for d in changed if session.objects.get(d.ref) is not None]
    return Rotation(
        ref=ref,
        component=component.name,
        rolls=tuple(d.ref for d in there if _template(d) != _template(before[d.ref])),
        rendered=tuple(d.ref for d in there if d.ref.kind in ("Secret", "ConfigMap")),
        claims=tuple(d.ref for d in there if d.ref.kind == _CLAIM),
        components=tuple(dict.fromkeys((component.name, *(d.component for d in there)))),
        breaks=secret.rotation,
        desired={d.ref: d for d in (after[ref], *there)},
    )


def write_rotation(session: Session, loaded: LoadedPlatform, rotation: Rotation, lock_timeout: float) -> None:
    """Writes the Secret, and on the claims that their data counts as made with it from now on. Bringing up
    ``rotation.components`` does the rest; when that is interrupted the next all-up does."""
    with locked(session, loaded.platform, lock_timeout):
        session.objects.apply(rotation.desired[rotation.ref].body)
        for claim in rotation.claims:
            annotations = rotation.desired[claim].body["metadata"].get("annotations") or {}
            mark = {labels.INITIALISED_BY: annotations[labels.INITIALISED_BY]}
            session.objects.merge(claim, {"metadata": {"annotations": mark}}, manager=labels.FIELD_MANAGER)


def _declared(loaded: LoadedPlatform, name: str) -> tuple[Component, Secret]:
    declared = {one.name: (owner, one) for owner in loaded.enabled for one in owner.secrets}
    if name not in declared:
        known = [n for n, (_, one) in declared.items() if one.generated]
        raise InputError(
            f"Secret {name!r}",
            f"is not one of {loaded.platform.name}'s{did_you_mean(name, declared)}",
            next_step=f"Generated are {', '.join(known)}" if known else "",
        )
    owner, secret = declared[name]
    if not secret.generated:
        raise InputError(
            f"Secret {name!r}",
            "is given by a person, not generated",
            next_step=f"Give the new value to inv {loaded.platform.collection}.{owner.up_task}",
        )
    return owner, secret


def _values(found: Mapping[str, Any] | None) -> dict[str, str]:
    data = (found or {}).get("data") or {}
    return {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in data.items()}


def _template(desired: Desired) -> Any:
    paths = pod_template_paths(desired.ref.group, desired.ref.kind)
    value: Any = desired.body
    for step in paths[-1] if paths else ():
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if paths else None
