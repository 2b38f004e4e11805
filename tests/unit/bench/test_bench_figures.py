"""A figure of the bench is what it says it is."""

from __future__ import annotations

import pytest

from bench.figures import median, megabytes, milliseconds, percentile, ratio, seconds, times


@pytest.mark.parametrize(
    ("values", "middle"), [([7.0], 7.0), ([3.0, 1.0, 2.0], 2.0), ([4.0, 1.0, 3.0, 2.0], 2.5), ([5, 5, 1], 5)]
)
def test_the_median_is_the_middle_whatever_the_order(values: list[float], middle: float) -> None:
    assert median(values) == middle


@pytest.mark.parametrize(
    ("percent", "expected"), [(1, 1), (5, 1), (6, 2), (50, 10), (51, 11), (95, 19), (96, 20), (100, 20)]
)
def test_a_percentile_is_a_measured_value_that_so_many_do_not_exceed(percent: int, expected: float) -> None:
    assert percentile([float(n) for n in range(20, 0, -1)], percent) == expected


@pytest.mark.parametrize("count", range(1, 40))
@pytest.mark.parametrize("percent", [1, 50, 95, 99, 100])
def test_at_least_that_share_lies_at_or_below_a_percentile(count: int, percent: int) -> None:
    values = list(range(count))
    found = percentile(values, percent)
    assert sum(v <= found for v in values) * 100 >= percent * count
    assert sum(v < found for v in values) * 100 < percent * count


def test_nothing_measured_has_no_median_and_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        median([])
    with pytest.raises(ValueError, match="no values"):
        percentile([], 95)
    with pytest.raises(ValueError, match="between"):
        percentile([1.0], 0)


def test_a_ratio_is_ours_in_parts_of_theirs_and_none_without_both() -> None:
    assert ratio(1.0, 4.0) == 0.25
    assert ratio(1.0, None) is None
    assert ratio(None, 4.0) is None
    assert ratio(1.0, 0.0) is None


def test_figures_are_written_short_and_what_is_missing_as_a_dash() -> None:
    assert [seconds(21.34), seconds(0.314), seconds(9.99), seconds(None)] == [
        "21.3 s",
        "0.31 s",
        "9.99 s",
        "–",
    ]
    assert milliseconds(0.0495) == "50 ms"
    assert [times(0.1249), times(None)] == ["0.12", "–"]
    assert [megabytes(109_400_000), megabytes(None)] == ["109 MB", "–"]
