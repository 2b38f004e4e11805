"""One object in the words a person wants to read: facts, conditions, pods, Events. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allup.diagnosis.container import Container, containers_of, ending
from allup.diagnosis.event_list import EventLine
from allup.diagnosis.events import elapsed
from allup.fields import age, count, items, moment, section, text
from allup.readiness import Readiness
from allup.refs import ObjectRef

Object = Mapping[str, Any]
Facts = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class Condition:
    """One of ``status.conditions``."""

    type: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True)
class ContainerLine:
    """A container of a pod and the state it is in, in words."""

    name: str
    image: str
    state: str


@dataclass(frozen=True)
class PodLines:
    """A pod: where it runs, its phase (or Terminating), its containers, what happened to it lately."""

    name: str
    node: str
    address: str
    phase: str
    age: str
    containers: tuple[ContainerLine, ...]
    events: tuple[EventLine, ...]


@dataclass(frozen=True)
class Description:
    """Everything about one object. *facts* are name and text; *events* its last ones, oldest first."""

    ref: ObjectRef
    component: str
    readiness: Readiness
    age: str
    facts: tuple[tuple[str, str], ...]
    conditions: tuple[Condition, ...]
    pods: tuple[PodLines, ...]
    events: tuple[EventLine, ...]


def describe(
    ref: ObjectRef,
    obj: Object,
    component: str,
    readiness: Readiness,
    pods: Sequence[Object],
    events: Sequence[EventLine],
    now: datetime,
    *,
    last: int = 5,
) -> Description:
    """The description of *obj*; *pods* are those it stands above, *events* may be those of everything."""
    return Description(
        ref=ref,
        component=component,
        readiness=readiness,
        age=_age(obj, now),
        facts=tuple(_FACTS.get(ref.kind, _nothing)(obj)),
        conditions=tuple(
            Condition(*(text(condition, key) for key in ("type", "status", "reason", "message")))
            for condition in items(obj, "status", "conditions")
        ),
        pods=tuple(_pod(pod, events, now, last) for pod in pods),
        # A pod's own are told with its containers.
        events=() if ref.kind == "Pod" else _about(ref.kind, ref.name, events, last),
    )


def lines(description: Description, now: datetime) -> Iterator[tuple[str, bool]]:
    """The description as lines; True with a line that is a warning."""
    ref, readiness = description.ref, description.readiness
    said = f": {readiness.message}" if readiness.message else ""
    yield f"{ref}  {description.component}, {description.age}  {readiness.state}{said}", not readiness.ready
    for name, value in description.facts:
        yield f"    {name:<12} {value}", False
    for condition in description.conditions:
        why = ": ".join(part for part in (condition.reason, condition.message) if part)
        yield f"    {condition.type} {condition.status}{'  ' + why if why else ''}", False
    yield from _event_lines(description.events, now, "    ")
    for pod in description.pods:
        where = "  ".join(part for part in (pod.node, pod.address) if part) or "on no node yet"
        yield f"    Pod {pod.name}  {pod.phase}, {pod.age}  {where}", False
        for container in pod.containers:
            yield f"        {container.name}  {container.image}  {container.state}", False
        yield from _event_lines(pod.events, now, "        ")


def event_text(event: EventLine, now: datetime) -> str:
    """``warning FailedScheduling: 0/2 nodes … (3×, 12 s ago)``."""
    notes = [f"{event.count}×"] if event.count > 1 else []
    notes += [f"{event.age(now)} ago"] if event.last else []
    word = "warning" if event.warning else "event"
    return f"{word} {event.reason}: {event.message}" + (f" ({', '.join(notes)})" if notes else "")


def _event_lines(events: Sequence[EventLine], now: datetime, indent: str) -> Iterator[tuple[str, bool]]:
    for event in events:
        yield indent + event_text(event, now), event.warning


def _about(kind: str, name: str, events: Sequence[EventLine], last: int) -> tuple[EventLine, ...]:
    return tuple(event for event in events if event.about == f"{kind}/{name}")[-last:]


def _age(obj: Object, now: datetime) -> str:
    stamp = section(obj, "metadata").get("creationTimestamp")
    return f"{elapsed(age(stamp, now))} old" if moment(stamp) else "of unknown age"


def _pod(pod: Object, events: Sequence[EventLine], now: datetime, last: int) -> PodLines:
    metadata, status = section(pod, "metadata"), section(pod, "status")
    leaving = bool(metadata.get("deletionTimestamp"))
    return PodLines(
        name=text(metadata, "name"),
        node=text(section(pod, "spec"), "nodeName"),
        address=text(status, "podIP"),
        phase="Terminating" if leaving else text(status, "phase") or "Pending",
        age=_age(pod, now),
        containers=tuple(
            ContainerLine(container.name, container.image, container_state(container, now))
            for container in containers_of(pod)
        ),
        events=_about("Pod", text(metadata, "name"), events, last),
    )


def container_state(container: Container, now: datetime) -> str:
    """``ready, running for 3 h``, ``waiting: ErrImagePull: …``, ``ended: exit code 1``; restarts with why."""
    state = section(container.status, "state")
    running, waiting, ended = (section(state, key) for key in ("running", "waiting", "terminated"))
    if running:
        words = "ready" if container.ready else "not ready"
        words += f", running for {elapsed(age(running.get('startedAt'), now))}"
    elif waiting:
        words = ": ".join(p for p in ("waiting", text(waiting, "reason"), text(waiting, "message")) if p)
    elif ended:
        words = f"ended: {ending(ended)}"
    else:
        words = "not started"
    restarts = count(container.status, "restartCount")
    if restarts:
        before = section(container.status, "lastState", "terminated")
        why = f" (last: {ending(before)})" if before else ""
        words += f", restarted {'once' if restarts == 1 else f'{restarts} times'}{why}"
    return words


# What of each kind is worth a line


def _nothing(obj: Object) -> Facts:
    yield from ()


def _replicas(obj: Object) -> Facts:
    spec, status = section(obj, "spec"), section(obj, "status")
    wanted = count(spec, "replicas", 1)
    if obj["kind"] == "DaemonSet":
        wanted = count(status, "desiredNumberScheduled")
    updated = count(status, "updatedReplicas") or count(status, "updatedNumberScheduled")
    ready = count(status, "readyReplicas") or count(status, "numberReady")
    yield "replicas", f"{wanted} wanted, {updated} updated, {ready} ready"
    strategy = text(section(spec, "strategy") or section(spec, "updateStrategy"), "type")
    if strategy:
        yield "strategy", strategy
    yield from _images(obj)


def _images(obj: Object) -> Facts:
    for container in items(obj, "spec", "template", "spec", "containers"):
        yield "image", f"{text(container, 'image')} ({text(container, 'name')})"


def _job(obj: Object) -> Facts:
    spec, status = section(obj, "spec"), section(obj, "status")
    yield (
        "completions",
        f"{count(status, 'succeeded')} of {count(spec, 'completions', 1)}, {count(status, 'failed')} failed",
    )
    yield from _images(obj)


def _cron_job(obj: Object) -> Facts:
    spec = section(obj, "spec")
    yield "schedule", text(spec, "schedule") + (", suspended" if spec.get("suspend") else "")
    last = text(section(obj, "status"), "lastScheduleTime")
    if last:
        yield "last run", last


def _service(obj: Object) -> Facts:
    spec = section(obj, "spec")
    yield "type", text(spec, "type") or "ClusterIP"
    if text(spec, "clusterIP"):
        yield "address", text(spec, "clusterIP")
    ports = [
        f"{port.get('port')}→{port.get('targetPort', port.get('port'))}"
        + (f" (node {port['nodePort']})" if port.get("nodePort") else "")
        for port in items(obj, "spec", "ports")
    ]
    if ports:
        yield "ports", ", ".join(ports)


def _claim(obj: Object) -> Facts:
    spec, status = section(obj, "spec"), section(obj, "status")
    size = text(section(status, "capacity"), "storage") or text(
        section(spec, "resources", "requests"), "storage"
    )
    yield "phase", text(status, "phase")
    yield "size", size
    yield "class", text(spec, "storageClassName") or "none"
    yield "access", ", ".join(spec.get("accessModes") or ())
    if text(spec, "volumeName"):
        yield "volume", text(spec, "volumeName")


def _volume(obj: Object) -> Facts:
    spec = section(obj, "spec")
    yield "phase", text(section(obj, "status"), "phase")
    yield "size", text(section(spec, "capacity"), "storage")
    claim = section(spec, "claimRef")
    if claim:
        yield "claim", f"{text(claim, 'namespace')}/{text(claim, 'name')}"
    for source in ("nfs", "hostPath", "csi", "local"):
        if section(spec, source):
            told = section(spec, source)
            yield source, " ".join(f"{key}={told[key]}" for key in sorted(told) if isinstance(told[key], str))


def _keys(obj: Object) -> Facts:
    found = {**section(obj, "data"), **section(obj, "binaryData")}
    if obj["kind"] == "Secret":
        yield "type", text(obj, "type") or "Opaque"
    yield "keys", ", ".join(sorted(found)) or "none"


def _ingress(obj: Object) -> Facts:
    for rule in items(obj, "spec", "rules"):
        for path in items(rule, "http", "paths"):
            service = section(path, "backend", "service")
            port = section(service, "port")
            goal = f"Service/{text(service, 'name')}:{port.get('number') or port.get('name', '')}"
            yield "route", f"{text(rule, 'host') or '*'}{text(path, 'path') or '/'} → {goal}"


def _binding(obj: Object) -> Facts:
    role = section(obj, "roleRef")
    yield "role", f"{text(role, 'kind')}/{text(role, 'name')}"
    subjects = [f"{text(s, 'kind')}/{text(s, 'name')}" for s in items(obj, "subjects")]
    yield "subjects", ", ".join(subjects) or "none"


_FACTS: dict[str, Callable[[Object], Facts]] = {
    "Deployment": _replicas,
    "StatefulSet": _replicas,
    "DaemonSet": _replicas,
    "Job": _job,
    "CronJob": _cron_job,
    "Service": _service,
    "PersistentVolumeClaim": _claim,
    "PersistentVolume": _volume,
    "ConfigMap": _keys,
    "Secret": _keys,
    "Ingress": _ingress,
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
}
