"""What did not come over as it was: listed, never dropped in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from allup.compose.source import (
    Fields,
    Items,
    Node,
    Place,
    Text,
    boolean,
    fields,
    integer,
    refuse,
    text,
    texts,
)


class Grade(StrEnum):
    """How a thing came over."""

    LEFT_OUT = "left out"
    CHANGED = "changed"
    TO_DO = "to do"


@dataclass(frozen=True)
class Finding:
    """One thing a person should know: *service* and *key* in the compose file, *reason*, what to do."""

    grade: Grade
    service: str
    key: str
    reason: str
    next_step: str = ""
    where: str = ""

    def as_json(self) -> Mapping[str, str]:
        """Its fields by name."""
        return {
            "grade": str(self.grade),
            "service": self.service,
            "key": self.key,
            "reason": self.reason,
            "next_step": self.next_step,
            "where": self.where,
        }


@dataclass
class Findings:
    """Collects them; the same thing said twice is kept once."""

    found: dict[Finding, None] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.found)

    def add(
        self,
        grade: Grade,
        service: str,
        key: str,
        reason: str,
        next_step: str = "",
        where: Place | None = None,
    ) -> None:
        """Takes one down."""
        self.found[Finding(grade, service, key, reason, next_step, str(where) if where else "")] = None

    def left_out(
        self, service: str, key: str, reason: str, next_step: str = "", where: Place | None = None
    ) -> None:
        """Something is not in the platform."""
        self.add(Grade.LEFT_OUT, service, key, reason, next_step, where)

    def changed(
        self, service: str, key: str, reason: str, next_step: str = "", where: Place | None = None
    ) -> None:
        """Something is in the platform in another way."""
        self.add(Grade.CHANGED, service, key, reason, next_step, where)

    def to_do(
        self, service: str, key: str, reason: str, next_step: str = "", where: Place | None = None
    ) -> None:
        """Something has to be done before an up works."""
        self.add(Grade.TO_DO, service, key, reason, next_step, where)


class Taking:
    """A mapping of a compose file whose keys are taken one by one; what nobody took is told by ``rest``."""

    def __init__(self, node: Fields | None, what: str, place: Place) -> None:
        self.node = node if node is not None else Fields({}, place)
        self.what = what
        self._taken: set[str] = set()

    def take(self, key: str) -> Node | None:
        """The value of *key*, which counts as dealt with."""
        self._taken.add(key)
        return self.node.get(key)

    def where(self, key: str) -> Place:
        """Where it is written."""
        return self.node.where(key)

    def said(self, key: str) -> str:
        """How messages call a key."""
        return f"{key} of {self.what}"

    def text(self, key: str, default: str = "") -> str:
        """A scalar as text."""
        node = self.take(key)
        return default if node is None else text(node, self.said(key))

    def integer(self, key: str) -> int | None:
        """A whole number."""
        node = self.take(key)
        return None if node is None else integer(node, self.said(key))

    def boolean(self, key: str, default: bool = False) -> bool:
        """True or false."""
        return boolean(self.take(key), self.said(key), default)

    def texts(self, key: str) -> list[Text]:
        """A list of scalars."""
        return texts(self.take(key), self.said(key))

    def items(self, key: str) -> list[Taking]:
        """A list of mappings."""
        node = self.take(key)
        if node is None:
            return []
        if not isinstance(node, Items):
            refuse(node.place, f"{self.said(key)} has to be a list")
        return [
            Taking(fields(item, f"an item of {self.said(key)}"), f"an item of {self.said(key)}", item.place)
            for item in node.items
        ]

    def fields(self, key: str) -> Taking:
        """A mapping, empty where there is none."""
        node = fields(self.take(key), self.said(key))
        return Taking(node, self.said(key), self.node.place)

    def mapping(self, key: str) -> dict[str, Text]:
        """A mapping of scalars."""
        node = fields(self.take(key), self.said(key))
        return {k: v for k, v in (node.entries if node else {}).items() if isinstance(v, Text)}

    def rest(self) -> Iterator[tuple[str, Place]]:
        """Keys that nobody took and that say something, with where they are."""
        for key, node in self.node.entries.items():
            empty = isinstance(node, Text) and (node.null or not node.value)
            empty = empty or (isinstance(node, Items) and not node.items)
            empty = empty or (isinstance(node, Fields) and not node.entries)
            if key not in self._taken and not key.startswith("x-") and not empty:
                yield key, self.node.where(key)
