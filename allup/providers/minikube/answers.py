"""What minikube prints, read. Pure; the shapes are those of minikube 1.38.1.

``status -o json`` and ``profile list -o json`` print plain JSON, but CloudEvents, one a line, when something
is wrong; ``start``, ``stop`` and ``delete`` print CloudEvents always. klog's lines on stderr are noise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from allup.commands import Ended
from allup.errors import AllupError

_EVENT = "io.k8s.sigs.minikube."
_NOT_THERE = 85
_BITS = 7  # an exit code of status up to here is a mask of what does not run, above it a failure


@dataclass(frozen=True)
class Event:
    """A CloudEvent: *kind* is step, info, warning, error, download or download.progress."""

    kind: str
    data: Mapping[str, str]

    @property
    def message(self) -> str:
        """What it says to a person, as one paragraph."""
        return _short(self.data.get("message", ""))

    @property
    def final(self) -> bool:
        """Whether it is the error with which minikube ends."""
        return self.kind == "error" and "exitcode" in self.data


@dataclass(frozen=True)
class Profile:
    """One profile of ``profile list``; *config* is its config.json, empty when it has none."""

    name: str
    status: str
    valid: bool
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """``OK``; ``Running`` where minikube has no events of its last start."""
        return self.status in ("OK", "Running")

    @property
    def driver(self) -> str:
        """Such as docker, kvm2, virtualbox, none, ssh."""
        return str(self.config.get("Driver") or "")

    @property
    def runtime(self) -> str:
        """Such as docker, containerd, crio."""
        return str((self.config.get("KubernetesConfig") or {}).get("ContainerRuntime") or "")

    @property
    def kubernetes_version(self) -> str:
        """With its v."""
        return str((self.config.get("KubernetesConfig") or {}).get("KubernetesVersion") or "")

    @property
    def nodes(self) -> tuple[Mapping[str, Any], ...]:
        """Name (``""`` for the first), IP, Port, ControlPlane, Worker."""
        return tuple(self.config.get("Nodes") or ())


@dataclass(frozen=True)
class Node:
    """One node of ``status``: each state in minikube's words (Running, Stopped, Paused, Misconfigured …)."""

    name: str
    host: str
    kubelet: str
    apiserver: str
    kubeconfig: str
    worker: bool

    @property
    def running(self) -> bool:
        """Whether everything it is there for runs; a kubeconfig that is out of date is no matter of it."""
        return self.host == self.kubelet == "Running" and self.apiserver in ("Running", "Irrelevant")


def events(printed: str) -> Iterator[Event]:
    """The CloudEvents among the lines."""
    for line in printed.splitlines():
        found = event(line)
        if found is not None:
            yield found


def event(line: str) -> Event | None:
    """The CloudEvent that a line is, None when it is none."""
    if '"specversion"' not in line:
        return None
    try:
        read = json.loads(line)
        data = read.get("data") or {}
        return Event(
            str(read["type"]).removeprefix(_EVENT),
            {str(name): str(value) for name, value in data.items()},
        )
    except (ValueError, KeyError, AttributeError):
        return None


def version(ended: Ended) -> tuple[int, ...]:
    """Such as (1, 38, 1). Raises AllupError when it is not told."""
    try:
        written = str(json.loads(ended.out)["minikubeVersion"])
    except (ValueError, KeyError, TypeError):
        written = ""
    numbers = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", written)
    if ended.code or numbers is None:
        raise failure(ended, "minikube", "does not tell its version")
    return tuple(int(part) for part in numbers.groups() if part)


def profiles(ended: Ended) -> tuple[Profile, ...]:
    """Every profile, the valid ones first. Raises AllupError when minikube fails."""
    read = _plain(ended.out)
    if not isinstance(read, Mapping) or "valid" not in read:
        raise failure(ended, "minikube", "cannot list its profiles")
    return tuple(
        Profile(
            str(entry.get("Name") or ""),
            str(entry.get("Status") or ""),
            key == "valid",
            entry.get("Config") or {},
        )
        for key in ("valid", "invalid")
        for entry in read.get(key) or ()
    )


def nodes(ended: Ended) -> tuple[Node, ...]:
    """The nodes of ``status``; none when there is no such profile or its machine is gone.

    The exit code is 1 + 2 + 4 for host, cluster and kubeconfig that are not right: an answer. Codes above
    that are failures: raises AllupError, except for a profile that is not there.
    """
    read = _plain(ended.out)
    entries = [read] if isinstance(read, Mapping) else read if isinstance(read, list) else []
    found = tuple(
        Node(
            str(entry.get("Name") or ""),
            str(entry.get("Host") or ""),
            str(entry.get("Kubelet") or ""),
            str(entry.get("APIServer") or ""),
            str(entry.get("Kubeconfig") or ""),
            bool(entry.get("Worker")),
        )
        for entry in entries
        if isinstance(entry, Mapping) and "Host" in entry
    )
    if not found and ended.code > _BITS and ended.code != _NOT_THERE:
        raise failure(ended, "minikube", "does not tell the state of its nodes")
    return found


def address(ended: Ended) -> str:
    """What ``ip`` prints. Raises AllupError when there is none."""
    written = ended.out.strip()
    if ended.code or not re.fullmatch(r"[0-9a-fA-F.:]+", written):
        raise failure(ended, "minikube", "tells no address of its node")
    return written


def docker_environment(ended: Ended) -> Mapping[str, str]:
    """The variables of ``docker-env``. Raises AllupError when there are none."""
    read = _plain(ended.out)
    if ended.code or not isinstance(read, Mapping):
        raise failure(ended, "minikube", "lends no engine of its node")
    return {str(name): str(value) for name, value in read.items() if value}


def addons(ended: Ended) -> Mapping[str, bool]:
    """Every addon and whether it is enabled; all False without a profile. Raises AllupError."""
    read = _plain(ended.out)
    if ended.code or not isinstance(read, Mapping):
        raise failure(ended, "minikube", "cannot list its addons")
    return {str(name): (entry or {}).get("Status") == "enabled" for name, entry in sorted(read.items())}


def images(ended: Ended) -> tuple[str, ...]:
    """The fully qualified names of the images in the node. Raises AllupError."""
    read = _plain(ended.out)
    if ended.code:
        raise failure(ended, "minikube", "cannot list the images of its node")
    entries = read if isinstance(read, list) else ()
    return tuple(str(tag) for entry in entries for tag in entry.get("repoTags") or ())


def failure(ended: Ended, subject: str, fact: str) -> AllupError:
    """What minikube says of its failure: its reason, its message and its own advice."""
    final = next((e for e in events(ended.out) if e.final), None)
    if final is not None:
        reason = final.data.get("name") or f"exit code {ended.code}"
        return AllupError(
            subject,
            f"{fact} ({reason})",
            evidence=final.message,
            next_step=_short(final.data.get("advice", "")),
        )
    said = next((e.message for e in events(ended.out) if e.kind in ("error", "info") and e.message), "")
    return AllupError(subject, f"{fact} (exit code {ended.code})", evidence=_short(said or _words(ended)))


def _words(ended: Ended) -> str:
    """The last lines that are neither klog's nor a box around a link."""
    lines = (line.strip() for line in (ended.err or ended.out).splitlines())
    kept = [line for line in lines if line and not re.match(r"[IWEF]\d{4} |[╭│╰]", line)]
    return " ".join(kept[-3:])


def _short(text: str) -> str:
    """One paragraph without the box that minikube draws."""
    boxless = " ".join(line for line in text.splitlines() if not re.match(r"\s*[╭│╰]", line))
    return " ".join(boxless.split())[:600]


def _plain(printed: str) -> Any:
    """The JSON that is no CloudEvent, None when there is none."""
    try:
        read = json.loads(printed)
    except ValueError:
        return None
    return None if isinstance(read, Mapping) and "specversion" in read else read
