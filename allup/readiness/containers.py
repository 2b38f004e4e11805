"""One container of a pod: what its state says that is worth a word."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from allup.readiness.causes import Cause
from allup.readiness.fields import Object, age, count, section, shorten, text
from allup.readiness.images import PULL_REASONS, pull_failure
from allup.readiness.verdict import Readiness, failed, not_yet

PROBE_PATIENCE = 30.0
"""Seconds a running container may be unready before that is called a cause."""

_MISSING_CONFIG = re.compile(
    r'(?:(?:configmap|secret) "[^"]*" not found|couldn.t find key .+ in (?:ConfigMap|Secret) \S+)', re.I
)
_BREAKS_NON_ROOT = re.compile(r"runAsNonRoot|non-root policy", re.I)
_NOTHING_TO_EXECUTE = re.compile(
    r"executable file not found|no command specified|exec format error"
    r'|exec: \\?"[^"]*":.*(?:no such file or directory|permission denied|is a directory)',
    re.I,
)
_COULD_NOT_START = frozenset(
    ("StartError", "ContainerCannotRun", "RunContainerError", "CreateContainerError")
)
_KNOWN_CODES = {126: "not executable", 127: "command not found"}


@dataclass(frozen=True)
class Container:
    """A container's ``spec`` and ``status`` side by side. *init* is one that must end before the others
    start (a sidecar is none); *restarts* says that its pod starts it again whatever its exit code."""

    name: str
    spec: Object
    status: Object
    init: bool
    restarts: bool

    @property
    def image(self) -> str:
        """As the manifest spells it, so that the message can be found in it."""
        return text(self.spec, "image") or text(self.status, "image")

    @property
    def ready(self) -> bool:
        """An init container that has done its work, or any other that is ready."""
        if self.init:
            terminated = section(self.status, "state", "terminated")
            return bool(terminated) and count(terminated, "exitCode") == 0
        return bool(self.status.get("ready"))


def trouble(container: Container, now: datetime) -> Readiness | None:
    """What keeps the container from being ready, or None while it starts in the ordinary way."""
    if container.ready:
        return None
    waiting = section(container.status, "state", "waiting")
    if waiting:
        return _waiting(container, text(waiting, "reason"), text(waiting, "message"))
    terminated = section(container.status, "state", "terminated")
    if terminated:
        return _stopped(container, terminated)
    running = section(container.status, "state", "running")
    return _running(container, age(running.get("startedAt"), now)) if running else None


def ending(terminated: Object) -> str:
    """How a container ended: ``exit code 1``, ``exit code 137 (SIGKILL)``, and the message it left."""
    code = count(terminated, "exitCode")
    number = count(terminated, "signal") or (code - 128 if 128 < code < 160 else 0)
    meaning = _signal_name(number) if number else _KNOWN_CODES.get(code, "")
    words = f"exit code {code} ({meaning})" if meaning else f"exit code {code}"
    left = shorten(text(terminated, "message"), 120)
    return f"{words}: {left}" if left else words


def _waiting(container: Container, reason: str, message: str) -> Readiness | None:
    if reason == "InvalidImageName":
        return failed(f"image name {container.image!r} is not valid", Cause.IMAGE_INVALID_NAME)
    if reason == "ErrImageNeverPull":
        return failed(
            f"image {container.image} not found on the node, and imagePullPolicy is Never",
            Cause.IMAGE_NOT_FOUND,
        )
    if reason in PULL_REASONS:
        return pull_failure(container.image, message)
    if reason == "CreateContainerConfigError":
        return _bad_config(message)
    if reason in _COULD_NOT_START:
        return _could_not_start(message)
    if reason == "CrashLoopBackOff":
        return _stopped(container, section(container.status, "lastState", "terminated"))
    return None


def _bad_config(message: str) -> Readiness:
    missing = _MISSING_CONFIG.search(message)
    if missing:
        return failed(missing.group(0), Cause.CONFIG_MISSING)
    if _BREAKS_NON_ROOT.search(message):
        return failed(shorten(message), Cause.CONTAINER_CREATE)
    return not_yet(f"container cannot be set up: {shorten(message)}", Cause.CONTAINER_CREATE)


def _could_not_start(message: str) -> Readiness:
    verdict = failed if _NOTHING_TO_EXECUTE.search(message) else not_yet
    quoted = message.find("exec: ")
    words = message[quoted:] if quoted >= 0 else message
    return verdict(f"container cannot be started: {shorten(words)}", Cause.CONTAINER_CREATE)


def _stopped(container: Container, terminated: Object) -> Readiness | None:
    """The container ended, and its pod (not in a final phase) will start it again or is about to end."""
    if text(terminated, "reason") in _COULD_NOT_START:
        return _could_not_start(text(terminated, "message"))
    restarts = count(container.status, "restartCount")
    often = f", restarted {'once' if restarts == 1 else f'{restarts} times'}" if restarts else ""
    if text(terminated, "reason") == "OOMKilled":
        limit = text(section(container.spec, "resources", "limits"), "memory")
        return not_yet(f"out of memory{f' (limit {limit})' if limit else ''}{often}", Cause.OOM_KILLED)
    if terminated and count(terminated, "exitCode") == 0:
        return not_yet(f"ended with exit code 0{often}", Cause.COMPLETED) if container.restarts else None
    how = ending(terminated) if terminated else "no exit code known"
    if container.init:
        return not_yet(f"init container {container.name}: {how}{often}", Cause.INIT_FAILED)
    return not_yet(f"crash loop: {how}{often}", Cause.CRASH_LOOP)


def _running(container: Container, seconds: float) -> Readiness | None:
    if container.init:
        return not_yet(f"init container {container.name} is running")
    if container.status.get("started") is False:
        # Its own failureThreshold × periodSeconds is how long it may take; then the kubelet restarts it.
        return not_yet("startup probe has not passed yet")
    if seconds > max(PROBE_PATIENCE, _probe_budget(section(container.spec, "readinessProbe"))):
        return not_yet(f"readiness probe fails, running for {seconds:.0f} s", Cause.PROBE_FAILING)
    before = section(container.status, "lastState", "terminated")
    if before and count(container.status, "restartCount"):
        return _stopped(container, before)
    return None


def _probe_budget(probe: Object) -> float:
    """Seconds until a probe's first ``failureThreshold`` tries are over (defaults: API reference, Probe)."""
    if not probe:
        return 0.0
    period, tries = count(probe, "periodSeconds", 10), count(probe, "failureThreshold", 3)
    return float(count(probe, "initialDelaySeconds") + period * tries)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def containers_of(pod: Object) -> list[Container]:
    """All containers in the order in which they must come up; those without a status yet too."""
    spec = section(pod, "spec")
    always = spec.get("restartPolicy", "Always") == "Always"
    found = []
    for specs, statuses, init in (
        ("initContainers", "initContainerStatuses", True),
        ("containers", "containerStatuses", False),
    ):
        known: dict[Any, Object] = {s.get("name"): s for s in section(pod, "status").get(statuses) or ()}
        for container in spec.get(specs) or ():
            sidecar = init and container.get("restartPolicy") == "Always"
            found.append(
                Container(
                    name=container["name"],
                    spec=container,
                    status=known.get(container["name"], {}),
                    init=init and not sidecar,
                    restarts=sidecar or (always and not init),
                )
            )
    return found


def named(verdict: Readiness, container: Container, alone: bool) -> Readiness:
    """*verdict* with the container's name when it is not the only one of its pod."""
    if alone or (container.init and verdict.message.startswith("init container")):
        return verdict
    return replace(verdict, message=f"{verdict.message} (container {container.name})")
