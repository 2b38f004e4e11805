"""What needs what: a directed graph without cycles, in the order its nodes were written."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from allup.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Graph:
    """``edges`` maps each name to the names it needs; whatever was given is kept in the order given.

    Raises InputError when a needed name is not a node, or when names need each other in a circle.
    """

    edges: Mapping[str, Collection[str]]

    def __post_init__(self) -> None:
        place = {name: index for index, name in enumerate(self.edges)}
        for name, needed in self.edges.items():
            for other in needed:
                if other not in place:
                    raise InputError(
                        repr(name), f"needs {other!r}, which does not exist{did_you_mean(other, place)}"
                    )
        edges = {name: tuple(sorted(set(needs), key=place.__getitem__)) for name, needs in self.edges.items()}
        object.__setattr__(self, "edges", MappingProxyType(edges))
        if len(self._order) < len(edges):
            raise InputError("the dependency graph", f"has a cycle: {self._cycle()}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.edges)

    def __len__(self) -> int:
        return len(self.edges)

    def __contains__(self, name: object) -> bool:
        return name in self.edges

    def order(self) -> tuple[str, ...]:
        """Every node after all it needs; where that leaves a choice, the order given."""
        return self._order

    def direct_needs(self, name: str) -> tuple[str, ...]:
        """What *name* needs itself, in the order given. Raises InputError for an unknown name."""
        return tuple(self.edges[self._known(name)])

    def needs(self, name: str) -> frozenset[str]:
        """All that must be there before *name*, without itself. Raises InputError for an unknown name."""
        return _reachable(self.edges, self._known(name))

    def dependants(self, name: str) -> frozenset[str]:
        """All that cannot be without *name*, without itself. Raises InputError for an unknown name."""
        return _reachable(self._needed_by, self._known(name))

    def levels(self) -> tuple[tuple[str, ...], ...]:
        """The nodes by the length of the longest chain below them: level 0 needs nothing."""
        levels: list[list[str]] = [[] for _ in range(1 + max(self._depth.values(), default=-1))]
        for name in self.edges:
            levels[self._depth[name]].append(name)
        return tuple(map(tuple, levels))

    def reversed(self) -> Graph:
        """The same nodes with every edge turned round: the order in which things are taken down."""
        return Graph({name: self._needed_by[name] for name in reversed(tuple(self.edges))})

    def subgraph(self, names: Iterable[str]) -> Graph:
        """Only *names*. What was needed through a node left out stays needed, so no order is lost.

        Raises InputError for an unknown name.
        """
        kept = {self._known(name) for name in names}
        nearest: dict[str, frozenset[str]] = {}
        for name in self._order:
            nearest[name] = frozenset().union(
                *({other} if other in kept else nearest[other] for other in self.edges[name])
            )
        return Graph({name: nearest[name] for name in self.edges if name in kept})

    def critical_path(self, durations: Mapping[str, float]) -> tuple[float, tuple[str, ...]]:
        """The chain that takes longest when everything starts as soon as it can: its seconds and its nodes
        from first to last. A node without a duration takes no time."""
        end: dict[str, float] = {}
        before: dict[str, str | None] = {}
        for name in self._order:
            last = max(self.edges[name], key=end.__getitem__, default=None)
            before[name] = last
            end[name] = (end[last] if last is not None else 0.0) + durations.get(name, 0.0)
        at = max(self._order, key=end.__getitem__, default=None)
        seconds, path = (end[at] if at is not None else 0.0), []
        while at is not None:
            path.append(at)
            at = before[at]
        return seconds, tuple(path[::-1])

    def text(self) -> str:
        """One line a node in topological order, indented by level, with what it needs."""
        width = max((2 * self._depth[name] + len(name) for name in self.edges), default=0)
        lines = []
        for name in self._order:
            label = "  " * self._depth[name] + name
            needs = ", ".join(self.edges[name])
            lines.append(f"{label:<{width}}  needs {needs}" if needs else label)
        return "\n".join(lines)

    def mermaid(self) -> str:
        """A Mermaid flowchart; an arrow leads from what comes first to what needs it."""
        # Ids of our own: a bare name such as "end" is a word of the language.
        ids = {name: f"n{index}" for index, name in enumerate(self.edges)}
        nodes = [f'  {ids[name]}["{name}"]' for name in self.edges]
        arrows = [f"  {ids[other]} --> {ids[name]}" for name in self.edges for other in self.edges[name]]
        return "\n".join(["flowchart LR", *nodes, *arrows])

    def _known(self, name: str) -> str:
        if name in self.edges:
            return name
        raise InputError(repr(name), f"is not in the dependency graph{did_you_mean(name, self.edges)}")

    @cached_property
    def _needed_by(self) -> Mapping[str, tuple[str, ...]]:
        needed_by: dict[str, list[str]] = {name: [] for name in self.edges}
        for name, needs in self.edges.items():
            for other in needs:
                needed_by[other].append(name)
        return {name: tuple(others) for name, others in needed_by.items()}

    @cached_property
    def _order(self) -> tuple[str, ...]:
        """Kahn's algorithm; shorter than the graph when there is a cycle."""
        names = tuple(self.edges)
        place = {name: index for index, name in enumerate(names)}
        missing = {name: len(needs) for name, needs in self.edges.items()}
        free = [place[name] for name in names if not missing[name]]
        order = []
        while free:
            name = names[heapq.heappop(free)]
            order.append(name)
            for other in self._needed_by[name]:
                missing[other] -= 1
                if not missing[other]:
                    heapq.heappush(free, place[other])
        return tuple(order)

    @cached_property
    def _depth(self) -> Mapping[str, int]:
        depth: dict[str, int] = {}
        for name in self._order:
            depth[name] = 1 + max((depth[other] for other in self.edges[name]), default=-1)
        return depth

    def _cycle(self) -> str:
        """``a needs b needs a``, from whichever of the circle was written first."""
        done = set(self._order)
        name = next(name for name in self.edges if name not in done)
        path: list[str] = []
        while name not in path:
            path.append(name)
            name = next(other for other in self.edges[name] if other not in done)
        circle = path[path.index(name) :]
        places = list(self.edges)
        first = circle.index(min(circle, key=places.index))
        circle = circle[first:] + circle[:first]
        return " needs ".join([*circle, circle[0]])


def _reachable(edges: Mapping[str, Collection[str]], start: str) -> frozenset[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        for name in edges[ahead.pop()]:
            if name not in found:
                found.add(name)
                ahead.append(name)
    return frozenset(found)
