"""Which pod is meant: a component's, a Service's or one by name, and which of several is the best to use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allup.cluster.objects import Objects
from allup.errors import AllupError, InputError, did_you_mean
from allup.model import labels
from allup.refs import GroupKind, ObjectRef

Object = Mapping[str, Any]
_POD = GroupKind("", "Pod")


@dataclass(frozen=True)
class Behind:
    """The pods behind something: those a selector finds, or one name. *title* is what a person calls it;
    *service* the Service whose ports are meant, if it is one."""

    title: str
    namespace: str
    selector: str = ""
    pod: str = ""
    service: Object | None = None

    def pods(self, objects: Objects) -> Sequence[Object]:
        """As they are now; debugging copies of ours are left out."""
        if self.pod:
            found = objects.get(ObjectRef("", "Pod", self.namespace, self.pod))
            return [found] if found else []
        resource = objects.resource(ObjectRef("", "Pod", self.namespace, "x"))
        listed = objects.list(resource, self.namespace, self.selector)
        return [pod for pod in listed if labels.DEBUG_OF not in (pod["metadata"].get("labels") or {})]

    def best(self, objects: Objects) -> Object:
        """The pod to use, ready and not on its way out (unless it was named); raises AllupError that says
        how the pods stand when there is none."""
        pods = self.pods(objects)
        chosen = best(pods)
        leaving = chosen is not None and chosen["metadata"].get("deletionTimestamp") and not self.pod
        if chosen is not None and is_ready(chosen) and not leaving:
            return chosen
        raise AllupError(self.title, none_ready(pods))


def of_component(component: str, instance: str, namespace: str) -> Behind:
    """The pods of a component."""
    return Behind(
        component, namespace, f"{labels.instance_selector(instance)},{labels.COMPONENT}={component}"
    )


def of_service(name: str, namespace: str, objects: Objects) -> Behind:
    """The pods that a Service selects; raises InputError when it is not there or selects none."""
    ref = ObjectRef("", "Service", namespace, name)
    found = objects.get(ref)
    if found is None:
        listed = objects.list(objects.resource(ref), namespace, "")
        known = [str(s["metadata"]["name"]) for s in listed]
        raise InputError(f"Service {name!r}", f"is not in namespace {namespace}{did_you_mean(name, known)}")
    selector = (found.get("spec") or {}).get("selector") or {}
    if not selector:
        raise InputError(f"Service {name!r}", "selects no pods, so there is nothing to connect to")
    text = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    return Behind(f"svc/{name}", namespace, text, service=found)


def best(pods: Sequence[Object]) -> Object | None:
    """Those that stay before those that go; ready before running before the rest; the newest first."""
    return max(pods, key=_rank, default=None)


def _rank(pod: Object) -> tuple[bool, bool, bool, str, str]:
    metadata = pod["metadata"]
    return (
        not metadata.get("deletionTimestamp"),
        is_ready(pod),
        phase(pod) == "Running",
        str(metadata.get("creationTimestamp", "")),
        str(metadata["name"]),
    )


def is_ready(pod: Object) -> bool:
    """Whether its condition Ready is true."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def phase(pod: Object) -> str:
    """Pending, Running, Succeeded, Failed or ``Unknown``."""
    return str((pod.get("status") or {}).get("phase") or "Unknown")


def none_ready(pods: Sequence[Object]) -> str:
    """Why none of them can be used, in words."""
    if not pods:
        return "has no pod"
    stand = ", ".join(f"{pod['metadata']['name']} is {_standing(pod)}" for pod in pods)
    return f"no pod is ready: {stand}"


def _standing(pod: Object) -> str:
    if pod["metadata"].get("deletionTimestamp"):
        return "terminating"
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        reason = ((status.get("state") or {}).get("waiting") or {}).get("reason")
        if reason:
            return f"waiting ({reason})"
    return "running but not ready" if phase(pod) == "Running" else phase(pod).lower()


def container_names(pod: Object, *, all_kinds: bool = False) -> list[str]:
    """The names of its containers; with *all_kinds* init and ephemeral ones too."""
    spec = pod.get("spec") or {}
    keys = ("containers", *(("initContainers", "ephemeralContainers") if all_kinds else ()))
    return [str(c["name"]) for key in keys for c in spec.get(key) or ()]


def chosen_container(pod: Object, wanted: str) -> str:
    """*wanted* if the pod has it, else its default container (annotation
    ``kubectl.kubernetes.io/default-container``, else the first); raises InputError."""
    known = container_names(pod, all_kinds=True)
    if wanted:
        if wanted in known:
            return wanted
        raise InputError(
            f"container {wanted!r}",
            f"is not in pod {pod['metadata']['name']}{did_you_mean(wanted, known)}",
            next_step=f"It has {', '.join(known)}",
        )
    marked = (pod["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    return marked if marked in known else known[0]


def runs(pod: Object, container: str) -> bool:
    """Whether that container of the pod is running right now."""
    for key in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for status in (pod.get("status") or {}).get(key) or ():
            if status["name"] == container:
                return "running" in (status.get("state") or {})
    return False


def container_ids(pod: Object) -> Sequence[tuple[str, str, str, str, str]]:
    """Node, pod, container, runtime and id of each container; the last two are ``""`` before it is made."""
    rows = []
    for key in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"):
        for status in (pod.get("status") or {}).get(key) or ():
            runtime, _, identity = str(status.get("containerID") or "").rpartition("://")
            node = str((pod.get("spec") or {}).get("nodeName") or "")
            rows.append((node, str(pod["metadata"]["name"]), str(status["name"]), runtime, identity))
    return rows
