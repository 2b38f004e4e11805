"""The result of a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass

from allup.refs import ObjectRef


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Why something is not right: the object, its last state, the last warning event, the last log lines.

    *cause* is a stable word for machines (``image-not-found``); *next_step* a command to type.
    *culprit* is the object at the root of it when that is another one (the pod of a Deployment).
    *evidence* says where it was read: a status field, an Event, an exit code. *consequences* are the things
    that are wrong only because of this, nearest first; *alike* counts the objects that have the same
    trouble (three pods of one cause are one finding).
    *previous_lines* are the last log lines of the container's life before this one.
    """

    ref: ObjectRef
    cause: str
    message: str
    hopeless: bool = False
    last_event: str = ""
    log_lines: tuple[str, ...] = ()
    previous_lines: tuple[str, ...] = ()
    next_step: str = ""
    culprit: ObjectRef | None = None
    evidence: str = ""
    consequences: tuple[str, ...] = ()
    alike: int = 1

    @property
    def heals(self) -> bool:
        """True when waiting may help."""
        return not self.hopeless
