"""From a loaded platform and what the cluster says to the objects of one component, ready to apply."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from allup import expressions
from allup.cluster.objects import Objects
from allup.cluster.store import Store
from allup.configs import checksummed, encoded
from allup.errors import AllupError, ClusterError
from allup.loading import LoadedPlatform, assemble, live_values, makers
from allup.manifests import Desired, Scope, builtin_scope, with_crds
from allup.model import labels
from allup.model.live import KnownLater, Live
from allup.model.platform import Component, Pin
from allup.model.secrets import Secret
from allup.refs import ObjectRef, ShortRef

_CONTENTS = ("ConfigMap", "Secret")


@dataclass
class Assembler:
    """Assembles components. ``secrets`` are the values by Secret and key; ``keys`` our own two keys.

    ``salt_key`` and ``checksum_key`` are None until the instance has its own Secret: then checksums are
    known later, which only a plan may show.
    """

    loaded: LoadedPlatform
    objects: Objects
    store: Store
    namespace: str
    instance: str
    secrets: Mapping[str, Mapping[str, str]]
    salt_key: bytes
    checksum_key: bytes | None
    applyset_id: str
    evaluation: frozenset[str] = frozenset()
    _contents: dict[ObjectRef, Mapping[str, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def component(
        self, component: Component, *, planning: bool = False, looking: bool = True
    ) -> tuple[Desired, ...]:
        """The objects of a component with live values, pins, labels and checksums filled in.

        Raises AllupError when a live value is not there; with *planning* it is KnownLater instead. Without
        *looking* the cluster is not asked for what the store does not have.
        """
        live = {
            value: self._live(component, value, planning, looking)
            for value in live_values(self.loaded, component.name)
        }
        desired = assemble(
            self.loaded,
            component.name,
            live=live,
            secrets=self.secrets,
            salt_key=self.salt_key,
            scope=self._scope,
            evaluation=self.evaluation,
        )
        finished = tuple(self._finish(component, each, live) for each in desired)
        contents = {
            ref: _data(obj) for kind in _CONTENTS for ref, obj in self.store.of_kind(kind) if not ref.group
        }
        with self._lock:
            self._contents |= {each.ref: _data(each.body) for each in finished if _is_content(each.ref)}
            contents |= self._contents
        return tuple(checksummed(finished, contents, self.checksum_key))

    def refuse_without(self, component: Component) -> tuple[str, ...]:
        """Raises ClusterError when the cluster lacks an object that the component requires; returns sentences
        about those that are lacking and not needed."""
        warnings = []
        for required in component.requires:
            if self._look_up(required.ref, looking=True) is not None:
                continue
            fact = "needs" if required.needed else "looked for"
            lacking = ClusterError(
                f"component {component.name}",
                f"{fact} {required.ref}, which this cluster does not have",
                next_step=required.otherwise,
            )
            if required.needed:
                raise lacking
            warnings.append(str(lacking))
        return tuple(warnings)

    def namespaced(self, group: str, kind: str) -> bool | None:
        """What the server says of a kind's scope, None when it does not serve it (yet)."""
        found = self.objects.discovery.find(group, kind)
        return builtin_scope(group, kind) if found is None else found.namespaced

    @cached_property
    def _scope(self) -> Scope:
        documents = [one for some in self.loaded.documents.values() for one in some]
        return with_crds(documents, self.namespaced)

    def pinned_later(self, component: Component, desired: Desired, obj: Mapping[str, Any]) -> Desired | None:
        """*desired* with the values the server just chose for its pins, None when there is nothing to add."""
        chosen = {
            pin.path: value
            for pin in _pins(component, desired.ref)
            if (value := _at(obj, pin.path)) is not None and _at(desired.body, pin.path) is None
        }
        if not chosen:
            return None
        body = copy.deepcopy(desired.body)
        for path, value in chosen.items():
            _set(body, path, value)
        return replace(desired, body=body)

    def without_pins(self, component: Component, desired: Desired) -> Desired:
        """*desired* without its pinned values: the server shall choose again."""
        body = copy.deepcopy(desired.body)
        for pin in _pins(component, desired.ref):
            _set(body, pin.path, None)
        return replace(desired, body=body)

    def _finish(self, component: Component, desired: Desired, live: Mapping[Live, object]) -> Desired:
        body = desired.body
        if desired.ref.kind == "Secret" and "stringData" in body:
            # The server turns it into data by itself, but then owns no field that could be in conflict,
            # and never takes away a key that is gone (kubernetes issue 70281).
            texts = body.pop("stringData") or {}
            body["data"] = {**(body.get("data") or {}), **{key: encoded(text) for key, text in texts.items()}}
        metadata = body["metadata"]
        if any(ShortRef.parse(borrowed).matches(desired.ref) for borrowed in component.borrows):
            # No member of the ApplySet: other tools that prune by it would delete what is not ours.
            metadata.setdefault("annotations", {})[labels.BORROWED] = "true"
        else:
            metadata.setdefault("labels", {})[labels.APPLYSET_PART_OF] = self.applyset_id
        if any(ShortRef.parse(kept).matches(desired.ref) for kept in component.keep):
            metadata.setdefault("annotations", {})[labels.KEEP] = "platform"
        if desired.ref.kind == "PersistentVolumeClaim" and desired.ref.name in component.initialised_by:
            self._remember_secret(desired, component.initialised_by[desired.ref.name])
        for pin in _pins(component, desired.ref):
            known = self.store.get(desired.ref)
            value = _at(known, pin.path) if known is not None else None
            if value is None and pin.recreate_from is not None:
                value = live.get(pin.recreate_from)
            if value is not None and not isinstance(value, KnownLater):
                _set(body, pin.path, value)
        return desired

    def _remember_secret(self, desired: Desired, secret: str) -> None:
        """Notes on a claim which values its data is made with; refuses one that was made with others."""
        values = self.secrets.get(secret)
        if self.checksum_key is None or values is None:
            return
        canonical = json.dumps(sorted(values.items())).encode()
        mark = hmac.new(self.checksum_key, canonical, hashlib.sha256).hexdigest()[:32]
        known = self.store.get(desired.ref)
        made_with = ((known or {}).get("metadata", {}).get("annotations") or {}).get(labels.INITIALISED_BY)
        if made_with not in (None, mark):
            raise AllupError(
                str(desired.ref),
                f"its data was made with other values than Secret {secret} has now",
                evidence="What is stored there does not open with them",
                next_step="Put the old Secret back, or lose the data: delete the claim and bring "
                f"{desired.component} up again",
            )
        annotations = desired.body["metadata"].setdefault("annotations", {})
        annotations[labels.INITIALISED_BY] = mark

    def _live(self, component: Component, live: Live, planning: bool, looking: bool) -> object:
        found = self._look_up(live.ref, looking)
        if found is not None:
            try:
                value = expressions.first(live.expression, found)
            except ValueError as error:
                raise AllupError(
                    f"component {component.name}", f"{live.ref} has no {live.expression} ({error})"
                ) from None
            if value is not None:
                return value
        if not live.required:
            return live.default
        maker = self._maker(live.ref)
        if planning:
            return KnownLater(f"known after {maker or live.ref} is up")
        raise AllupError(
            f"component {component.name}",
            f"needs {live.expression} of {live.ref}, which is not there",
            next_step=f"Bring {maker} up first" if maker else "",
        )

    def _maker(self, wanted: ShortRef) -> str:
        made = makers(self.loaded)
        return next((name for ref, name in made if _same_name(wanted, ref)), "")

    def _look_up(self, short: ShortRef, looking: bool) -> dict[str, Any] | None:
        for ref, obj in self.store.of_kind(short.kind):
            if short.matches(ref) and (short.namespace or ref.namespace in ("", self.namespace)):
                return dict(obj)
        if not looking:
            return None
        resource = self.objects.discovery.find(short.group, short.kind)
        if resource is None and not short.group:
            resource = next(iter(self.objects.discovery.of_kind(short.kind)), None)
        if resource is None:
            return None
        namespace = (short.namespace or self.namespace) if resource.namespaced else ""
        return self.objects.get(ObjectRef(resource.group, resource.kind, namespace, short.name))


def secrets_of(components: Sequence[Component]) -> tuple[tuple[Component, Secret], ...]:
    """Every Secret declared by those components."""
    return tuple((component, secret) for component in components for secret in component.secrets)


def _pins(component: Component, ref: ObjectRef) -> tuple[Pin, ...]:
    return tuple(pin for pin in component.pins if pin.ref.matches(ref))


def _is_content(ref: ObjectRef) -> bool:
    return not ref.group and ref.kind in _CONTENTS


def _data(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**(obj.get("data") or {}), **(obj.get("binaryData") or {})}


def _at(obj: Mapping[str, Any] | None, path: str) -> Any:
    value: Any = obj
    for key in path.strip(".").split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _set(body: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.strip(".").split(".")
    for key in parents:
        body = body.setdefault(key, {})
    if value is None:
        body.pop(last, None)
    else:
        body[last] = value


def _same_name(wanted: ShortRef, made: ObjectRef) -> bool:
    return (wanted.kind, wanted.name) == (made.kind, made.name) and wanted.group in ("", made.group)
