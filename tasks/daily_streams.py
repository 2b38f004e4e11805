"""The day's work with containers: logs, shell, exec, forward …."""

from __future__ import annotations

from collections.abc import Iterator

from allup.model.platform import Platform
from tasks.flags import WHERE
from tasks.verb import Verb

_POD = ("pod", "container")
_PORTS = 20


def verbs(platform: Platform) -> Iterator[Verb]:
    """The verbs of this kind."""
    some = platform.components[-1].name if platform.components else "COMPONENT"
    yield Verb(
        "logs",
        "Print the logs of a component's pods, or of --pod; --follow goes on, also with the pod that takes "
        "its place after a restart.",
        f"P.logs {some} --tail 50 --follow",
        "streaming:logs",
        (*WHERE, *_POD, "tail", "since", "previous", "follow"),
        words=1,
    )
    yield Verb(
        "shell",
        "Open a shell (bash, else sh) in a ready pod of a component, or in --pod.",
        f"P.shell {some}",
        "streaming:shell",
        (*WHERE, *_POD),
        words=1,
    )
    yield Verb(
        "exec",
        "Run a command in a ready pod of a component, or in --pod; leaves with the command's exit code.",
        f"P.exec {some} -- ls -l /",
        "streaming:execute",
        (*WHERE, *_POD, "timeout"),
        words=1,
    )
    yield Verb(
        "forward",
        "Make ports of a component (COMPONENT), a Service (svc/NAME) or --pod ports of this machine: PORT, "
        "LOCAL:PORT or :PORT. Without ports all of them; without anything the platform's URLs.",
        f"P.forward {some} 8080:80 --background",
        "forwarding:forward",
        (*WHERE, "pod", "background", "list", "stop", "json"),
        words=_PORTS,
    )
    yield Verb(
        "debug",
        "Open a shell beside a pod's container, with the tools of --image; a pod that does not stay up is "
        "copied with its command replaced, and the copy removed afterwards.",
        f"P.debug {some} --image busybox:1.37",
        "streaming:debug",
        (*WHERE, *_POD, "image"),
        words=1,
    )
    yield Verb(
        "dns",
        "Look names up from inside a pod of a component: NAME, or every Service of the platform.",
        f"P.dns {some}",
        "streaming:dns",
        (*WHERE, *_POD, "json"),
        words=2,
    )
    yield Verb(
        "container-id",
        "Show node, runtime and id of each container of a component, or of --pod.",
        f"P.container-id {some}",
        "streaming:container_id",
        (*WHERE, "pod", "json"),
        words=1,
    )
