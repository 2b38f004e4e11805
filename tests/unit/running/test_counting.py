"""What sweeps try is counted, and a seed chooses the same sample again."""

from __future__ import annotations

import json

import pytest

from tests.counting import Tried, seed_from


def test_counts_add_up_and_say_of_how_many() -> None:
    tried = Tried(7)
    tried.add("kill points of all-up", 2, of=30)
    tried.add("kill points of all-up", 4, of=20)
    tried.add("faults")
    for seconds in (0.2, 0.5, 0.3):
        tried.took("from SIGINT to the end", seconds)
    assert list(tried.lines()) == [
        "faults: 1",
        "kill points of all-up: 6 of 50",
        "from SIGINT to the end: 0.50 s at most",
    ]
    assert json.loads(tried.as_json())["counts"]["faults"] == {"tried": 1, "of": 0}
    first = Tried(7)
    first.add("faults", 2)
    first.take_in(tried.as_json())
    first.take_in("")
    assert list(first.lines()) == ["faults: 3", *list(tried.lines())[1:]]


def test_the_same_seed_and_test_choose_the_same_sample_and_others_another() -> None:
    points = range(1_000_000)
    chosen = Tried(7).chance("one").sample(points, 5)
    assert Tried(7).chance("one").sample(points, 5) == chosen
    assert Tried(7).chance("other").sample(points, 5) != chosen
    assert Tried(8).chance("one").sample(points, 5) != chosen


def test_a_seed_that_is_asked_for_is_taken_and_one_that_is_no_number_refused() -> None:
    assert seed_from("42") == 42
    assert seed_from(None) > 0
    with pytest.raises(ValueError, match="forty"):
        seed_from("forty-two")
