"""Which components a run is about: pure decisions on the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from allup.errors import InputError, did_you_mean
from allup.graph import Graph


def selected_up(graph: Graph, only: Sequence[str], skip: Sequence[str], no_deps: bool) -> tuple[str, ...]:
    """The components to bring up, in order: all of them, or those named with what they need.

    Raises InputError for a name that is no component.
    """
    _known(graph, (*only, *skip))
    wanted = set(only or graph.order())
    if only and not no_deps:
        for name in only:
            wanted |= graph.needs(name)
    return tuple(name for name in graph.order() if name in wanted and name not in skip)


def selected_down(
    graph: Graph, only: Sequence[str], live: Mapping[str, bool], cascade: bool
) -> tuple[str, ...]:
    """The components to take down, dependants first.

    *live* says which have something running. Raises InputError naming the live dependants in the way,
    unless *cascade* takes them too.
    """
    _known(graph, only)
    order = tuple(reversed(graph.order()))
    if not only:
        return order
    wanted = set(only)
    for name in only:
        in_the_way = [other for other in order if other in graph.dependants(name) and live.get(other)]
        in_the_way = [other for other in in_the_way if other not in wanted]
        if in_the_way and not cascade:
            raise InputError(
                f"component {name}",
                f"is used by {', '.join(reversed(in_the_way))}",
                next_step="Take them down first, or all together with --cascade",
            )
        wanted |= set(in_the_way)
    return tuple(name for name in order if name in wanted)


def _known(graph: Graph, names: Sequence[str]) -> None:
    known = graph.order()
    for name in names:
        if name not in known:
            raise InputError(
                f"component {name!r}",
                f"is not part of this platform{did_you_mean(name, known)}",
                next_step=f"Its components are {', '.join(known)}",
            )
