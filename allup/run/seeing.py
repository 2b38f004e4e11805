"""What of an instance is in the cluster right now, by component, judged. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allup.cluster import inventory as inventories
from allup.cluster.inventory import Inventory
from allup.cluster.store import component_of
from allup.cluster.watch import Watches
from allup.diagnosis import Finding
from allup.diagnosis.diagnose import together
from allup.errors import AllupError, InputError, did_you_mean
from allup.graph import Graph
from allup.model import labels
from allup.model.platform import Platform
from allup.readiness import Readiness, State, judge
from allup.refs import GroupKind, ObjectRef
from allup.run.beside import Beside
from allup.run.explaining import Explainer
from allup.run.keeping import why_kept
from allup.run.session import Session

_BESIDE = (
    GroupKind("", "Pod"),
    GroupKind("apps", "ReplicaSet"),
    GroupKind("discovery.k8s.io", "EndpointSlice"),
)
_BETWEEN = ("ReplicaSet", "Job")
_COPIES = ("Endpoints", "EndpointSlice")


@dataclass(frozen=True)
class ComponentState:
    """How a component stands. *state* is ready, not ready, failed, kept (only data is there), down or
    disabled; *objects* are its objects with their verdicts; *created* is the oldest object's timestamp."""

    name: str
    state: str
    message: str
    objects: tuple[tuple[ObjectRef, Readiness], ...]
    pods: tuple[str, ...]
    created: str


class Sight:
    """One look at an instance."""

    def __init__(self, session: Session, platform: Platform, kinds: frozenset[GroupKind]) -> None:
        self._session = session
        self._platform = platform
        self.notes: list[str] = []
        self.failure: AllupError | None = None
        self.watches = Watches(
            session.api,
            selector=labels.instance_selector(platform.instance),
            on_failure=self._failed,
            on_note=self.notes.append,
        )
        empty = Inventory(platform.name, platform.instance, platform.namespace)
        self.inventory = inventories.read(session.objects, empty)
        kinds |= self.inventory.group_kinds if self.inventory else frozenset()
        found = (session.discovery.find(kind.group, kind.kind) for kind in sorted({*kinds, *_BESIDE}))
        self.resources = tuple(resource for resource in found if resource is not None)
        for resource in self.resources:
            self.watches.list(resource, platform.namespace)

    def follow(self) -> None:
        """From here on the watches keep ``watches.store`` fresh; ``failure`` says when they cannot."""
        for resource in self.resources:
            self.watches.open(resource, self._platform.namespace)

    def _failed(self, error: AllupError) -> None:
        self.failure = self.failure or error
        self.notes.append(str(error))

    def live(self, ref: ObjectRef) -> Mapping[str, Any] | None:
        """One object in full, read now."""
        return self._session.objects.get(ref)

    def pods_of(self, obj: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """The pods under a workload, by name; of a pod, itself."""
        if obj["kind"] == "Pod":
            return (obj,)
        store = self.watches.store
        uid = str(obj["metadata"]["uid"])
        owners = [uid, *(str(o["metadata"]["uid"]) for k in _BETWEEN for o in store.owned(uid, k))]
        pods = [pod for owner in owners for pod in store.owned(owner, "Pod")]
        return sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))

    def in_full(self, component: str = "", kind: str = "") -> Sequence[dict[str, Any]]:
        """Our objects and their pods as the server has them, read now, in the order of their names; of
        *component*, of *kind* (any name the server knows it by). Raises InputError for an unknown kind."""
        wanted = [r for r in self.resources if r.kind not in (*_COPIES, "ReplicaSet")]
        if kind:
            served = self._session.discovery.listable()
            wanted = [
                r for r in served if kind.lower() in (r.kind.lower(), r.plural, str(r.group_kind).lower())
            ]
            if not wanted:
                known = sorted({r.kind for r in served})
                raise InputError(
                    f"kind {kind!r}", f"is not one the cluster serves{did_you_mean(kind, known)}"
                )
        selector = labels.instance_selector(self._platform.instance)
        found = {}
        for resource in wanted:
            for obj in self._session.objects.list(resource, self._platform.namespace, selector):
                if component_of(obj) and component in ("", component_of(obj)):
                    found[ObjectRef.of(obj)] = obj
        return [found[ref] for ref in sorted(found)]

    def ours(self) -> dict[ObjectRef, str]:
        """Every object with a component's label, also what controllers made, and its component."""
        found = ((ref, component_of(obj)) for ref, obj in self.watches.store.all())
        return {ref: component for ref, component in found if component}

    def objects(self, component: str) -> dict[ObjectRef, Mapping[str, Any]]:
        """The component's own objects."""
        return {
            ref: obj
            for ref, obj in self.watches.store.of_component(component)
            if not obj["metadata"].get("ownerReferences") and ref.kind not in _COPIES
        }

    def graph(self) -> Graph:
        """The stored graph, with what the code knows and what only labels tell."""
        stored = dict(self.inventory.graph) if self.inventory else {}
        needs: dict[str, Sequence[str]] = {c.name: tuple(c.after) for c in self._platform.components}
        needs |= stored
        for _, obj in self.watches.store.all():
            if component_of(obj):
                needs.setdefault(component_of(obj), ())
        return Graph({name: [n for n in needed if n in needs] for name, needed in needs.items()})

    def components(self) -> tuple[ComponentState, ...]:
        """Every component in graph order."""
        return tuple(self._component(name) for name in self.graph().order())

    def _component(self, name: str) -> ComponentState:
        objects = self.objects(name)
        now = self._session.clock.now()
        beside = Beside(self.watches.store, name)
        judged = tuple((ref, judge(obj, beside, now)) for ref, obj in sorted(objects.items()))
        pods = tuple(ref.name for ref, _ in self.watches.store.of_component(name, ("Pod",)))
        created = min((o["metadata"].get("creationTimestamp", "") for o in objects.values()), default="")
        state, message = self._state(name, objects, judged)
        return ComponentState(name, state, message, judged, pods, created)

    def _state(
        self,
        name: str,
        objects: Mapping[ObjectRef, Mapping[str, Any]],
        judged: Sequence[tuple[ObjectRef, Readiness]],
    ) -> tuple[str, str]:
        declared = next((c for c in self._platform.components if c.name == name), None)
        if not objects:
            return ("down", "") if declared is None or declared.enabled else ("disabled", "")
        worst = [(ref, r) for ref, r in judged if not r.ready]
        failed = [(ref, r) for ref, r in worst if r.state is State.FAILED or r.hopeless]
        for ref, readiness in (*failed, *worst):
            others = f", and {len(worst) - 1} more" if len(worst) > 1 else ""
            state = "failed" if failed else "not ready"
            return state, f"{ref.kind}/{ref.name}: {readiness.message}{others}"
        only_data = declared is not None and declared.files and all(why_kept(o) for o in objects.values())
        if only_data and self._last_about(name) == "down":
            return "kept", "taken down; its data is kept"
        return "ready", f"{len(objects)} object{'s' if len(objects) != 1 else ''}"

    def _last_about(self, component: str) -> str:
        """The verb of the last run that was about the component, alone or with all others."""
        runs = self.inventory.runs if self.inventory else ()
        words = [run.verb.split() for run in runs]
        return next((w[0] for w in reversed(words) if w and (w[1:] == [] or component in w[1:])), "")

    def finding_of_pod(self, name: str) -> tuple[str, Finding | None]:
        """The component of the pod *name*, and why it is not right (None: it is). Raises InputError when no
        component has such a pod."""
        pods = {ref.name: ref for ref in self.ours() if ref.kind == "Pod"}
        if name not in pods:
            raise InputError(f"pod {name!r}", f"is not there{did_you_mean(name, pods)}")
        ref = pods[name]
        component = self.ours()[ref]
        store = self.watches.store
        verdict = judge(store.get(ref) or {}, Beside(store, component), self._session.clock.now())
        if verdict.ready:
            return component, None
        explainer = Explainer(self._session, store, self._platform.collection)
        return component, explainer.finding(component, ref, verdict)

    def findings(self, component: str = "") -> tuple[tuple[str, Finding], ...]:
        """Why what is not right is not right, by component; what has one root is one finding."""
        explainer = Explainer(self._session, self.watches.store, self._platform.collection)
        found = []
        for state in self.components():
            if component in ("", state.name):
                wrong = [(ref, readiness) for ref, readiness in state.objects if not readiness.ready]
                told = [explainer.finding(state.name, ref, readiness) for ref, readiness in wrong]
                found += [(state.name, each) for each in together(told)]
        return tuple(found)
