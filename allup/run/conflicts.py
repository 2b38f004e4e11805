"""Fields and objects that others manage: explained, or taken over when told so."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from allup.cluster.objects import Objects, explain_immutable
from allup.errors import AllupError, FieldConflict, ImmutableField
from allup.manifests import Desired
from allup.model import labels
from allup.refs import ObjectRef
from allup.run.keeping import why_kept

_CLIENT_SIDE = ("kubectl-client-side-apply", "kubectl", "before-first-apply")
_CONFLICT = re.compile(r'conflict with "([^"]+)"')
_STEP = re.compile(r"\.?([^.\[\]]+)|\[([^\]]*)\]")


def explain(error: FieldConflict, desired: Desired, live: Mapping[str, Any] | None) -> AllupError:
    """The conflict in words: each manager, field, and both values. A Secret's values are not shown."""
    parts = []
    causes = error.details.get("causes")
    for cause in causes if isinstance(causes, list) else ():
        manager = _CONFLICT.search(cause.get("message", ""))
        path = str(cause.get("field", ""))
        text = f"{path} (managed by {manager.group(1) if manager else 'another manager'}"
        if desired.ref.kind != "Secret":
            text += f"; there {_shown(value_at(live, path))}, ours {_shown(value_at(desired.body, path))}"
        parts.append(text + ")")
    return AllupError(
        str(desired.ref),
        f"another manager owns {', '.join(parts) or 'a field'}",
        next_step="Change it there, or take the fields for this run with --force-conflicts",
    )


def immutable(error: ImmutableField, desired: Desired, down: str) -> AllupError:
    """That something cannot be changed in place: what, from what to what, and the way out. What holds data
    stays on a down, so only giving the data up, or the old value, leads on. *down* is the command."""
    what = explain_immutable(error)
    changes = "" if desired.ref.kind == "Secret" else ", ".join(_changed_lines(error.fact))
    if why_kept(desired.body):
        way = f"Go back to what it was; or give up its data ({down} --purge) and bring it up again"
    else:
        way = f"Take the component down ({down}) and up again"
    return AllupError(
        str(desired.ref),
        f"{what or 'a field'} cannot be changed in place" + (f": {changes}" if changes else ""),
        evidence="" if changes else error.fact.partition("\n@@")[0],
        next_step=way,
    )


def _changed_lines(fact: str) -> Sequence[str]:
    """``StorageClassName "standard" → "slow"`` from the diff that the server's message may end in."""
    removed = dict(re.findall(r'^-\s*"(\w+)": (.*?),?$', fact, re.M))
    added = dict(re.findall(r'^\+\s*"(\w+)": (.*?),?$', fact, re.M))
    return [f"{name} {value} → {added[name]}" for name, value in removed.items() if name in added]


def scaled_by_us(error: FieldConflict) -> bool:
    """True when the only other manager is the one that the scale verb writes with."""
    causes = error.details.get("causes")
    managers = [
        found.group(1) if (found := _CONFLICT.search(cause.get("message", ""))) else ""
        for cause in (causes if isinstance(causes, list) else ())
        if cause.get("reason") == "FieldManagerConflict"
    ]
    return bool(managers) and set(managers) == {labels.SCALE_FIELD_MANAGER}


def take_over(objects: Objects, ref: ObjectRef, found: Mapping[str, Any]) -> None:
    """Moves what client-side kubectl manages on the object to us, so that our apply can also remove it."""
    managed = [dict(entry) for entry in found["metadata"].get("managedFields") or ()]
    ours = [entry for entry in managed if entry.get("manager") == labels.FIELD_MANAGER]
    if ours:
        return
    for entry in managed:
        if entry.get("manager") in _CLIENT_SIDE and entry.get("operation") == "Update":
            entry["manager"], entry["operation"] = labels.FIELD_MANAGER, "Apply"
            break
    else:
        return
    version = found["metadata"]["resourceVersion"]
    patch = {"metadata": {"managedFields": managed, "resourceVersion": version}}
    objects.merge(ref, patch, manager=labels.FIELD_MANAGER)


def value_at(obj: Mapping[str, Any] | None, path: str) -> Any:
    """The value at a field path as the API server writes it (``.spec.containers[name="x"].image``)."""
    value: Any = obj
    for name, key in _STEP.findall(path):
        if name:
            value = value.get(name) if isinstance(value, Mapping) else None
        elif isinstance(value, list):
            value = _keyed(value, key)
        else:
            return None
    return value


def _keyed(items: list[Any], key: str) -> Any:
    wanted = dict(re.findall(r'(\w+)="?([^",]*)"?', key))
    for item in items:
        if isinstance(item, Mapping) and all(str(item.get(k)) == v for k, v in wanted.items()):
            return item
    return None


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
