"""The namespace in which a fault is provoked: what is done there, and what is seen there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from allup.cluster.discovery import Resource
from allup.errors import ApiError
from allup.model import labels
from allup.redaction import Redactor
from allup.refs import ObjectRef
from allup.run.session import Session, open_session
from allup.sandbox import SandboxStatus
from tests.cluster.platforms_for_tests import eventually
from tests.cluster.recording.scenario import CASE, Object, Scenario, Scene, Visible, filled

PLATFORM = "faults"
_WITH = {
    "Deployment": ("ReplicaSet", "Pod"),
    "StatefulSet": ("Pod",),
    "DaemonSet": ("Pod",),
    "Job": ("Pod",),
    "Service": ("EndpointSlice",),
}
_STEP = 0.25
_RESOURCES = {"roles": ("rbac.authorization.k8s.io", "roles")}


@dataclass
class Place:
    """One namespace. *foreign* tells of a cluster-scoped name whether it is another scenario's."""

    sandbox: SandboxStatus
    scenario: Scenario
    namespace: str
    folder: Path
    server: Mapping[str, str] = field(default_factory=dict)
    foreign: Callable[[str], bool] = lambda name: False
    user: str = ""
    host: Place | None = None
    answer: Object | None = None
    _taken: list[Object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session = self._open()

    # Doing

    def prepare(self) -> None:
        """The namespace, with the ServiceAccount that every pod needs."""
        metadata = {"name": self.namespace, "labels": dict(self.scenario.labels)}
        self._post({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        self.until(lambda: self.find("ServiceAccount/default") is not None, "the default ServiceAccount")

    def create(self, thing: Object) -> Object:
        """POSTs an object, with the labels that allup would give it."""
        return self._post(self._stamped(self.filled(thing)))

    def patch(self, short: str, patch: Mapping[str, Any], *, subresource: str = "") -> Object:
        """A strategic merge patch where the kind knows it, else a merge patch."""
        path = self._path(short) + (f"/{subresource}" if subresource else "")
        kind = "merge-patch" if short.startswith("Widget/") else "strategic-merge-patch"
        patched: Object = self.session.api.request(
            "PATCH", path, (), self.filled(dict(patch)), content_type=f"application/{kind}+json"
        )[1]
        return patched

    def delete(self, short: str, *, wait: bool = True) -> None:
        """Deletes an object; by default returns when it is gone."""
        self.session.api.request("DELETE", self._path(short))
        if wait:
            self.until(lambda: self.find(short) is None, f"{short} to be gone")

    def evict(self, pod: str) -> None:
        """Asks for an eviction and keeps the refusal."""
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": self.namespace},
        }
        self._ask("POST", f"{self._path(f'Pod/{pod}')}/eviction", body)

    def take_nodes(self) -> None:
        """Deletes all Nodes, to be given back."""
        self._taken = list(self.every("Node"))
        for node in self._taken:
            self.delete(f"Node/{node['metadata']['name']}")

    def give_nodes_back(self) -> None:
        """The Nodes as they were before ``take_nodes``."""
        for node in self._taken:
            known = {"name": node["metadata"]["name"], "labels": node["metadata"]["labels"]}
            self._post({"apiVersion": "v1", "kind": "Node", "metadata": known, "status": node["status"]})

    def freeze_controllers(self) -> None:
        """The controller manager stands still."""
        self._signal_controllers(signal.SIGSTOP)

    def thaw_controllers(self) -> None:
        """It goes on."""
        self._signal_controllers(signal.SIGCONT)

    # Asking what will be refused

    def as_user(self, name: str) -> Place:
        """The same place for somebody with no rights but those given to that name."""
        return replace(self, user=name, host=self)

    def ask_to_create(self, thing: Object) -> None:
        """Keeps the refusal."""
        body = self._stamped(self.filled(thing))
        self._ask("POST", self._collection(body), body)

    def ask_to_list(self, kind: str) -> None:
        """Keeps the refusal."""
        self._ask("GET", self._resource(kind).collection(self.namespace))

    def ask_to_patch(self, short: str) -> None:
        """Keeps the refusal."""
        self._ask("PATCH", self._path(short), {"data": {"key": "other"}}, "application/merge-patch+json")

    def _ask(
        self, method: str, path: str, body: Object | None = None, content_type: str = "application/json"
    ) -> None:
        self.session.api.patience = 0.0  # 429 is the answer to an eviction, not a reason to repeat it
        try:
            self.session.api.request(method, path, (), body, content_type=content_type)
        except ApiError as error:
            answer = {
                "request": f"{method} {path}",
                "status": error.status,
                "reason": error.reason,
                "message": error.fact,
                "details": error.details,
            }
            (self.host or self).answer = answer
            return
        raise AssertionError(f"{method} {path} was not refused")

    # Waiting

    def until(self, ask: Callable[[], object], what: str) -> None:
        """Returns as soon as *ask* says yes; fails after a while."""
        eventually(ask, f"{what} in {self.namespace}", within=60, every=_STEP)

    def until_seen(self, visible: Visible, what: str) -> None:
        """Until the scene shows it."""
        self.until(lambda: visible(self.scene()), what)

    def until_refused(self, thing: Object) -> None:
        """Until a server-side dry run of creating *thing* is refused: admission rules take a moment."""
        body = self._stamped(self.filled(thing))

        def refused() -> bool:
            try:
                self.session.api.request("POST", self._collection(body), [("dryRun", "All")], body)
            except ApiError:
                return True
            return False

        self.until(refused, "the rule to hold")

    def until_allowed(self, verb: str, resource: str) -> Place:
        """Until the authorizer knows of a RoleBinding."""
        group, plural = _RESOURCES[resource]
        attributes = {"namespace": self.namespace, "verb": verb, "group": group, "resource": plural}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        self.until(
            lambda: self.session.api.request("POST", path, (), review)[1]["status"]["allowed"],
            f"{self.user} to be allowed to {verb} {resource}",
        )
        return self

    def until_ready(self, short: str) -> None:
        """Until all replicas are available."""

        def ready() -> bool:
            found = self.find(short) or {}
            status = found.get("status") or {}
            return bool(found) and status.get("availableReplicas") == found["spec"].get("replicas", 1)

        self.until(ready, f"{short} to be ready")

    def until_served(self, kind: str, version: str = "v1") -> None:
        """Until the API server serves the scenario's custom kind."""
        group = f"{self.namespace}.example"

        def served() -> bool:
            self.session.discovery.refresh()
            return self.session.discovery.find(group, kind, version) is not None

        self.until(served, f"{kind} to be served")

    def wait_for(self, kind: str, wanted: Callable[[Object], bool]) -> Object:
        """The first object of a kind that fits."""
        found: list[Object] = []

        def there() -> bool:
            found[:] = [one for one in self.every(kind) if wanted(one)]
            return bool(found)

        self.until(there, f"a {kind}")
        return found[0]

    # Seeing

    def find(self, short: str) -> Object | None:
        """The object ``Kind/name``, or None."""
        return self.session.objects.get(self.ref(short))

    def names(self, kind: str) -> Sequence[str]:
        """The names of all objects of a kind."""
        return [one["metadata"]["name"] for one in self.every(kind)]

    def phase(self, short: str) -> str:
        """``status.phase``, ``""`` when there is none."""
        return str(((self.find(short) or {}).get("status") or {}).get("phase", ""))

    def allowed_disruptions(self) -> int | None:
        """What the budget allows, None before it was counted."""
        budget = self.find(f"PodDisruptionBudget/{CASE}") or {}
        status = budget.get("status") or {}
        counted = status.get("observedGeneration") and status.get("currentHealthy")
        return status.get("disruptionsAllowed") if counted else None

    def ref(self, short: str) -> ObjectRef:
        """The object that ``Kind/name`` means here."""
        kind, name = self.filled(short).split("/", 1)
        resource = self._resource(kind)
        return ObjectRef(resource.group, kind, self.namespace if resource.namespaced else "", name)

    def scene(self) -> Scene:
        """Everything here and about it, right now."""
        objects: list[Object] = []
        for kind in self._kinds():
            resource = self.session.discovery.of_kind(kind)
            if not resource:
                continue
            for one in self.every(kind):
                if kind in self.scenario.beside or resource[0].namespaced or self._ours(one):
                    objects.append(one)
        own = self.session.objects.get(ObjectRef("", "Namespace", "", self.namespace))
        if own is not None:
            objects.append(own)
        events = self._events(self.namespace)
        if any(one["kind"] in ("PersistentVolume", "Node") for one in objects):
            about = {(one["kind"], one["metadata"]["name"]) for one in objects}
            events += [
                event
                for event in self._events("default")
                if (event["involvedObject"]["kind"], event["involvedObject"]["name"]) in about
                and self.namespace in event["involvedObject"]["name"]
            ]
        return Scene(objects, events)

    def filled(self, value: Any) -> Any:
        """With all names in their places."""
        return filled(value, self.scenario.name, self.namespace, self.server)

    def _events(self, namespace: str) -> list[Object]:
        found = self.session.api.get(f"/api/v1/namespaces/{namespace}/events")["items"]
        return [{"apiVersion": "v1", "kind": "Event", **event} for event in found]

    def _kinds(self) -> Sequence[str]:
        kinds = {thing["kind"] for thing in (*self.scenario.guards, *self.scenario.objects)}
        kinds |= {*self.scenario.beside, *self.scenario.also}
        for kind in tuple(kinds):
            kinds.update(_WITH.get(kind, ()))
        return sorted(kinds)

    def _ours(self, one: Mapping[str, Any]) -> bool:
        name = str(one["metadata"]["name"])
        bound = (one.get("spec") or {}).get("claimRef") or {}
        return self.namespace in name or bound.get("namespace") == self.namespace

    def every(self, kind: str) -> Sequence[Object]:
        """All objects of a kind, those of other scenarios left out."""
        resource = self._resource(kind)
        found = self.session.objects.list(resource, self.namespace if resource.namespaced else "")
        if resource.namespaced:
            return [one for one in found if one["metadata"]["name"] != "kube-root-ca.crt"]
        return [one for one in found if not self.foreign(one["metadata"]["name"])]

    def _resource(self, kind: str) -> Resource:
        found = self.session.discovery.of_kind(kind)
        ours = [one for one in found if self.namespace in one.group]
        assert found, f"{kind} is not served"
        return (ours or list(found))[0]

    def _path(self, short: str) -> str:
        return self.session.objects.path(self.ref(short))

    def _collection(self, body: Object) -> str:
        resource = self.session.discovery.need(body["apiVersion"], body["kind"])
        return resource.collection(self.namespace if resource.namespaced else "")

    def _post(self, body: Object) -> Object:
        created: Object = self.session.api.request("POST", self._collection(body), (), body)[1]
        return created

    def _stamped(self, body: Object) -> Object:
        ours = labels.standard_labels(PLATFORM, self.namespace, self.scenario.name)
        for one in (body, (body.get("spec") or {}).get("template")):
            if isinstance(one, dict):
                metadata = one.setdefault("metadata", {})
                metadata["labels"] = {**(metadata.get("labels") or {}), **ours}
        return body

    def _signal_controllers(self, number: signal.Signals) -> None:
        [controllers] = [one for one in self.sandbox.processes if one.name == "kube-controller-manager"]
        os.kill(controllers.pid, number)

    def _open(self) -> Session:
        kubeconfig = self.sandbox.kubeconfig
        if self.user:
            settings = yaml.safe_load(kubeconfig.read_text())
            settings["users"][0]["user"]["as"] = self.user
            kubeconfig = self.folder / f"{self.namespace}-{self.user}.kubeconfig"
            kubeconfig.write_text(yaml.safe_dump(settings))
        return open_session(str(kubeconfig), self.sandbox.context, redactor=Redactor(), sandbox=True)
