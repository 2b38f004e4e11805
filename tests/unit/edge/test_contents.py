"""The table of contents that inv --list remembers."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke.collection import Collection

import tasks
from tasks import contents


@pytest.fixture
def made_from(tmp_path: Path) -> Path:
    folder = tmp_path / "k8s"
    (folder / "one").mkdir(parents=True)
    (folder / "one" / "platform.py").write_text("A = 1\n")
    return folder


def shown(ns: Collection) -> dict[str, tuple[str, list[str]]]:
    """What a list shows of each task."""
    return {
        name: ((ns[name].__doc__ or "").split("\n")[0], sorted(ns[name].aliases)) for name in ns.task_names
    }


def test_what_is_remembered_lists_the_same_names_aliases_and_help(tmp_path: Path, made_from: Path) -> None:
    file = tmp_path / "contents.json"
    contents.remember(tasks.ns, file, [made_from])
    again = contents.remembered(file, [made_from])
    assert again is not None
    assert shown(again) == shown(tasks.ns)
    assert again.task_names == tasks.ns.task_names


def test_a_file_that_was_changed_added_or_removed_makes_it_be_learned_anew(
    tmp_path: Path, made_from: Path
) -> None:
    file, platform, other = (
        tmp_path / "contents.json",
        made_from / "one" / "platform.py",
        made_from / "two.py",
    )

    def counts() -> bool:
        return contents.remembered(file, [made_from]) is not None

    contents.remember(tasks.ns, file, [made_from])
    assert counts()
    platform.write_text("A = 22\n")
    assert not counts()
    contents.remember(tasks.ns, file, [made_from])
    other.write_text("")
    assert not counts()
    contents.remember(tasks.ns, file, [made_from])
    other.unlink()
    assert not counts()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"signature": []}'])
def test_a_file_that_is_broken_is_as_good_as_none(text: str, tmp_path: Path, made_from: Path) -> None:
    file = tmp_path / "contents.json"
    file.write_text(text)
    assert contents.remembered(file, [made_from]) is None


def test_where_it_cannot_be_written_nothing_is_said(tmp_path: Path, made_from: Path) -> None:
    contents.remember(tasks.ns, tmp_path / "missing" / "contents.json", [made_from])


@pytest.mark.parametrize(
    ("words", "listed"),
    [("--list", True), ("-l", True), ("--list k8s", False), ("", False), ("--list --debug", False)],
)
def test_only_the_plain_list_is_taken_from_memory(words: str, listed: bool) -> None:
    assert contents.only_listed(["inv", *words.split()]) is listed
