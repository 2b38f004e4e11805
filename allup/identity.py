"""Who we are: this host, this boot, this process, this run. A process is known by pid *and* start time,
because pids are used again; a process may hold several runs, one after the other or at once."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

_runs = itertools.count(1)


@dataclass(frozen=True)
class Holder:
    """The identity written into a Lease: ``host/boot/pid/start/run``, a number that tells runs apart."""

    host: str
    boot: str
    pid: int
    start: str
    run: int = 0

    def __str__(self) -> str:
        return f"{self.host}/{self.boot}/{self.pid}/{self.start}/{self.run}"

    @classmethod
    def parse(cls, text: str) -> Holder | None:
        """The inverse of ``str()``; None for an identity that is not of this form."""
        parts = text.split("/")
        if len(parts) != 5 or not parts[2].isdigit() or not parts[4].isdigit():
            return None
        return cls(parts[0], parts[1], int(parts[2]), parts[3], int(parts[4]))

    @classmethod
    def current(cls) -> Holder:
        """This process, and a run in it that no other call has named."""
        pid = os.getpid()
        return cls(socket.gethostname(), boot_id(), pid, process_start(pid) or "", next(_runs))

    def surely_dead(self, here: Holder) -> bool:
        """True when that process ran on this host and boot, and runs no more."""
        if (self.host, self.boot) != (here.host, here.boot):
            return False
        return process_start(self.pid) != self.start


def boot_id() -> str:
    """What tells this boot of the machine from another; ``""`` where it cannot be told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return _output("sysctl", "-n", "kern.bootsessionuuid")


def process_start(pid: int) -> str | None:
    """When the process started, as the system counts it, or None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
        return _output("ps", "-o", "lstart=", "-p", str(pid)).replace(" ", "-") or None
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name in brackets may contain spaces
    return None if fields[0] == "Z" else fields[19]


def _output(*argv: str) -> str:
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=5, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
