"""Live values: facts about one object that another object needs, known only once the first exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from allup.refs import ShortRef


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = _Required()


@dataclass(frozen=True)
class Live:
    """A jq expression on an object, read when the component that uses it is applied.

    Without a default the object must be there, and the component that makes it becomes a dependency.
    With a default the value is "what is there already, else the default" and adds no dependency.
    """

    ref: ShortRef
    expression: str
    default: object = REQUIRED

    @property
    def required(self) -> bool:
        """False when a default stands in for a missing object."""
        return self.default is REQUIRED


def live(ref: str, expression: str, *, default: object = REQUIRED) -> Live:
    """A live value, such as ``live("Service/nfs01", ".spec.clusterIP")``."""
    return Live(ShortRef.parse(ref), expression, default)


class KnownLater(str):
    """Stands for a live value in a plan: the text says after which component it will be known.

    In a longer text, such as a rendered template, *said* is that part alone.
    """

    __slots__ = ("said",)
    said: str

    def __new__(cls, text: str, said: str = "") -> KnownLater:
        made = super().__new__(cls, text)
        made.said = said or text
        return made


def later_texts(value: object) -> frozenset[str]:
    """What every KnownLater anywhere in *value* says."""
    if isinstance(value, KnownLater):
        return frozenset({value.said})
    if isinstance(value, Mapping):
        return frozenset().union(*(later_texts(inner) for inner in value.values()))
    if isinstance(value, list | tuple):
        return frozenset().union(*(later_texts(inner) for inner in value))
    return frozenset()
