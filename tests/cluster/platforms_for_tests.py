"""Small platforms, and an instance on the sandbox to bring them up in: what a test says in one line."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from allup import Component, Platform
from allup.cluster.discovery import Resource
from allup.loading import LoadedPlatform, load
from allup.model import labels
from allup.redaction import Redactor
from allup.refs import GroupKind, ObjectRef
from allup.run.awaiting import Await
from allup.run.clock import SystemClock
from allup.run.down import Down
from allup.run.options import RunOptions
from allup.run.planning import Plan, make_plan
from allup.run.progress import (
    THE_REST,
    Action,
    ComponentMoved,
    ComponentResult,
    Note,
    ObjectDone,
    Phase,
    Progress,
    RunFinished,
)
from allup.run.secretsource import Given
from allup.run.seeing import Sight
from allup.run.session import Session, open_session
from allup.run.up import Up

Object = dict[str, Any]

NAME = "small"
PATIENCE = 20.0
HELD = "tests.example/held"
"""A finalizer that nobody serves; ``discard`` takes it off ConfigMaps."""
_CLUSTER_SCOPED = ("PersistentVolume", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition")
_numbers = itertools.count(1)
_KINDS = (
    *("ServiceAccount", "ConfigMap", "Secret", "Service", "Endpoints", "EndpointSlice", "Pod"),
    *("PersistentVolumeClaim", "PersistentVolume", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"),
    *("Job", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "NetworkPolicy", "Ingress"),
    *("CustomResourceDefinition", "ResourceQuota"),
)


def unique_name() -> str:
    """A name for an instance, and so for its namespace."""
    return f"t{os.getpid()}-{next(_numbers)}"


# Objects


def obj(kind: str, name: str, api_version: str = "v1", **sections: Any) -> Object:
    """Any object; *sections* are its top-level fields."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **sections}


def config(name: str, **data: str) -> Object:
    """A ConfigMap: the cheapest object there is."""
    return obj("ConfigMap", name, data=data)


def pod_spec(name: str, **more: Any) -> Object:
    """One container that a simulated node calls ready at once."""
    return {"containers": [{"name": "main", "image": f"example.invalid/{name}:1"}], **more}


def deployment(name: str, *, fault: str = "", replicas: int = 1, **spec: Any) -> Object:
    """A Deployment; *fault* is one of the stages in tests/cluster/stages, *spec* more of the pod's."""
    template_labels = {"app": name} | ({"allup-fault": fault} if fault else {})
    return obj(
        "Deployment",
        name,
        "apps/v1",
        spec={
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": template_labels}, "spec": pod_spec(name, **spec)},
        },
    )


def service(name: str, **spec: Any) -> Object:
    """A Service in front of the Deployment of that name."""
    return obj("Service", name, spec={"selector": {"app": name}, "ports": [{"port": 80}], **spec})


def job(name: str, *, fault: str = "", image: str = "example.invalid/job:1") -> Object:
    """A Job whose pod a simulated node completes."""
    metadata = {"labels": {"allup-fault": fault}} if fault else {}
    containers = [{"name": "main", "image": image}]
    template = {"metadata": metadata, "spec": {"restartPolicy": "Never", "containers": containers}}
    return obj("Job", name, "batch/v1", spec={"backoffLimit": 0, "template": template})


def claim(name: str, **spec: Any) -> Object:
    """A claim on the sandbox's default StorageClass."""
    return obj(
        "PersistentVolumeClaim",
        name,
        spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec},
    )


def definition(plural: str, kind: str) -> Object:
    """A CustomResourceDefinition of a kind with any content, in the group tests.example."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {
            "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    return obj(
        "CustomResourceDefinition",
        f"{plural}.tests.example",
        "apiextensions.k8s.io/v1",
        spec={
            "group": "tests.example",
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [version],
        },
    )


# Runs


class Recorder:
    """Keeps what a run reports; *heard* is called with each piece, on the thread that reports it."""

    def __init__(self, heard: Callable[[Progress], None] = lambda _: None) -> None:
        self.progress: list[Progress] = []
        self._heard = heard

    def __call__(self, progress: Progress) -> None:
        self.progress.append(progress)
        self._heard(progress)

    def tick(self) -> None:
        """Nothing to do."""


@dataclass
class Told:
    """A finished run and everything it reported."""

    finished: RunFinished
    progress: list[Progress]

    @property
    def outcome(self) -> str:
        return self.finished.outcome

    def __getitem__(self, component: str) -> ComponentResult:
        return next(result for result in self.finished.components if result.name == component)

    @property
    def phases(self) -> dict[str, Phase]:
        """Where each component ended."""
        return {r.name: r.phase for r in self.finished.components if r.name != THE_REST}

    def did(self, *actions: Action) -> dict[str, Action]:
        """``Kind/name`` of the objects with an action (of *actions*, if given), in the order of reports."""
        return {
            f"{p.ref.kind}/{p.ref.name}": p.action
            for p in self.progress
            if isinstance(p, ObjectDone) and (not actions or p.action in actions)
        }

    def moves(self) -> list[tuple[str, Phase]]:
        """(component, phase) in the order of reports."""
        return [(p.component, p.phase) for p in self.progress if isinstance(p, ComponentMoved)]

    def at(self, component: str, phase: Phase) -> int:
        """The place of that move among all moves."""
        return self.moves().index((component, phase))

    @property
    def kept(self) -> dict[str, str]:
        """``Kind/name`` of what was kept, and why."""
        return {f"{ref.kind}/{ref.name}": reason for ref, reason in self.finished.kept}

    @property
    def notes(self) -> str:
        """All notes, a line each."""
        return "\n".join(p.text for p in self.progress if isinstance(p, Note))


@dataclass
class Instance:
    """One installation on the sandbox. Each run has a session of its own, as each ``inv`` has."""

    kubeconfig: Path
    context: str
    name: str
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outside = self.session()
        self.namespace = self.name

    def session(self, kubeconfig: Path | None = None, context: str = "") -> Session:
        """A new session, as each run has one; as another user with another *kubeconfig*."""
        return open_session(
            str(kubeconfig or self.kubeconfig), context or self.context, redactor=Redactor(), sandbox=True
        )

    # Platforms

    def write(self, file: str, *objects: Mapping[str, Any]) -> str:
        """A manifest with those objects; returns its name."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump_all(objects))
        return file

    def part(
        self, name: str, *objects: Mapping[str, Any], after: Sequence[str] = (), **more: Any
    ) -> Component:
        """A component made of those objects."""
        file = self.write(f"{name}.yaml", *objects) if objects else ()
        return Component(name, file, after=after, **more)

    def platform(self, *components: Component, **more: Any) -> Platform:
        """A platform of those components, for this instance."""
        given = {"namespace": self.namespace, "instance": self.name, "collection": NAME} | more
        return Platform(NAME, components, **given)

    def load(self, platform: Platform | Sequence[Component]) -> LoadedPlatform:
        """With its files read."""
        if not isinstance(platform, Platform):
            platform = self.platform(*platform)
        return load(platform, self.folder)

    def given(self, **settings: tuple[object, str]) -> Given:
        """What the outside hands in: *environ* and real files."""
        return Given(dict(self.environ), lambda path: None, settings)

    # Verbs

    def up(
        self,
        *components: Component,
        platform: Platform | None = None,
        heard: Callable[[Progress], None] = lambda _: None,
        session: Session | None = None,
        settings: Mapping[str, tuple[object, str]] | None = None,
        **options: Any,
    ) -> Told:
        """One all-up (or what *options* say) of a platform of those components."""
        recorder = Recorder(heard)
        loaded = self.load(platform or components)
        options = {"timeout": 60.0, **options}
        session = session or self.session()
        run = Up(session, loaded, RunOptions(**options), recorder, self.given(**(settings or {})))
        return Told(run.run(), recorder.progress)

    def down(
        self,
        *components: Component,
        platform: Platform | None = None,
        heard: Callable[[Progress], None] = lambda _: None,
        session: Session | None = None,
        kinds: frozenset[GroupKind] = frozenset(),
        **options: Any,
    ) -> Told:
        """One all-down (or what *options* say)."""
        recorder = Recorder(heard)
        platform = platform or self.platform(*components)
        options = {"timeout": 60.0, **options}
        run = Down(session or self.session(), platform, kinds, RunOptions(**options), recorder)
        return Told(run.run(), recorder.progress)

    def wait(self, *components: Component, component: str = "", **options: Any) -> Told:
        """Waits for what is there."""
        recorder = Recorder()
        platform = self.platform(*components)
        options = {"timeout": 60.0, **options}
        run = Await(self.session(), platform, component, RunOptions(**options), recorder)
        return Told(run.run(), recorder.progress)

    def plan(
        self,
        *components: Component,
        platform: Platform | None = None,
        settings: Mapping[str, tuple[object, str]] | None = None,
        **options: Any,
    ) -> Plan:
        """What an up would do."""
        loaded = self.load(platform or components)
        return make_plan(self.session(), loaded, RunOptions(**options), self.given(**(settings or {})))

    def sight(self, *components: Component, kinds: frozenset[GroupKind] = frozenset()) -> Sight:
        """One look at it."""
        return Sight(self.session(), self.platform(*components), kinds)

    # The cluster, seen and changed by somebody else than the run

    def ref(self, short: str) -> ObjectRef:
        """The object that ``Kind/name`` means here."""
        kind, name = short.split("/")
        resource = self.outside.discovery.of_kind(kind)[0]
        return ObjectRef(resource.group, kind, self.namespace if resource.namespaced else "", name)

    def find(self, short: str) -> Object | None:
        """The object ``Kind/name``, or None."""
        return self.outside.objects.get(self.ref(short))

    def get(self, short: str) -> Object:
        """The object ``Kind/name``, which must be there."""
        found = self.find(short)
        assert found is not None, f"{short} is not there"
        return found

    def create(self, body: Mapping[str, Any], *, manager: str = "somebody", **metadata: Any) -> Object:
        """POSTs an object as another manager, into our namespace unless it has none."""
        resource = self.outside.discovery.need(body["apiVersion"], body["kind"])
        namespace = self.namespace if resource.namespaced else ""
        whole = {**body, "metadata": {**body["metadata"], **metadata}}
        path = resource.collection(namespace)
        created: Object = self.outside.api.request("POST", path, [("fieldManager", manager)], whole)[1]
        return created

    def create_namespace(self, **labels_: str) -> Object:
        """The namespace, made by somebody else."""
        return self.create(obj("Namespace", self.namespace), labels=labels_)

    def patch(
        self, short: str, patch: Mapping[str, Any], *, manager: str = "somebody", subresource: str = ""
    ) -> Object:
        """A merge patch by another manager."""
        patched = self.outside.objects.merge(self.ref(short), patch, manager=manager, subresource=subresource)
        assert patched is not None, f"{short} is not there"
        return patched

    def delete(self, short: str, *, wait: bool = True) -> None:
        """Deletes an object, and by default waits until it is gone."""
        ref = self.ref(short)
        self.outside.objects.delete(ref)
        if wait:
            eventually(lambda: self.outside.objects.get(ref) is None, f"{ref} to be gone")

    def items(self, kind: str, selector: str = "") -> Sequence[Object]:
        """The objects of a kind in our namespace."""
        resource = self.outside.discovery.of_kind(kind)[0]
        return self.outside.objects.list(resource, self.namespace, selector)

    def pods(self) -> dict[str, str]:
        """uid by name of the pods that nobody has deleted yet."""
        return {
            pod["metadata"]["name"]: pod["metadata"]["uid"]
            for pod in self.items("Pod")
            if not pod["metadata"].get("deletionTimestamp")
        }

    def versions(self) -> dict[str, str]:
        """resourceVersions of everything in the namespace, and of our cluster-scoped objects; without Leases,
        Events and our inventory."""
        found = {}
        for resource in self._resources():
            selector = "" if resource.namespaced else labels.instance_selector(self.name)
            for item in self.outside.objects.list(resource, self.namespace, selector):
                short = f"{resource.kind}/{item['metadata']['name']}"
                if short != f"ConfigMap/{labels.inventory_name(self.name)}":
                    found[short] = item["metadata"]["resourceVersion"]
        namespace = self.find(f"Namespace/{self.namespace}")
        if namespace is not None:
            found["Namespace"] = namespace["metadata"]["resourceVersion"]
        return found

    def left(self) -> set[str]:
        """``Kind/name`` of everything that carries our labels, anywhere in reach.

        Not a Service's endpoints: they copy its labels, and the garbage collector takes them when it likes.
        """
        found = set()
        for resource in self._resources():
            if resource.kind in ("Endpoints", "EndpointSlice"):
                continue
            for item in self.outside.objects.list(
                resource, self.namespace, labels.instance_selector(self.name)
            ):
                found.add(f"{resource.kind}/{item['metadata']['name']}")
        return found

    def settled(self) -> dict[str, str]:
        """The versions once controllers have nothing more to write: the same twice in a row."""
        last: dict[str, str] = {}

        def same() -> bool:
            nonlocal last
            before, last = last, self.versions()
            return before == last

        eventually(same, "controllers to come to rest", every=0.3)
        return last

    def discard(self) -> None:
        """Deletes what is left, without waiting. A finalizer that a test put somewhere is taken off."""
        objects, discovery = self.outside.objects, self.outside.discovery
        for item in self.items("ConfigMap"):
            if any(f.startswith(HELD) for f in item["metadata"].get("finalizers") or ()):
                objects.merge(ObjectRef.of(item), {"metadata": {"finalizers": None}}, manager="tests")
        for kind in _CLUSTER_SCOPED:
            resource = discovery.of_kind(kind)[0]
            for item in objects.list(resource, selector=labels.instance_selector(self.name)):
                objects.delete(ObjectRef.of(item))
        objects.delete(ObjectRef("", "Namespace", "", self.namespace))

    def _resources(self) -> Sequence[Resource]:
        return [self.outside.discovery.of_kind(kind)[0] for kind in _KINDS]


def eventually(
    ask: Callable[[], object], what: str, *, within: float = PATIENCE, every: float = 0.05
) -> None:
    """Returns as soon as *ask* says yes; fails after *within* seconds."""
    clock, pause = SystemClock(), threading.Event()
    limit = clock.monotonic() + within
    while not ask():
        assert clock.monotonic() < limit, f"waited {within:.0f} s for {what}"
        pause.wait(every)
