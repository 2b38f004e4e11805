"""Every platform of the house, its pods taking a known time each: the whole run against the critical path."""

from __future__ import annotations

from allup.graph import Graph
from allup.loading import dependencies
from bench.delayed import delays, every_platform
from bench.figures import seconds, times
from bench.place import Place, busy
from bench.processes import INV, run


def measure(place: Place) -> None:
    """Prints for each platform what ``all-up`` took, the delays along its critical path, and the ratio."""
    place.say(f"\nEvery platform, its pods ready after 2 to 10 s each, {busy()}")
    for collection, platform in every_platform():
        longest, path = Graph(dependencies(platform)).critical_path(delays(platform))
        flags = ("--context", place.context)
        ran = run((*INV, f"{collection}.all-up", *flags, "--json"))
        run((*INV, f"{collection}.all-down", *flags, "--purge", "--json"))
        place.say(
            f"{collection}: {len(platform.enabled)} components, critical path {seconds(longest)} "
            f"({', '.join(path)}), engine {seconds(ran.engine)} ({times(ran.engine / longest)})"
        )
