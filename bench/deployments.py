"""One-replica Deployments: up until ready, again without a change, down until their pods are gone.

allup and kubectl take turns in one run, each in a namespace of its own. kubectl's up is a server-side apply
and a wait for every Deployment to be available; its down a delete and a wait for the pods.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from allup.report.tables import table
from bench.figures import median, megabytes, ratio, seconds, times
from bench.generated import NAME, Shape, apart, together
from bench.place import Place, busy
from bench.processes import Broken, Ran, allup, run

STEPS = ("up", "again", "down")
_TASKS = {"up": "all-up", "again": "all-up", "down": "all-down"}
_NAMESPACE = "bench-kubectl"
_PATIENCE = "--timeout=30m"


@dataclass
class Measured:
    """What was measured of one step: a value a round."""

    engine: list[float] = field(default_factory=list)
    process: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    kubectl: list[float] = field(default_factory=list)


def measure(place: Place, sizes: Sequence[int], rounds: int) -> None:
    """Prints a table per size and shape: medians of *rounds*, one round from 1,000 on."""
    peer = shutil.which("kubectl")
    if peer is None:
        place.say("Left out: kubectl, which is not on the PATH.")
    for size in sizes:
        for what, shape in (("one component", together(size)), ("a component each", apart(size))):
            often = 1 if size >= 1000 else rounds
            beside = peer if what == "one component" else None
            measured = _rounds(place, shape, often, beside)
            place.say(f"\n{size} Deployments, {what}; rounds: {often}; {busy()}")
            place.say(_table(measured))


def _rounds(place: Place, shape: Shape, rounds: int, kubectl: str | None) -> dict[str, Measured]:
    measured = {step: Measured() for step in STEPS}
    folder = shape.written(place.folder / f"{len(shape.parts)}-{shape.deployments}" / NAME)
    if kubectl:
        _kubectl(kubectl, place, "create", "namespace", _NAMESPACE)
    for _ in range(rounds):
        for step in STEPS:
            ran = allup(folder, _TASKS[step], place.context)
            measured[step].engine.append(ran.engine)
            measured[step].process.append(ran.seconds)
            measured[step].memory.append(ran.memory)
            measured[step].requests.append(int(ran.finished["requests"]))
        for step in STEPS if kubectl else ():
            measured[step].kubectl.append(_peer(str(kubectl), place, folder, step))
    allup(folder, "all-down", place.context, "--purge")
    if kubectl:
        _kubectl(kubectl, place, "delete", "namespace", _NAMESPACE)
    return measured


def _peer(kubectl: str, place: Place, folder: Path, step: str) -> float:
    files = [word for file in sorted(folder.glob("*.yaml")) for word in ("-f", str(file))]
    within = ("-n", _NAMESPACE)
    if step == "down":
        ran = _kubectl(kubectl, place, *within, "delete", *files, _PATIENCE)
        try:
            gone = _kubectl(kubectl, place, *within, "wait", "--for=delete", "pod", "--all", _PATIENCE)
        except Broken as error:
            if "no matching resources" not in str(error):
                raise
            return ran.seconds
        return ran.seconds + gone.seconds
    applied = _kubectl(kubectl, place, *within, "apply", "--server-side", *files)
    waited = _kubectl(
        kubectl, place, *within, "wait", "--for=condition=Available", "deployment", "--all", _PATIENCE
    )
    return applied.seconds + waited.seconds


def _kubectl(kubectl: str, place: Place, *arguments: str) -> Ran:
    return run((kubectl, "--kubeconfig", str(place.sandbox.kubeconfig), *arguments))


def _table(measured: dict[str, Measured]) -> str:
    headers = (
        "step",
        "engine",
        "process",
        "kubectl",
        "engine/kubectl",
        "process/kubectl",
        "requests",
        "memory",
    )
    rows = []
    for step, found in measured.items():
        theirs = median(found.kubectl) if found.kubectl else None
        engine, process = median(found.engine), median(found.process)
        rows.append(
            (
                step,
                seconds(engine),
                seconds(process),
                seconds(theirs),
                times(ratio(engine, theirs)),
                times(ratio(process, theirs)),
                max(found.requests),
                megabytes(max(found.memory)),
            )
        )
    return table(headers, rows, right=headers[1:])
