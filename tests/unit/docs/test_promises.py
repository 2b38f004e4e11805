"""The page of promises names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
PROMISES = [
    line for line in (ROOT / "docs" / "promises.md").read_text().splitlines() if line.startswith("| ")
]


@pytest.mark.parametrize("line", [line for line in PROMISES if "| promise |" not in line])
def test_every_promise_names_tests_that_exist(line: str) -> None:
    named = NAMED.findall(line)
    assert named, line
    for file, test in named:
        text = (ROOT / file).read_text()
        assert not test or f"def {test}(" in text, f"{file}::{test}"
