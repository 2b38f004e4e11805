"""Words that may be left out, and help that stays, on a command line as Invoke parses it."""

from __future__ import annotations

import pytest
from invoke.collection import Collection
from invoke.context import Context
from invoke.parser.parser import Parser
from invoke.tasks import task

import tasks
from tasks.optional import OptionalArgument
from tasks.unknown import read


def parsed(monkeypatch: pytest.MonkeyPatch, *words: str) -> dict[str, dict[str, object]]:
    """The tasks that Invoke finds in a command line, with what they are given."""
    argv = ["inv", *words]
    monkeypatch.setattr("sys.argv", argv)
    reading = read(tasks.ns, argv)
    assert reading.refusal == ""
    for name in reading.words:
        if isinstance(tasks.ns[name], OptionalArgument):
            monkeypatch.setattr(tasks.ns[name], "given", True)
    contexts = Parser(tasks.ns.to_contexts()).parse_argv(list(words))
    return {c.name: {name: a.value for name, a in c.args.items()} for c in contexts if c.name}


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("k8s.secrets",), None),
        (("k8s.secrets", "ldap-users"), "ldap-users"),
        (("k8s.secrets", "--reveal", "joe", "ldap-users"), "ldap-users"),
        (("k8s.secrets", "--reveal=joe", "ldap-users"), "ldap-users"),
        (("k8s.secrets", "--context", "allup-sandbox"), None),
        (("k8s.secrets", "--json"), None),
    ],
)
def test_the_name_of_a_secret_may_be_left_out(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], name: str | None
) -> None:
    assert parsed(monkeypatch, *words)["k8s.secrets"].get("name") == (name or "")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("cluster.use", "kind-try"), "kind-try"),
        (("cluster.use", "--kubeconfig", "file", "kind-try"), "kind-try"),
        (("cluster.use", "--context", "kind-try"), "kind-try"),
        (("cluster.use", "--forget"), ""),
        (("cluster.use",), ""),
    ],
)
def test_the_cluster_to_use_is_a_word(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], name: str
) -> None:
    assert parsed(monkeypatch, *words)["cluster.use"]["context"] == name


def test_another_task_may_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    found = parsed(monkeypatch, "cluster.use", "kind-try", "cluster.list")
    assert list(found) == ["cluster.use", "cluster.list"]


def test_looking_for_unknown_flags_leaves_the_help_of_the_known_ones() -> None:
    @task(help={"nodes": "simulated nodes"})
    def up(c: Context, nodes: str = "2") -> None:
        """Up."""

    ns = Collection(up)
    assert read(ns, ["inv", "up", "--nodes", "3"]).refusal == ""
    assert [a.help for a in ns["up"].get_arguments()] == ["simulated nodes"]
