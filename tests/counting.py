"""What a run of the tests tried, counted, and the seed that chose its samples.

A sweep tries every point of something: every write at which a run can be killed, every pair of faults.
It is marked ``sweep`` and runs in ``make sweep``; ``make test`` runs a sample, chosen by the seed::

    @pytest.mark.sweep
    def test_…_at_every_write(tried): …
        tried.add("kill points of all-up", len(writes), of=len(writes))

    def test_…_at_some_writes(tried, chance): …
        points = chance.sample(writes, 6)
        tried.add("kill points of all-up", len(points), of=len(writes))

The end of the test run prints what was counted, and the seed: ``pytest --seed N`` chooses the same again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

SEED_VARIABLE = "ALLUP_TEST_SEED"
_LARGEST = 999_999


@dataclass
class Tried:
    """The counts of one test run. *of* is how many there are altogether, where that is known."""

    seed: int
    _counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    _longest: dict[str, float] = field(default_factory=dict)

    def add(self, what: str, number: int = 1, *, of: int = 0) -> None:
        """So many more were tried; *what* is a plural, such as ``kill points of all-up``."""
        before, altogether = self._counts.get(what, (0, 0))
        self._counts[what] = (before + number, altogether + of)

    def took(self, what: str, seconds: float) -> None:
        """The longest of those times is told; *what* as in ``from SIGINT to the end of an up``."""
        self._longest[what] = max(seconds, self._longest.get(what, 0.0))

    def chance(self, name: str) -> random.Random:
        """Random numbers of one test: the same for the same seed, whichever tests run beside it."""
        return random.Random(f"{self.seed} {name}")

    def lines(self) -> Iterator[str]:
        """``kill points of all-up: 6 of 31``."""
        for what, (number, altogether) in sorted(self._counts.items()):
            yield f"{what}: {number}" + (f" of {altogether}" if altogether else "")
        for what, seconds in sorted(self._longest.items()):
            yield f"{what}: {seconds:.2f} s at most"

    def as_json(self) -> str:
        """The seed; tried and altogether (0: not known) by what it was; the longest times in seconds."""
        counts = {what: {"tried": n, "of": of} for what, (n, of) in sorted(self._counts.items())}
        longest = {what: round(seconds, 3) for what, seconds in sorted(self._longest.items())}
        return json.dumps({"seed": self.seed, "counts": counts, "longest": longest}, indent=2) + "\n"

    def take_in(self, told: str) -> None:
        """Adds what another process told by ``as_json``."""
        found = json.loads(told) if told else {"counts": {}, "longest": {}}
        for what, count in found["counts"].items():
            self.add(what, count["tried"], of=count["of"])
        for what, seconds in found["longest"].items():
            self.took(what, seconds)


def seed_from(text: str | None) -> int:
    """The seed that was asked for, else one of its own for this run. Raises ValueError for no number."""
    return int(text) if text else random.SystemRandom().randint(1, _LARGEST)
