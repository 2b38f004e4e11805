"""Folders of a far host seen here, through a real sshfs where FUSE is; what is missing is said."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from allup.errors import AllupError, InputError
from allup.remote import sshfs
from allup.remote.naming import Address
from allup.remote.openssh import Way
from allup.remote.record import Mount
from allup.remote.sshfs import Wish
from allup.sandbox.processes import start_mark
from tests.cli.invoking import Inv
from tests.remote.far_host import FarHost


@pytest.fixture(scope="session")
def fuse_is_here() -> None:
    """Skips, with the reason, where nothing can be mounted."""
    if sys.platform != "linux":
        pytest.skip("mounts are tried on Linux only")
    if shutil.which("sshfs") is None:
        pytest.skip("no sshfs is installed")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("/dev/fuse is not there or may not be used")


@pytest.fixture
def way(fuse_is_here: None, far: FarHost) -> Way:
    """The way to the host."""
    return Way(Address.parse("far"), str(far.ssh_config))


@pytest.fixture
def source(far: FarHost) -> Path:
    """A folder of the host with a file in it."""
    folder = far.folder / "a source, with a comma"
    folder.mkdir()
    (folder / "there.txt").write_text("from the host")
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """Where it is to be seen; unmounted in the end, whatever happened."""
    folder = tmp_path / "seen here"
    yield folder
    while sshfs.state(str(folder), os.environ) in ("mounted", "dead"):
        os.system(f"fusermount3 -uz '{folder}'")


def mounted(way: Way, far: FarHost, source: Path, target: Path) -> Mount:
    return sshfs.mount(way, [str(far.known_hosts)], Wish(str(source), str(target)), os.environ)


def test_a_folder_of_the_host_is_read_and_written_here(
    way: Way, far: FarHost, source: Path, target: Path
) -> None:
    mount = mounted(way, far, source, target)
    assert (target / "there.txt").read_text() == "from the host"
    (target / "here.txt").write_text("from here")
    assert (source / "here.txt").read_text() == "from here"
    assert sshfs.state(str(target), os.environ) == "mounted"
    with pytest.raises(InputError, match="has a mount already"):
        mounted(way, far, source, target)
    with (target / "there.txt").open(), pytest.raises(AllupError, match="End what uses it"):
        sshfs.unmount(mount, os.environ)
    assert sshfs.unmount(mount, os.environ)
    assert start_mark(mount.pid) != mount.started
    assert list(target.iterdir()) == []
    assert not sshfs.unmount(mount, os.environ)


def test_a_mount_whose_process_died_is_seen_and_recovered(
    way: Way, far: FarHost, source: Path, target: Path
) -> None:
    mount = mounted(way, far, source, target)
    assert mount.pid
    os.kill(mount.pid, signal.SIGKILL)
    assert sshfs.state(str(target), os.environ) == "dead"
    again = mounted(way, far, source, target)
    assert again.pid != mount.pid
    assert (target / "there.txt").read_text() == "from the host"
    os.kill(again.pid, signal.SIGKILL)
    assert sshfs.unmount(again, os.environ)
    assert sshfs.state(str(target), os.environ) == "not mounted"


def test_a_mount_goes_on_when_the_host_is_back(way: Way, far: FarHost, source: Path, target: Path) -> None:
    mount = mounted(way, far, source, target)
    far.kill()
    assert sshfs.state(str(target), os.environ) == "dead"
    far.start()
    assert sshfs.state(str(target), os.environ) == "mounted"
    assert (target / "there.txt").read_text() == "from the host"
    assert sshfs.unmount(mount, os.environ)


def test_a_folder_that_would_hide_something_is_refused(
    way: Way, far: FarHost, source: Path, target: Path
) -> None:
    target.mkdir()
    (target / "mine.txt").touch()
    with pytest.raises(InputError, match=r"is not empty \(mine.txt is in it\)"):
        mounted(way, far, source, target)
    (target / "mine.txt").unlink()
    with pytest.raises(InputError, match="is not there on the host"):
        mounted(way, far, source / "nothing", target)
    with pytest.raises(InputError, match="is a file"):
        mounted(way, far, source, source / "there.txt")


def test_sshfs_that_is_missing_is_named_with_what_installs_it(tmp_path: Path) -> None:
    environ: Mapping[str, str] = {"PATH": str(tmp_path)}
    with pytest.raises(AllupError) as raised:
        sshfs.mount(Way(Address.parse("far")), [], Wish("/src", str(tmp_path / "x")), environ)
    assert str(raised.value) == "sshfs: is not on this machine's PATH. On Debian: apt-get install -y sshfs."


def test_the_tasks_mount_show_and_unmount_and_down_leaves_none(
    way: Way, far: FarHost, inv: Inv, source: Path, target: Path, tmp_path: Path
) -> None:
    inv.fine("remote.up", "far", "--ssh-config", str(far.ssh_config), "--docker", "none")
    inv.fine("remote.mount", str(source), str(target), "--read-only")
    assert (target / "there.txt").read_text() == "from the host"
    with pytest.raises(OSError, match="Read-only file system"):
        (target / "new.txt").write_text("x")
    assert str(target) in inv.fine("remote.status", "far")
    assert "is no mount of remote far" in inv.refused("remote.unmount", str(tmp_path))
    inv.fine("remote.down")
    assert sshfs.state(str(target), os.environ) == "not mounted"
