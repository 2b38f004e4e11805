"""What a person waits for most often: the list of tasks, and the flagship's second run."""

from __future__ import annotations

import sys

from bench.figures import median, milliseconds, seconds
from bench.place import Place, busy
from bench.processes import INV, Ran, run

TIMES = 10
_PLATFORM = "k8s"


def measure(place: Place) -> None:
    """Prints the medians of ten runs, and a second all-up of RStudio."""
    # inv writes no bytecode; make compiled it when it set the environment up, and sources change since.
    run((sys.executable, "-m", "compileall", "-q", "allup", "tasks", "k8s"))
    listed, bare = [], []
    for _ in range(TIMES):
        listed.append(run((*INV, "--list")).seconds)
        bare.append(run((*INV, "--version")).seconds)
    place.say(f"\nThe list of tasks, medians of {TIMES}; {busy()}")
    place.say(
        f"inv --list {milliseconds(median(listed))}, inv --version {milliseconds(median(bare))} "
        f"(Invoke without any task), a bare Python {milliseconds(_bare_python())}"
    )
    first, again = _up(place), _up(place)
    place.say(f"\nRStudio, brought up and again; {busy()}")
    for name, ran in (("up", first), ("again", again)):
        place.say(
            f"{name}: engine {seconds(ran.engine)}, process {seconds(ran.seconds)}, "
            f"{ran.finished['requests']} requests"
        )
    run((*INV, f"{_PLATFORM}.all-down", "--context", place.context, "--purge", "--yes"))


def _up(place: Place) -> Ran:
    return run((*INV, f"{_PLATFORM}.all-up", "--context", place.context, "--json"))


def _bare_python() -> float:
    return median([run((sys.executable, "-c", "pass")).seconds for _ in range(TIMES)])
