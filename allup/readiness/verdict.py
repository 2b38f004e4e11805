"""The answer of a readiness judgement, and what it may look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from allup.refs import ObjectRef


class State(StrEnum):
    """Ready, not yet, or failed; a failed object will not become ready by waiting."""

    READY = "ready"
    NOT_YET = "not yet"
    FAILED = "failed"


@dataclass(frozen=True)
class Readiness:
    """*message* says why in words (``0/1 pods ready``). *cause* is a stable word, empty while all is normal.

    *hopeless* marks a cause that cannot heal by itself: the wait ends at once. A cause that may heal
    (a crash loop) has state NOT_YET, a cause, and hopeless False: it gets a grace period.
    *culprit* is the object at the root of it when that is another one (the pod of a Deployment).
    Whatever ``judge`` returns is FAILED exactly when it is hopeless.
    """

    state: State
    message: str = ""
    cause: str = ""
    hopeless: bool = False
    culprit: ObjectRef | None = None

    @property
    def ready(self) -> bool:
        """True for READY."""
        return self.state is State.READY


READY = Readiness(State.READY)


def ready(message: str = "") -> Readiness:
    """READY, with a word on how."""
    return Readiness(State.READY, message)


def not_yet(message: str, cause: str = "", culprit: ObjectRef | None = None) -> Readiness:
    """NOT_YET; with a *cause* when something is wrong that may heal."""
    return Readiness(State.NOT_YET, message, cause, culprit=culprit)


def failed(message: str, cause: str, culprit: ObjectRef | None = None) -> Readiness:
    """FAILED and hopeless."""
    return Readiness(State.FAILED, message, cause, hopeless=True, culprit=culprit)


class Neighbours(Protocol):
    """What stands beside an object, looked up in what the watches have seen."""

    def owned(self, uid: str, kind: str) -> Sequence[Mapping[str, Any]]:
        """The objects of *kind* (``ReplicaSet``, ``Pod``, ``Job``) whose controller has that uid."""

    def pods_matching(self, namespace: str, selector: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """The pods whose labels contain all of *selector*."""

    def endpoint_slices(self, namespace: str, service: str) -> Sequence[Mapping[str, Any]]:
        """The EndpointSlices of a Service."""

    def wants_pods(self, namespace: str, selector: Mapping[str, str]) -> bool:
        """True when a workload of the same component, selected by it, wants at least one ready pod."""

    def binding_mode(self, storage_class: str | None) -> str | None:
        """``volumeBindingMode`` of a StorageClass (None asks for the default one); None when unknown."""


class NoNeighbours:
    """Nothing is known but the object itself."""

    def owned(self, uid: str, kind: str) -> Sequence[Mapping[str, Any]]:
        """None."""
        return ()

    def pods_matching(self, namespace: str, selector: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        """None."""
        return ()

    def endpoint_slices(self, namespace: str, service: str) -> Sequence[Mapping[str, Any]]:
        """None."""
        return ()

    def wants_pods(self, namespace: str, selector: Mapping[str, str]) -> bool:
        """False."""
        return False

    def binding_mode(self, storage_class: str | None) -> str | None:
        """Unknown."""
        return None
