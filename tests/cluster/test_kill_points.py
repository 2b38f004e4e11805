"""A run that dies, or is interrupted, at any of its writes, and is then run again.

The process ends itself when the server has executed the write and before anybody has seen the answer, so
every state that writes can leave behind is met. The sweep tries each write; ``make test`` a few of them.
"""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from allup.cluster import inventory as inventories
from allup.cluster.inventory import Inventory
from allup.model import labels
from allup.refs import GroupKind
from allup.run.down import Down
from allup.run.options import RunOptions
from allup.run.progress import Action
from allup.run.secretsource import Given
from allup.run.up import Up
from allup.sandbox import SandboxStatus
from tests.cluster import whole_platforms
from tests.cluster.driving import Drivers, Ended, a_second
from tests.cluster.platforms_for_tests import Instance, Recorder, Told, eventually, unique_name
from tests.counting import Tried

pytestmark = pytest.mark.cluster

KILL, INTERRUPT = signal.SIGKILL, signal.SIGINT
HOW = {KILL: "killed", INTERRUPT: "interrupted"}
Left = dict[str, int]


@dataclass
class Place:
    """Where runs of one platform are struck, a fresh instance each time, and what a whole run leaves."""

    sandbox: SandboxStatus
    folder: Path
    drivers: Drivers
    platform: str
    tried: Tried
    up_leaves: Left = field(default_factory=dict)
    down_leaves: Left = field(default_factory=dict)
    kinds: frozenset[GroupKind] = frozenset()
    writes: dict[str, Sequence[str]] = field(default_factory=dict)

    @contextmanager
    def fresh(self) -> Iterator[Struck]:
        """An instance of its own."""
        instance = Instance(self.sandbox.kubeconfig, self.sandbox.context, unique_name(), self.folder)
        try:
            yield Struck(self, instance)
        finally:
            instance.discard()

    def measure(self) -> None:
        """Runs up and down once to their end: how many writes they make and what they leave behind."""
        with self.fresh() as struck:
            for verb in ("up", "down"):
                ended = self.drivers.run(struck.instance, self.platform, verb)
                assert ended.code == 0, ended.output
                self.writes[verb] = ended.writes
                if verb == "up":
                    self.up_leaves, self.kinds = struck.left(), struck.kinds()
                else:
                    self.down_leaves = struck.left()

    def measure_purge(self) -> None:
        """The same for a purge of what is down; it waits for the namespace to go."""
        with self.fresh() as struck:
            struck.run("up")
            struck.run("down")
            ended = self.drivers.run(struck.instance, self.platform, "purge")
            assert ended.code == 0, ended.output
            assert struck.left() == {}
            self.writes["purge"] = ended.writes


@dataclass
class Struck:
    """One instance whose runs are struck."""

    place: Place
    instance: Instance

    def strike(self, verb: str, at: int, number: signal.Signals) -> Ended:
        """A run that gets the signal at that write, and ends by it."""
        ended = self.place.drivers.run(self.instance, self.place.platform, verb, at=at, number=number)
        if ended.after is None:
            assert ended.code == 0, ended.output  # it made fewer writes than the one that was measured
        elif number is KILL:
            assert ended.code == -KILL, ended.output
        else:
            assert ended.code == 130, ended.output
            self.place.tried.took(f"from {number.name} to the end of all-{verb}", ended.after)
            assert ended.after < a_second(), f"it took {ended.after:.2f} s to stop"
            assert "Traceback" not in ended.output
            assert "RunFinished" in ended.output
            assert "outcome='interrupted'" in ended.output or "outcome='done'" in ended.output
        return ended

    def run(self, verb: str) -> Told:
        """The same verb again, to its end, in another process than the one that was struck."""
        recorder = Recorder()
        session = self.instance.session()
        loaded = whole_platforms.KNOWN[self.place.platform](self.instance.name)
        options = RunOptions(timeout=60, lock_timeout=5, purge=verb == "purge")
        if verb == "up":
            given = Given(dict(whole_platforms.ENVIRON), lambda path: None)
            finished = Up(session, loaded, options, recorder, given).run()
        else:
            finished = Down(session, loaded.platform, self.place.kinds, options, recorder).run()
        told = Told(finished, recorder.progress)
        assert told.outcome == "done", finished
        assert "another run" not in told.notes, "a lock was left behind"
        return told

    def secrets(self) -> dict[str, object]:
        """The data of every Secret of ours, the provided ones left out: they come from outside each time."""
        if self.instance.find(f"Namespace/{self.instance.namespace}") is None:
            return {}
        found = self.instance.items("Secret", labels.instance_selector(self.instance.name))
        return {
            item["metadata"]["name"]: item.get("data")
            for item in found
            if labels.KEEP in (item["metadata"].get("annotations") or {})
            or item["metadata"]["name"] == labels.inventory_name(self.instance.name)
        }

    def claims(self) -> dict[str, str]:
        """The uid of each claim: another uid is other data."""
        return {
            c["metadata"]["name"]: c["metadata"]["uid"] for c in self.instance.items("PersistentVolumeClaim")
        }

    def left(self) -> Left:
        """How many objects of each kind are there, controllers' objects too."""
        return dict(Counter(short.partition("/")[0] for short in self.instance.left()))

    def kinds(self) -> frozenset[GroupKind]:
        """The kinds in the inventory."""
        empty = Inventory("", self.instance.name, self.instance.namespace)
        found = inventories.read(self.instance.outside.objects, empty)
        assert found is not None
        return found.group_kinds

    def unlocked(self) -> bool:
        """True when nobody holds the Lease."""
        lease = self.instance.find(f"Lease/{labels.inventory_name(self.instance.name)}")
        return lease is None or not lease["spec"].get("holderIdentity")

    def leaves(self, expected: Left) -> None:
        """Neither more nor less is there; what controllers still have to remove is waited for."""
        eventually(lambda: self.left() == expected, f"{expected}, not {self.left()}")

    # One strike and what must follow

    def up(self, at: int, number: signal.Signals) -> bool:
        """An up is struck at that write; False when it ended before."""
        ended = self.strike("up", at, number)
        before = self.secrets()
        self.run("up")
        after = self.secrets()
        assert {name: after.get(name) for name in before} == before, "a Secret was lost or changed"
        self.leaves(self.place.up_leaves)
        assert self.unlocked(), "a lock was left"
        assert set(self.run("up").did().values()) == {Action.UNCHANGED}
        return ended.after is not None

    def down(self, at: int, number: signal.Signals) -> bool:
        """A down of what is up is struck at that write; False when it ended before."""
        secrets, claims = self.secrets(), self.claims()
        ended = self.strike("down", at, number)
        self.run("down")
        assert self.secrets() == secrets, "a Secret was lost or changed"
        assert self.claims() == claims, "a claim was lost"
        self.leaves(self.place.down_leaves)
        assert self.unlocked(), "a lock was left"
        assert self.run("down").did(Action.DELETED) == {}
        return ended.after is not None

    def purge(self, at: int, number: signal.Signals) -> bool:
        """A purge of what is down is struck at that write; False when it ended before."""
        ended = self.strike("purge", at, number)
        self.run("purge")
        assert self.left() == {}
        assert self.instance.find(f"Namespace/{self.instance.namespace}") is None
        return ended.after is not None


def place_of(
    sandbox: SandboxStatus, tmp_path_factory: pytest.TempPathFactory, platform: str, tried: Tried
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp(platform)
    with Drivers(folder) as drivers:
        place = Place(sandbox, folder, drivers, platform, tried)
        place.measure()
        yield place


@pytest.fixture(scope="module")
def whole(sandbox: SandboxStatus, tmp_path_factory: pytest.TempPathFactory, tried: Tried) -> Iterator[Place]:
    """The small platform of every kind."""
    yield from place_of(sandbox, tmp_path_factory, "whole", tried)


@pytest.fixture(scope="module")
def rstudio(
    sandbox: SandboxStatus, tmp_path_factory: pytest.TempPathFactory, tried: Tried
) -> Iterator[Place]:
    """RStudio."""
    yield from place_of(sandbox, tmp_path_factory, "rstudio", tried)


def try_points(place: Place, ups: Sequence[int], downs: Sequence[int], number: signal.Signals) -> None:
    """Strikes an up, and then a down of the same instance, at each of those writes."""
    wrong: list[str] = []
    tried_ups = tried_downs = 0
    for up, down in zip(*padded(ups, downs), strict=True):
        with place.fresh() as struck:
            if up:
                tried_ups += attempt(wrong, f"up at write {up}", partial(struck.up, up, number))
            else:
                struck.run("up")
            if down:
                tried_downs += attempt(wrong, f"down at write {down}", partial(struck.down, down, number))
    place.tried.add(
        f"{HOW[number]} at a write of all-up of {place.platform}", tried_ups, of=len(place.writes["up"])
    )
    place.tried.add(
        f"{HOW[number]} at a write of all-down of {place.platform}", tried_downs, of=len(place.writes["down"])
    )
    assert not wrong, "\n".join(wrong)


def attempt(wrong: list[str], what: str, call: Callable[[], bool]) -> bool:
    """Whether the signal came; what goes wrong is noted, so that the other points are tried too."""
    try:
        return call()
    except Exception as error:
        wrong.append(f"{what}: {error}")
        return True


def padded(one: Sequence[int], other: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """Both of the same length, filled with zeros."""
    longest = max(len(one), len(other))
    return [*one, *[0] * (longest - len(one))], [*other, *[0] * (longest - len(other))]


def every(place: Place, verb: str) -> Sequence[int]:
    return range(1, len(place.writes[verb]) + 1)


def some(place: Place, verb: str, chance: random.Random, number: int) -> Sequence[int]:
    return sorted(chance.sample(every(place, verb), number))


@pytest.mark.parametrize("number", [KILL, INTERRUPT], ids=HOW.get)
def test_runs_struck_at_some_writes_converge_when_run_again(
    whole: Place, number: signal.Signals, chance: random.Random
) -> None:
    points = 2 if number is KILL else 1
    try_points(whole, some(whole, "up", chance, points), some(whole, "down", chance, points), number)


@pytest.mark.sweep
@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", [KILL, INTERRUPT], ids=HOW.get)
def test_runs_struck_at_any_write_converge_when_run_again(whole: Place, number: signal.Signals) -> None:
    try_points(whole, every(whole, "up"), every(whole, "down"), number)


@pytest.mark.sweep
@pytest.mark.timeout(900)
def test_a_purge_killed_at_any_write_converges_when_run_again(whole: Place) -> None:
    wrong: list[str] = []
    reached = 0
    whole.measure_purge()
    for at in every(whole, "purge"):
        with whole.fresh() as struck:
            struck.run("up")
            struck.run("down")
            reached += attempt(wrong, f"purge at write {at}", partial(struck.purge, at, KILL))
    whole.tried.add("killed at a write of all-down --purge of whole", reached, of=len(whole.writes["purge"]))
    assert not wrong, "\n".join(wrong)


@pytest.mark.sweep
@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", [KILL, INTERRUPT], ids=HOW.get)
def test_runs_of_rstudio_struck_at_some_writes_converge_when_run_again(
    rstudio: Place, number: signal.Signals, chance: random.Random
) -> None:
    try_points(rstudio, some(rstudio, "up", chance, 8), some(rstudio, "down", chance, 8), number)
