"""A graph of components whose pods take a known time: the whole run against the longest chain of them."""

from __future__ import annotations

from allup.graph import Graph
from bench.figures import seconds, times
from bench.generated import NAME, delayed
from bench.place import Place, busy
from bench.processes import allup

DELAYS = {
    "storage": 4.0,
    "directory": 3.0,
    "keys": 1.0,
    "database": 5.0,
    "queue": 2.0,
    "api": 4.0,
    "worker": 3.0,
    "front": 2.0,
    "reports": 1.0,
    "metrics": 6.0,
}
AFTER = {
    "database": ("storage", "keys"),
    "queue": ("storage",),
    "api": ("database", "queue", "directory"),
    "worker": ("queue", "database"),
    "front": ("api",),
    "reports": ("worker", "database"),
}


def measure(place: Place) -> None:
    """Prints wall time, the sum of the delays along the critical path, and their ratio."""
    graph = Graph({name: AFTER.get(name, ()) for name in DELAYS})
    longest, path = graph.critical_path(DELAYS)
    folder = delayed(DELAYS, AFTER).written(place.folder / "critical-path" / NAME)
    ran = allup(folder, "all-up", place.context)
    allup(folder, "all-down", place.context, "--purge")
    place.say(f"\nA graph of {len(DELAYS)} components, {busy()}")
    place.say(
        f"critical path {seconds(longest)} ({', '.join(path)}), engine {seconds(ran.engine)} "
        f"({times(ran.engine / longest)}), process {seconds(ran.seconds)} ({times(ran.seconds / longest)})"
    )
