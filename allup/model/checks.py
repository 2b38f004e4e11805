"""Health checks: what a component must answer, in its own protocol, after Kubernetes calls it ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from allup.errors import InputError
from allup.refs import ShortRef

TIMEOUT = 5.0
"""Seconds that an answer may take."""

_SHORT_KINDS = {
    "svc": "Service",
    "service": "Service",
    "deploy": "Deployment",
    "deployment": "Deployment",
    "sts": "StatefulSet",
    "statefulset": "StatefulSet",
    "ds": "DaemonSet",
    "daemonset": "DaemonSet",
    "pod": "Pod",
}


@dataclass(frozen=True)
class CheckTarget:
    """Where a check knocks: the pods behind an object, and a port of it (number or name; 0 is no port)."""

    kind: str
    name: str
    port: int | str = 0

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}:{self.port}" if self.port else f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> CheckTarget:
        """Reads ``svc/name:8787``, ``deploy/name`` …; raises InputError on anything else."""
        kind, slash, rest = text.partition("/")
        name, _, port = rest.partition(":")
        known = _SHORT_KINDS.get(kind.lower())
        if not slash or not name or known is None:
            raise InputError(
                f"check target {text!r}", "is not understood", next_step="Write svc/name:port or deploy/name"
            )
        return cls(known, name, int(port) if port.isdigit() else port or 0)


@dataclass(frozen=True, kw_only=True)
class HttpCheck:
    """GET *path* answers *status*; *expect*, a jq expression on the JSON answer (or on the text as a
    string when it is not JSON), must be true. With *beside*, an object of the same component, the expression
    may say ``$beside``."""

    name: str
    target: CheckTarget
    path: str
    status: int = 200
    expect: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    beside: ShortRef | None = None


@dataclass(frozen=True, kw_only=True)
class TcpCheck:
    """The port accepts a connection."""

    name: str
    target: CheckTarget


@dataclass(frozen=True, kw_only=True)
class CommandCheck:
    """The command, run in a ready pod of the target, exits 0 within *timeout* seconds; *expect* must then
    occur in its output."""

    name: str
    target: CheckTarget
    command: tuple[str, ...]
    expect: str = ""
    container: str = ""
    timeout: float = TIMEOUT


@dataclass(frozen=True, kw_only=True)
class JqCheck:
    """A jq expression on an object is true. The only check that means something on a simulated node."""

    name: str
    ref: ShortRef
    expect: str


HealthCheck = HttpCheck | TcpCheck | CommandCheck | JqCheck


def http(
    target: str,
    path: str = "/",
    *,
    status: int = 200,
    expect: str = "",
    headers: Mapping[str, str] | None = None,
    beside: str = "",
    name: str = "",
) -> HttpCheck:
    """An HTTP check, such as ``http("svc/dask-scheduler:8787", "/health")``."""
    where = CheckTarget.parse(target)
    return HttpCheck(
        name=name or f"GET {where}{path}",
        target=where,
        path=path,
        status=status,
        expect=expect,
        headers=dict(headers or {}),
        beside=ShortRef.parse(beside) if beside else None,
    )


def tcp(target: str, *, name: str = "") -> TcpCheck:
    """A TCP check, such as ``tcp("svc/launcher:5559")``."""
    where = CheckTarget.parse(target)
    return TcpCheck(name=name or f"connect {where}", target=where)


def command(
    target: str,
    *argv: str,
    expect: str = "",
    container: str = "",
    timeout: float = TIMEOUT,
    name: str = "",
) -> CommandCheck:
    """A command in a pod, such as ``command("deploy/redis", "redis-cli", "ping", expect="PONG")``."""
    where = CheckTarget.parse(target)
    return CommandCheck(
        name=name or f"{argv[0]} in {where}",
        target=where,
        command=argv,
        expect=expect,
        container=container,
        timeout=timeout,
    )


def jq(ref: str, expect: str, *, name: str = "") -> JqCheck:
    """A condition on an object, such as ``jq("PersistentVolumeClaim/nfs", '.status.phase == "Bound"')``."""
    return JqCheck(name=name or f"{ref} {expect}", ref=ShortRef.parse(ref), expect=expect)
