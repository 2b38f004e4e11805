"""What a family answers: one thing that is wrong."""

from __future__ import annotations

from dataclasses import dataclass

from allup.refs import ObjectRef


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """*message* says it in words, with its quantities. *cause* is a stable word, empty for what is worth a
    word but nothing wrong (``init container x is running``).

    *hopeless*: waiting cannot heal it. *ordinary*: it looks like this while all is well too (a probe that
    fails in a container's first seconds), so it is named but starts no grace period.
    *culprit* is the object at the root when it is not the one asked about. *evidence* names where it was read
    (``status.containerStatuses[app].state.waiting.reason ErrImagePull``, ``Event FailedMount``).
    *next_step*, when given, is better than the usual one for the cause. *consequences* lie between the
    culprit and the object asked about, nearest to the culprit first. *alike* counts the objects that
    share it.
    """

    message: str
    cause: str = ""
    hopeless: bool = False
    ordinary: bool = False
    culprit: ObjectRef | None = None
    evidence: str = ""
    next_step: str = ""
    consequences: tuple[str, ...] = ()
    alike: int = 1


def hopeless(message: str, cause: str, evidence: str = "", *, next_step: str = "") -> Trouble:
    """A trouble that no waiting heals."""
    return Trouble(message=message, cause=cause, hopeless=True, evidence=evidence, next_step=next_step)


def may_heal(message: str, cause: str, evidence: str = "", *, next_step: str = "") -> Trouble:
    """A trouble that is given its grace."""
    return Trouble(message=message, cause=cause, evidence=evidence, next_step=next_step)


def ordinary(message: str, cause: str = "", evidence: str = "", *, next_step: str = "") -> Trouble:
    """What is normal for a while; with a *cause* so that it has a name when it is asked about."""
    return Trouble(message=message, cause=cause, ordinary=True, evidence=evidence, next_step=next_step)


def weight(trouble: Trouble) -> tuple[bool, bool, bool]:
    """The order of telling: hopeless ones first, then alarming ones, then those with a cause."""
    return (not trouble.hopeless, trouble.ordinary or not trouble.cause, not trouble.cause)
