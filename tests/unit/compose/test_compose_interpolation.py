"""``$VAR`` in a compose file's values, and files of variables."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allup.compose import envfiles
from allup.compose.interpolation import Refused, interpolate
from allup.errors import InputError
from tests.unit.compose.compose_projects import project, service

VALUES = {"SET": "value", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$SET-${SET}", "value-value"),
        ("$UNSET|${UNSET}", "|"),
        ("${UNSET:-d}|${EMPTY:-d}|${SET:-d}", "d|d|value"),
        ("${UNSET-d}|${EMPTY-d}|${SET-d}", "d||value"),
        ("${UNSET:+r}|${EMPTY:+r}|${SET:+r}", "||r"),
        ("${UNSET+r}|${EMPTY+r}|${SET+r}", "|r|r"),
        ("${SET:?m}|${SET?m}|${EMPTY?m}", "value|value|"),
        ("$$SET $${SET}", "$SET ${SET}"),
        ("${UNSET:-${EMPTY:-${SET}}}", "value"),
        ("${UNSET:-a}b}", "ab}"),
        ("$1 a$-b $", "$1 a$-b $"),
        ("${UNSET:-http://x:1/?q=$SET}", "http://x:1/?q=value"),
    ],
)
def test_each_form_means_what_the_specification_says(text: str, result: str) -> None:
    assert interpolate(text, VALUES) == result


@pytest.mark.parametrize(
    "text", ["${1a}", "${A.B}", "${UNSET/x/y}", "${SET", "${}", "${UNSET:?say it}", "${EMPTY:?}"]
)
def test_what_is_no_reference_and_what_must_be_set_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        interpolate(text, VALUES)


@given(st.text(alphabet="ab{}:-+?$ ", max_size=20))
def test_text_with_every_dollar_doubled_comes_back_as_it_was(text: str) -> None:
    assert interpolate(text.replace("$", "$$"), {}) == text


def test_a_refusal_names_file_line_and_the_message_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1\.yaml:3: the variable TAG has no value: say which"):
        project(tmp_path, "services:\n  a:\n    image: x:${TAG:?say which}\n")


def test_an_unset_variable_is_warned_of_with_its_line(tmp_path: Path) -> None:
    found = project(tmp_path, "services:\n  a:\n    image: x:1${TAG}\n")
    assert service(found)["image"] == "x:1"
    assert found.warnings == (f"{tmp_path}/1.yaml:3: the variable TAG is not set, so it is an empty text",)


def test_keys_are_left_alone_and_what_a_variable_gave_stays_text(tmp_path: Path) -> None:
    text = 'services:\n  a:\n    image: x\n    labels: {"$K": $K}\n    environment: {N: 012, M: $K}\n'
    found = service(project(tmp_path, text, environ={"K": "012"}))
    assert found["labels"] == {"$K": "012"}
    assert found["environment"] == {"N": "10", "M": "012"}


def test_the_shell_wins_over_dotenv_and_an_env_file_replaces_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=dotenv\nB=dotenv\n")
    (tmp_path / "other.env").write_text("A=other\n")
    text = "services:\n  a:\n    image: $A-${B-none}\n"
    assert service(project(tmp_path, text, environ={"A": "shell"}))["image"] == "shell-dotenv"
    assert service(project(tmp_path, text, env_files=[tmp_path / "other.env"]))["image"] == "other-none"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("K=v", "v"),
        ("export K=v", "v"),
        ("K = v", "v"),
        ("K: v", "v"),
        ("K=", ""),
        ("K=a b # c", "a b"),
        ("K=a#b", "a#b"),
        ('K="a # b\\n\\"q\\""', 'a # b\n"q"'),
        ("K='$SET \\n'", "$SET \\n"),
        ("K=$SET", "value"),
        ('K="${SET}$$"', "value$"),
        ('K="two\nlines"', "two\nlines"),
    ],
)
def test_each_form_of_a_line_of_an_env_file(line: str, value: str) -> None:
    assert envfiles.parse(f"# c\n\n{line}\n", "f", VALUES) == {"K": value}


def test_a_bare_name_comes_from_the_shell_or_is_not_set_and_raw_files_keep_quotes() -> None:
    assert envfiles.parse("SET\nUNSET\n", "f", VALUES) == {"SET": "value"}
    assert envfiles.parse("K='$SET' # x\n", "f", VALUES, raw=True) == {"K": "'$SET' # x"}
    assert envfiles.parse("A=1\nB=$A\n", "f", {}) == {"A": "1", "B": "1"}


@pytest.mark.parametrize(("text", "line"), [("A=1\n=2\n", 2), ("A='x\n", 1)])
def test_a_line_that_is_none_is_refused_with_its_number(text: str, line: int) -> None:
    with pytest.raises(InputError, match=f"f:{line}: "):
        envfiles.parse(text, "f", {})
