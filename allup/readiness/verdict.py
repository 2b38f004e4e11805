"""The answer of a readiness judgement, and what it may look at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from allup.diagnosis.trouble import Trouble
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


def because(trouble: Trouble, counts: str = "") -> Readiness:
    """The readiness of an object that has that trouble; *counts* (``0/3 pods ready``) come first in words.
    What is ordinary for a while counts as no cause."""
    state = State.FAILED if trouble.hopeless else State.NOT_YET
    message = f"{counts}: {trouble.message}" if counts else trouble.message
    cause = "" if trouble.ordinary else trouble.cause
    return Readiness(state, message, cause, trouble.hopeless, trouble.culprit)
