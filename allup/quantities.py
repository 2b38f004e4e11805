"""Kubernetes quantities: ``512Mi``, ``0.5``, ``250m`` (API conventions, resource.Quantity)."""

from __future__ import annotations

import re
from decimal import ROUND_FLOOR, Decimal

_SUFFIXES: dict[str, Decimal] = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_PATTERN = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$")


class Quantity(str):
    """A quantity in the spelling it was given; equal spellings are equal, ``amount`` compares values."""

    __slots__ = ()

    def __new__(cls, text: str | int | float) -> Quantity:
        """Raises ValueError when *text* is not a quantity."""
        spelled = str(text).strip()
        if not _PATTERN.match(spelled):
            raise ValueError(f"{spelled!r} is not a quantity such as 512Mi, 2Gi, 0.5 or 250m")
        return super().__new__(cls, spelled)

    @property
    def amount(self) -> Decimal:
        """The value in base units (bytes, cores)."""
        match = _PATTERN.match(self)
        assert match is not None  # __new__ refused everything else
        number, exponent, suffix = match.groups()
        if exponent:
            return Decimal(number + exponent)
        return Decimal(number) * _SUFFIXES[suffix or ""]

    def scaled(self, factor: float) -> Quantity:
        """The quantity times *factor*, rounded down: whole units from 1 on, else thousandths."""
        amount = self.amount * Decimal(str(factor))
        if amount >= 1 and self.amount == self.amount.to_integral_value():
            return Quantity(str(amount.to_integral_value(rounding=ROUND_FLOOR)))
        return Quantity(f"{(amount * 1000).to_integral_value(rounding=ROUND_FLOOR)}m")
