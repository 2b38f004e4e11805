"""Folders of the host, seen here through sshfs (3.7): mounted, looked at, recovered, unmounted.

Options that today's sshfs refuses (no_remote_lock, max_readahead, nonempty) are not used, and caches for
hours are not the default: a change on the host would not be seen.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from allup.commands import Command, Here, which
from allup.errors import AllupError, InputError
from allup.remote import mounttable
from allup.remote.mounttable import Mounted
from allup.remote.openssh import Way
from allup.remote.record import Mount
from allup.sandbox.clock import SystemClock, poll
from allup.sandbox.processes import Owned, signal_process, start_mark

State = Literal["mounted", "dead", "not mounted", "somebody else's"]
_PROBE_SECONDS = 3.0
_MOUNT_SECONDS = 20.0


@dataclass(frozen=True)
class Wish:
    """A folder of the host to be seen here. *others*: other users may look in too (root, containers)."""

    source: str
    target: str
    read_only: bool = False
    others: bool = False


def options(way: Way, known_hosts: Sequence[str], wish: Wish, *, mac: bool) -> tuple[str, ...]:
    """sshfs' options: it reads no known hosts itself, dies with the link unless it may reconnect, and hangs
    for ever unless ssh looks whether the host is there."""
    settings = way.settings(known_hosts)
    plain = ["reconnect", "idmap=user", "follow_symlinks", "dir_cache=yes"]
    if wish.read_only:
        plain.append("ro")
    if wish.others:
        plain.append("allow_other")
    if mac:
        plain += ["defer_permissions", "noappledouble", f"volname={Path(wish.target).name}"]
    config = ("-F", way.config) if way.config else ()
    port = ("-p", str(way.address.port)) if way.address.port else ()
    pairs = [f"{key}={value}" for key, value in settings.items()]
    return (*config, *port, *(word for option in (*plain, *pairs) for word in ("-o", _escaped(option))))


def mount_command(way: Way, known_hosts: Sequence[str], wish: Wish, *, mac: bool) -> Command:
    """``sshfs`` for it; ends when it is mounted and goes on in the background."""
    user = f"{way.address.user}@" if way.address.user else ""
    host = f"[{way.address.host}]" if ":" in way.address.host else way.address.host
    words = options(way, known_hosts, wish, mac=mac)
    return Command(("sshfs", f"{user}{host}:{wish.source}", wish.target, *words), patience=_MOUNT_SECONDS)


def unmount_commands(target: str, *, mac: bool, dead: bool) -> Sequence[Command]:
    """What unmounts it, each tried when the one before failed; the last ones only for a *dead* mount."""
    gentle: list[tuple[str, ...]]
    forced: list[tuple[str, ...]]
    if mac:
        gentle, forced = [("umount", target)], [("diskutil", "unmount", "force", target)]
    else:
        gentle = [("fusermount3", "-u", target), ("fusermount", "-u", target)]
        forced = [("fusermount3", "-uz", target), ("fusermount", "-uz", target)]
    return [Command(words, patience=10) for words in (*gentle, *(forced if dead else ()))]


def mounts(environ: Mapping[str, str]) -> Sequence[Mounted]:
    """What is mounted on this machine. Raises AllupError when the system does not tell."""
    if sys.platform == "darwin":
        return mounttable.from_mount(Here(environ)(Command(("mount",), patience=_PROBE_SECONDS)).out)
    try:
        text = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError as error:
        raise AllupError("/proc/self/mountinfo", f"cannot be read ({error.strerror})") from None
    return mounttable.from_mountinfo(text)


def state(target: str, environ: Mapping[str, str]) -> State:
    """How it is with a folder; within a few seconds, whatever hangs."""
    there = mounttable.at(mounts(environ), target)
    if not there:
        return "not mounted"
    if not there[-1].sshfs:
        return "somebody else's"
    return "mounted" if _answers(target) else "dead"


def mount(way: Way, known_hosts: Sequence[str], wish: Wish, environ: Mapping[str, str]) -> Mount:
    """Mounts it; a dead mount of ours there is taken away first. Raises AllupError."""
    which("sshfs", environ)
    _refuse_without_fuse()
    match state(wish.target, environ):
        case "dead":
            unmount(Mount(wish.source, wish.target), environ)
        case "not mounted":
            pass
        case found:
            raise InputError(f"folder {wish.target}", f"has a mount already ({found})")
    _refuse_content(wish.target)
    command = mount_command(way, known_hosts, wish, mac=sys.platform == "darwin")
    ended = Here(environ)(command)
    if ended.code:
        raise _failed(wish, ended.last_words)
    now = state(wish.target, environ)
    if now != "mounted":
        raise AllupError(f"folder {wish.target}", f"sshfs said nothing, and it is {now}")
    pid = _process_of(wish.target)
    return Mount(wish.source, wish.target, pid, start_mark(pid) or "" if pid else "")


def unmount(mounted: Mount, environ: Mapping[str, str]) -> bool:
    """Unmounts it, a dead one by force; False when it is not mounted. Raises AllupError when it is in use."""
    target, found = mounted.target, state(mounted.target, environ)
    if found == "not mounted":
        return False
    if found == "somebody else's":
        raise AllupError(f"folder {target}", "has a mount of somebody else's; it stays")
    said = ""
    for command in unmount_commands(target, mac=sys.platform == "darwin", dead=found == "dead"):
        try:
            ended = Here(environ)(command)
        except AllupError as error:
            said = said or str(error)
            continue
        said = ended.last_words or said
        if not mounttable.at(mounts(environ), target):
            break
    else:
        raise AllupError(
            f"folder {target}",
            "could not be unmounted",
            evidence=said,
            next_step="End what uses it (a shell in it, an editor), then run the same command again",
        )
    _end(mounted)
    return True


def _refuse_without_fuse() -> None:
    if sys.platform == "linux" and not os.path.exists("/dev/fuse"):
        raise AllupError(
            "/dev/fuse",
            "is not there, and sshfs needs it",
            next_step="modprobe fuse; in a container: give it the device /dev/fuse and SYS_ADMIN",
        )


def _refuse_content(target: str) -> None:
    """sshfs hides what is in the folder, without a word."""
    folder = Path(target)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        first = next(iter(sorted(os.listdir(folder))), None)
    except FileExistsError:
        raise InputError(f"folder {target}", "is a file") from None
    except OSError as error:
        raise InputError(f"folder {target}", f"cannot be used ({error.strerror})") from None
    if first is not None:
        raise InputError(
            f"folder {target}",
            f"is not empty ({first} is in it), and a mount would hide that",
            next_step="Choose an empty folder, or one that is not there",
        )


def _failed(wish: Wish, said: str) -> AllupError:
    if "No such file or directory" in said:
        return InputError(f"folder {wish.source}", "is not there on the host", evidence=said)
    if "Not a directory" in said:
        return InputError(f"folder {wish.source}", "is no folder on the host", evidence=said)
    if "user_allow_other" in said:
        return AllupError("--others", "needs the line user_allow_other in /etc/fuse.conf", evidence=said)
    return AllupError(f"folder {wish.target}", "sshfs could not mount it", evidence=said)


def _answers(target: str) -> bool:
    """Asked by a process of its own, which is left alone if it hangs: nothing ends it then. It asks for the
    size of the file system, since sshfs would list the folder from its cache."""
    process = subprocess.Popen(
        ["df", "-P", target],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return process.wait(_PROBE_SECONDS) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.returncode = -signal.SIGKILL  # it may never be there to be waited for
        return False


def _process_of(target: str) -> int:
    """sshfs' process; 0 where it cannot be found (macOS)."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words and Path(words[0]).name == "sshfs" and target in words:
            return int(entry.name)
    return 0


def _end(mounted: Mount) -> None:
    """Ends its process if it is still there: it hangs when its mount was detached by force."""
    if not mounted.pid:
        return
    process = Owned("sshfs", mounted.pid, mounted.started)

    def gone() -> bool | None:
        return True if start_mark(process.pid) != process.started else None

    if poll(gone, clock=SystemClock(), timeout=2.0) is None:
        signal_process(process, signal.SIGKILL)


def _escaped(option: str) -> str:
    """A comma or backslash in a value would begin another option (fuse_opt.h)."""
    return option.replace("\\", "\\\\").replace(",", "\\,")
