"""Folders that cannot be written: one paragraph, exit code 3, nothing half written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from allup.sandbox import SandboxStatus
from tests.cli.invoking import Inv
from tests.cli.kubeconfigs import written


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with no byte left."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system to fill")
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        with open(folder / "filler", "wb", buffering=0) as filler:
            try:
                while filler.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_file_where_the_state_folder_should_be_is_named(alone: Inv, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    said = alone.refused("cluster.up", code=3, environ={"XDG_STATE_HOME": str(file)})
    assert str(file) in said
    assert "XDG_STATE_HOME" in said


@pytest.mark.cluster
def test_a_choice_that_cannot_be_stored_is_told(
    alone: Inv, sandbox: SandboxStatus, settings_file: Path, tmp_path: Path
) -> None:
    settings_file.write_text("allup: {contexts: [far]}\n")
    kubeconfig = written(tmp_path / "far", sandbox, "far")
    file = tmp_path / "file"
    file.touch()
    words = ("cluster.use", "far", "--kubeconfig", str(kubeconfig))
    assert str(file) in alone.refused(*words, code=3, environ={"XDG_STATE_HOME": str(file)})


def test_a_full_disk_is_named_and_nothing_is_left_on_it(alone: Inv, full: Path, tmp_path: Path) -> None:
    said = alone.refused("cluster.up", code=3, environ={"XDG_STATE_HOME": str(full)})
    assert "the disk is full" in said
    assert str(full) in said
    out = full / "manifests"
    said = alone.refused("k8s.render", "--out", str(out), code=3)
    assert "the disk is full" in said


@pytest.mark.cluster
def test_a_choice_on_a_full_disk_is_not_half_stored(
    alone: Inv, sandbox: SandboxStatus, settings_file: Path, full: Path, tmp_path: Path
) -> None:
    settings_file.write_text("allup: {contexts: [far]}\n")
    kubeconfig = written(tmp_path / "far", sandbox, "far")
    environ = {"XDG_STATE_HOME": str(full)}
    words = ("cluster.use", "far", "--kubeconfig", str(kubeconfig))
    assert "the disk is full" in alone.refused(*words, code=3, environ=environ)
    assert "none is chosen" in alone.refused("k8s.status", code=3, environ=environ)
