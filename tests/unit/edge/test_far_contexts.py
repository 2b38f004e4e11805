"""A cluster that remote.up made reachable is found by its context, and no other of that name instead."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from allup.errors import ClusterError, InputError
from allup.target import Target, resolve

FAR = Target("/state/remotes/big/kubeconfig", "remote-big", origin="remote big")


def target(
    context: str | None = None,
    kubeconfig: str | None = None,
    stored: Target | None = None,
    made: Sequence[Target] = (FAR,),
) -> Target:
    return resolve(
        context=context,
        kubeconfig=kubeconfig,
        environ={"KUBECONFIG": "/nowhere"},
        stored=stored,
        sandboxes=(),
        allowed=(),
        contexts=lambda files: ("remote-big", "staging"),
        made=made,
    )


def test_it_is_found_by_its_context_and_is_no_sandbox() -> None:
    assert target("remote-big") == FAR
    assert not target("remote-big").sandbox


def test_one_of_that_name_in_another_kubeconfig_is_not_allowed_for_it() -> None:
    with pytest.raises(InputError, match="is not in /mine"):
        target("remote-big", kubeconfig="/mine")


def test_a_stored_choice_of_it_counts_as_long_as_it_is_there() -> None:
    chosen = Target(FAR.kubeconfig, FAR.context, fingerprint="uid", origin="cluster.use")
    assert target(stored=chosen) == chosen
    with pytest.raises(ClusterError, match="is not allowed"):
        target(stored=chosen, made=())


def test_it_is_a_choice_and_a_wrong_name_gets_a_hint() -> None:
    with pytest.raises(ClusterError, match="There are remote-big"):
        target()
    with pytest.raises(InputError, match="did you mean 'remote-big'"):
        target("remote-bigg")
