"""What a refusal means when its pod is on a simulated node: no process runs there that could answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from allup import AllupError
from tasks.preparing import Prepared

NOTHING_RUNS = "on a simulated node, where no process runs"


def is_simulated(prepared: Prepared, pod: Mapping[str, Any]) -> bool:
    """Whether *pod* is on a simulated node."""
    from allup.run.surroundings import simulated_nodes

    node = (pod.get("spec") or {}).get("nodeName")
    return bool(node) and node in simulated_nodes(prepared.session.objects)


def nothing_there(prepared: Prepared, pod: Mapping[str, Any], lacking: str) -> AllupError:
    """The sentence: there is no *lacking* in *pod*, and what works instead."""
    name, collection = pod["metadata"]["name"], prepared.call.platform.collection
    return AllupError(
        f"pod {name}",
        f"is {NOTHING_RUNS}: there is no {lacking}",
        next_step=f"What works there: inv {collection}.describe --pod {name}, inv {collection}.events",
    )


@contextmanager
def in_words(prepared: Prepared, pod: Mapping[str, Any], lacking: str) -> Iterator[None]:
    """An AllupError that comes of *pod* is put in words if it is on a simulated node.

    It is always tried first, since what simulates a node may answer for its pods.
    """
    try:
        yield
    except AllupError as error:
        if not is_simulated(prepared, pod):
            raise
        raise nothing_there(prepared, pod, lacking) from error
