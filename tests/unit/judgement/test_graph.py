"""The graph: what comes before what, in words a reviewer can read."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allup.errors import InputError
from allup.graph import Graph

RSTUDIO = Graph(
    {
        "setup": [],
        "nfs": ["setup"],
        "nfs-pv": ["nfs"],
        "ldap": ["setup"],
        "rsp": ["ldap", "nfs-pv"],
    }
)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Names in any order, edges along a hidden one."""
    size = draw(st.integers(0, 12))
    hidden = draw(st.permutations([f"n{i}" for i in range(size)]))
    edges = {
        name: sorted(draw(st.sets(st.sampled_from(hidden[:at])))) if at else []
        for at, name in enumerate(hidden)
    }
    return {name: edges[name] for name in draw(st.permutations(hidden))}


def test_the_print_of_a_graph_can_be_reviewed() -> None:
    assert RSTUDIO.text().splitlines() == [
        "setup",
        "  nfs       needs setup",
        "    nfs-pv  needs nfs",
        "  ldap      needs setup",
        "      rsp   needs nfs-pv, ldap",
    ]


def test_mermaid_arrows_lead_from_first_to_next() -> None:
    assert Graph({"end": [], "a": ["end"]}).mermaid() == ('flowchart LR\n  n0["end"]\n  n1["a"]\n  n0 --> n1')


def test_the_order_is_the_one_written_where_the_edges_leave_a_choice() -> None:
    assert RSTUDIO.order() == ("setup", "nfs", "nfs-pv", "ldap", "rsp")
    assert Graph({"b": ["c"], "a": [], "c": []}).order() == ("a", "c", "b")


def test_levels_say_what_can_start_together() -> None:
    assert RSTUDIO.levels() == (("setup",), ("nfs", "ldap"), ("nfs-pv",), ("rsp",))
    assert Graph({}).levels() == ()


def test_needs_and_dependants_reach_all_the_way() -> None:
    assert RSTUDIO.needs("rsp") == {"setup", "nfs", "nfs-pv", "ldap"}
    assert RSTUDIO.direct_needs("rsp") == ("nfs-pv", "ldap")
    assert RSTUDIO.dependants("nfs") == {"nfs-pv", "rsp"}


def test_the_way_down_is_the_way_up_reversed() -> None:
    assert RSTUDIO.reversed().order() == ("rsp", "ldap", "nfs-pv", "nfs", "setup")


def test_leaving_a_node_out_loses_no_order() -> None:
    assert RSTUDIO.subgraph(["rsp", "nfs"]) == Graph({"nfs": [], "rsp": ["nfs"]})


def test_the_critical_path_is_the_longest_chain() -> None:
    durations = {"setup": 1.0, "nfs": 2.0, "nfs-pv": 0.5, "ldap": 4.0, "rsp": 8.0}
    assert RSTUDIO.critical_path(durations) == (13.0, ("setup", "ldap", "rsp"))
    assert Graph({}).critical_path({}) == (0.0, ())


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        ({"a": ["b"], "b": ["a"]}, "a needs b needs a"),
        ({"a": ["a"]}, "a needs a"),
        ({"x": ["c"], "b": ["c"], "c": ["d"], "d": ["b"], "ok": []}, "b needs c needs d needs b"),
    ],
    ids=["two", "itself", "behind a tail"],
)
def test_a_cycle_is_named_edge_by_edge(edges: dict[str, list[str]], cycle: str) -> None:
    with pytest.raises(InputError, match=f"has a cycle: {cycle}\\.$"):
        Graph(edges)


def test_a_name_that_does_not_exist_is_named_with_a_suggestion() -> None:
    with pytest.raises(InputError) as missing:
        Graph({"ldap": [], "rsp": ["ldab"]})
    assert str(missing.value) == "'rsp': needs 'ldab', which does not exist (did you mean 'ldap'?)."
    with pytest.raises(InputError, match=r"'ldab': is not in the dependency graph \(did you mean 'ldap'\?\)"):
        Graph({"ldap": []}).needs("ldab")


@given(graphs())
def test_every_node_comes_after_all_it_needs(edges: dict[str, list[str]]) -> None:
    graph = Graph(edges)
    order = graph.order()
    assert sorted(order) == sorted(edges)
    for name in order:
        assert graph.needs(name) <= set(order[: order.index(name)])


@given(graphs())
def test_dependants_is_the_inverse_of_needs(edges: dict[str, list[str]]) -> None:
    graph = Graph(edges)
    for one in graph:
        for other in graph:
            assert (other in graph.needs(one)) == (one in graph.dependants(other))
        assert graph.reversed().needs(one) == graph.dependants(one)


@given(graphs(), st.data())
def test_a_subgraph_needs_what_the_whole_needs(edges: dict[str, list[str]], data: st.DataObject) -> None:
    graph = Graph(edges)
    kept = data.draw(st.sets(st.sampled_from(sorted(edges)))) if edges else set()
    part = graph.subgraph(kept)
    assert set(part) == kept
    for name in kept:
        assert part.needs(name) == graph.needs(name) & kept


@given(graphs(), st.data())
def test_no_chain_takes_longer_than_the_critical_path(
    edges: dict[str, list[str]], data: st.DataObject
) -> None:
    graph = Graph(edges)
    durations = {name: float(data.draw(st.integers(0, 9))) for name in edges}
    seconds, path = graph.critical_path(durations)
    assert seconds == sum(durations[name] for name in path)
    assert all(before in graph.direct_needs(after) for before, after in pairwise(path))
    done: dict[str, float] = {}
    for name in graph.order():
        done[name] = durations[name] + max((done[other] for other in graph.direct_needs(name)), default=0.0)
    assert seconds == max(done.values(), default=0.0)


def test_a_thousand_nodes_are_no_work() -> None:
    edges = {f"n{i}": [f"n{j}" for j in range(max(0, i - 5), i)] for i in range(1000)}
    start = time.process_time()
    graph = Graph(edges)
    graph.levels(), graph.reversed(), graph.critical_path({}), graph.needs("n999"), graph.text()
    assert time.process_time() - start < 0.5
