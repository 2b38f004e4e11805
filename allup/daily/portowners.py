"""Who holds a port of this machine, as far as the system lets us see it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

_LISTENING = "0A"


def owner(port: int) -> str:
    """``process 4711 (nginx)``, or ``""`` when it cannot be known."""
    if not Path("/proc/net/tcp").exists():
        return _by_lsof(port)
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    if not sockets:
        return ""
    for process in Path("/proc").glob("[0-9]*"):
        if any(_leads_to(descriptor) in sockets for descriptor in _descriptors(process)):
            try:
                name = (process / "comm").read_text().strip()
            except OSError:
                name = "?"
            return f"process {process.name} ({name})"
    return ""


def _descriptors(process: Path) -> Sequence[Path]:
    try:
        return list((process / "fd").iterdir())
    except OSError:  # it has ended, or it is somebody else's
        return ()


def _leads_to(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:  # closed meanwhile
        return ""


def _inodes(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found


def _by_lsof(port: int) -> str:
    try:
        asked = subprocess.run(
            ["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = {line[:1]: line[1:] for line in asked.stdout.splitlines()}
    return f"process {found['p']} ({found.get('c', '?')})" if "p" in found else ""
