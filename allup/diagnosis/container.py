"""One container of a pod: its spec and status side by side."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any

from allup.fields import Object, count, section, shorten, text

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

    @property
    def often(self) -> str:
        """``, restarted 2 times``, or ``""``."""
        restarts = count(self.status, "restartCount")
        return f", restarted {'once' if restarts == 1 else f'{restarts} times'}" if restarts else ""

    def where(self, field: str) -> str:
        """The path of a field of its status."""
        statuses = "initContainerStatuses" if self.init else "containerStatuses"
        return f"status.{statuses}[{self.name}].{field}"


def ending(terminated: Object) -> str:
    """How a container ended: ``exit code 1``, ``exit code 137 (SIGKILL)``, and the message it left."""
    code = count(terminated, "exitCode")
    number = count(terminated, "signal") or (code - 128 if 128 < code < 160 else 0)
    meaning = _signal_name(number) if number else _KNOWN_CODES.get(code, "")
    words = f"exit code {code} ({meaning})" if meaning else f"exit code {code}"
    left = shorten(text(terminated, "message"), 120)
    return f"{words}: {left}" if left else words


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
