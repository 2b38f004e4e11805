"""What we remember in the cluster: the ConfigMap ``allup-<instance>``, an ApplySet parent (KEP-3659).

Its annotations say which kinds we have objects of, so that other tools can read our inventory; its data
holds the graph, the settings, the times and the last runs, so that down and status need no flags of up.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from allup.cluster.objects import Objects
from allup.cluster.store import Store
from allup.model import labels
from allup.refs import GroupKind, ObjectRef

RUNS_KEPT = 10


@dataclass(frozen=True)
class Run:
    """One line of history."""

    verb: str
    started: str
    seconds: float
    outcome: str


@dataclass(frozen=True)
class Inventory:
    """What the ConfigMap says. ``graph`` maps a component to what it needs; ``seconds`` to its last time.

    ``settings`` are the non-secret settings of the last up with their origins.
    """

    platform: str
    instance: str
    namespace: str
    group_kinds: frozenset[GroupKind] = frozenset()
    graph: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settings: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()

    @property
    def ref(self) -> ObjectRef:
        """The ConfigMap."""
        return ObjectRef("", "ConfigMap", self.namespace, labels.inventory_name(self.instance))

    @property
    def applyset_id(self) -> str:
        """The ApplySet's id: a hash of the parent's name, namespace and kind (KEP-3659)."""
        key = f"{self.ref.name}.{self.namespace}.ConfigMap."
        digest = base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()).decode().rstrip("=")
        return f"applyset-{digest}-v1"

    def with_kinds(self, kinds: Iterable[GroupKind]) -> Inventory:
        """Also those kinds."""
        return replace(self, group_kinds=self.group_kinds | frozenset(kinds))

    def with_run(self, run: Run) -> Inventory:
        """With one more line of history, the oldest dropped."""
        return replace(self, runs=(*self.runs, run)[-RUNS_KEPT:])

    def body(self) -> dict[str, Any]:
        """The ConfigMap."""
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.ref.name,
                "namespace": self.namespace,
                "labels": {
                    labels.MANAGED_BY: labels.TOOL,
                    labels.PART_OF: self.platform,
                    labels.INSTANCE: self.instance,
                    labels.APPLYSET_ID: self.applyset_id,
                },
                "annotations": {
                    labels.APPLYSET_TOOLING: "allup/v1",
                    labels.APPLYSET_GROUP_KINDS: ",".join(sorted(str(kind) for kind in self.group_kinds)),
                },
            },
            "data": {
                "instance": self.instance,
                "graph": json.dumps({name: list(needs) for name, needs in self.graph.items()}),
                "settings": json.dumps({name: list(value) for name, value in self.settings.items()}),
                "seconds": json.dumps({name: round(value, 2) for name, value in self.seconds.items()}),
                "runs": json.dumps([[r.verb, r.started, round(r.seconds, 2), r.outcome] for r in self.runs]),
            },
        }


def read(objects: Objects, empty: Inventory) -> Inventory | None:
    """The inventory that *empty* names, or None when there is none. What is damaged in it is left out."""
    found = objects.get(empty.ref)
    return None if found is None else _parse(found, empty)


def of_store(store: Store, empty: Inventory) -> Inventory | None:
    """The same from what has been listed."""
    found = store.get(empty.ref)
    return None if found is None else _parse(found, empty)


def others(objects: Objects, namespace: str, instance: str) -> tuple[str, ...]:
    """The other instances that have an inventory in the namespace."""
    resource = objects.discovery.find("", "ConfigMap")
    selector = f"{labels.MANAGED_BY}={labels.TOOL},{labels.APPLYSET_ID}"
    found = objects.list(resource, namespace, selector) if resource else ()
    names = {str((each["metadata"].get("labels") or {}).get(labels.INSTANCE, "")) for each in found}
    return tuple(sorted(names - {instance, ""}))


def _parse(found: Mapping[str, Any], empty: Inventory) -> Inventory:
    metadata = found["metadata"]
    data = found.get("data") or {}
    kinds = (metadata.get("annotations") or {}).get(labels.APPLYSET_GROUP_KINDS, "")
    graph = _parsed(data.get("graph"), {})
    settings = _parsed(data.get("settings"), {})
    seconds = _parsed(data.get("seconds"), {})
    runs = _parsed(data.get("runs"), [])
    return Inventory(
        platform=(metadata.get("labels") or {}).get(labels.PART_OF, empty.platform),
        instance=empty.instance,
        namespace=empty.namespace,
        group_kinds=frozenset(GroupKind.parse(kind) for kind in kinds.split(",") if kind),
        graph={name: tuple(needs) for name, needs in graph.items() if isinstance(needs, list)},
        settings={n: (v[0], str(v[1])) for n, v in settings.items() if isinstance(v, list) and len(v) == 2},
        seconds={n: float(v) for n, v in seconds.items() if isinstance(v, int | float)},
        runs=tuple(Run(*run) for run in runs if isinstance(run, list) and len(run) == 4),
    )


def write(objects: Objects, inventory: Inventory) -> None:
    """Applies the ConfigMap."""
    objects.apply(inventory.body(), force=True)


def _parsed(text: str | None, otherwise: Any) -> Any:
    try:
        parsed = json.loads(text or "")
    except ValueError:
        return otherwise
    return parsed if isinstance(parsed, type(otherwise)) else otherwise
