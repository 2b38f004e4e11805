"""What ``verify`` finds: whether the cluster is the one that is meant, and runs what it should. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allup.fields import items, section, text
from allup.model.extras import Verify

Object = Mapping[str, Any]

TEMPLATES = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")


@dataclass(frozen=True)
class Compared:
    """One thing that was compared; *matters* tells whether a difference is a failure or only told."""

    what: str
    wanted: str
    found: str
    same: bool
    matters: bool = True

    @property
    def verdict(self) -> str:
        """``match``, ``mismatch``, or ``differs`` for what is only told."""
        return "match" if self.same else "mismatch" if self.matters else "differs"


def backend(wanted: Verify, *, version: str, context: str, kubeconfig: str) -> Iterator[Compared]:
    """The server: its version against the beginning of one (``v1.16`` is what every ``v1.16.3`` is), context
    and kubeconfig. What is not wanted is not compared."""
    if wanted.version:
        begun = f"v{wanted.version.removeprefix('v')}"
        same = version == begun or version.startswith((f"{begun}.", f"{begun}-", f"{begun}+"))
        yield Compared("Kubernetes", begun, version, same, wanted.strict)
    if wanted.context:
        yield Compared("context", wanted.context, context, context == wanted.context)
    if wanted.kubeconfig:
        yield Compared("kubeconfig", wanted.kubeconfig, kubeconfig, kubeconfig == wanted.kubeconfig)


def images(wanted: Iterable[Object], live: Iterable[Object]) -> Sequence[Compared]:
    """The image of every container, init containers too, of every workload that is wanted; ``not there``
    for a workload or container that is missing."""
    there = {(str(o["kind"]), str(o["metadata"]["name"])): dict(containers(o)) for o in live}
    found = []
    for obj in wanted:
        kind, name = str(obj["kind"]), str(obj["metadata"]["name"])
        running = there.get((kind, name), {})
        for container, image in containers(obj):
            actual = running.get(container, "not there")
            found.append(Compared(f"{kind}/{name} {container}", image, actual, image == actual))
    return found


def containers(workload: Object) -> Iterator[tuple[str, str]]:
    """Name and image of each container of a workload's pods; nothing for other kinds."""
    if workload.get("kind") not in TEMPLATES:
        return
    spec = section(workload, "spec")
    if workload["kind"] == "CronJob":
        spec = section(spec, "jobTemplate", "spec")
    for kind in ("initContainers", "containers"):
        for container in items(spec, "template", "spec", kind):
            yield text(container, "name"), text(container, "image")
