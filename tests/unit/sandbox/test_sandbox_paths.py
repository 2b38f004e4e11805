"""Where files lie, and what a sandbox may be called."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

import pytest

from allup.errors import ClusterError, InputError
from allup.sandbox.paths import (
    StateFolder,
    cache_home,
    checkout_key,
    explained,
    state_home,
    valid_name,
    write_private,
)


def test_the_xdg_variables_say_where_files_go() -> None:
    environ = {"HOME": "/home/a", "XDG_CACHE_HOME": "/c", "XDG_STATE_HOME": "/s"}
    assert (cache_home(environ), state_home(environ)) == (Path("/c/allup"), Path("/s/allup"))


@pytest.mark.parametrize("value", ["", "relative/path"])
def test_an_empty_or_relative_xdg_variable_counts_as_unset(value: str) -> None:
    environ = {"HOME": "/home/a", "XDG_CACHE_HOME": value, "XDG_STATE_HOME": value}
    assert cache_home(environ) == Path("/home/a/.cache/allup")
    assert state_home(environ) == Path("/home/a/.local/state/allup")


def test_two_checkouts_of_the_same_name_have_different_keys() -> None:
    first, second = checkout_key(Path("/a/My Project")), checkout_key(Path("/b/My Project"))
    assert first != second
    assert first.startswith("my-project-")


def test_a_checkout_reached_through_a_link_has_the_key_of_the_real_one(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    assert checkout_key(link) == checkout_key(real)


@pytest.mark.parametrize("name", ["sandbox", "a", "a-1", "0", "a" * 40])
def test_a_label_of_at_most_40_characters_is_a_name(name: str) -> None:
    assert valid_name(name) == name


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a/b", "..", "a" * 41, "a\n", "é"])
def test_anything_else_is_refused_as_a_name(name: str) -> None:
    with pytest.raises(InputError, match="40"):
        valid_name(name)


def test_a_private_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "key"
    write_private(file, "old")
    write_private(file, b"new")
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_the_state_folder_is_closed_to_others_and_its_lock_lies_beside_it(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "one")
    folder.make()
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700
    assert folder.lock.parent == tmp_path


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "may not be written"), (errno.EROFS, "read-only")],
)
def test_a_folder_that_cannot_be_written_is_told_in_one_paragraph(number: int, words: str) -> None:
    with (
        pytest.raises(ClusterError, match=words) as raised,
        explained(Path("/state"), "XDG_STATE_HOME"),
    ):
        raise OSError(number, "as the system says", "/state/file")
    assert "/state/file" in str(raised.value)


def test_a_file_in_the_place_of_the_state_folder_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClusterError, match="XDG_STATE_HOME"), explained(tmp_path, "XDG_STATE_HOME"):
        StateFolder(tmp_path / "file" / "one").make()
