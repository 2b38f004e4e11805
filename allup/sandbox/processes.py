"""Processes that belong to a sandbox: started, recorded, recognised again and ended, never by their name.

A process is recorded by its pid and by when it started, so a pid that the system has given to somebody
else since, or a record from before a reboot, is never mistaken for ours.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from allup.errors import ClusterError
from allup.sandbox.clock import Clock, poll
from allup.sandbox.paths import write_private


@dataclass(frozen=True)
class Owned:
    """One recorded process; *started* is only ever compared, never read."""

    name: str
    pid: int
    started: str


@dataclass(frozen=True)
class Program:
    """What to start: the file it is, and *argv*, whose first word is the name it runs under."""

    name: str
    executable: Path
    argv: tuple[str, ...]


def start_mark(pid: int) -> str | None:
    """When *pid* started, in words of this machine; None if there is no such process, or only its remains."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        # The second field is the program's name in brackets, which may itself hold spaces and brackets.
        fields = stat.rpartition(")")[2].split()
        state, threads, started = fields[0], int(fields[17]), fields[19]
        # Its first thread is a zombie while others may still hold its files and ports.
        ended = state == "X" or (state == "Z" and threads <= 1)
        return None if ended else f"{_boot()}:{started}"
    return _start_mark_by_ps(pid)


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _start_mark_by_ps(pid: int) -> str | None:
    import subprocess

    asked = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    state, _, started = asked.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def is_alive(process: Owned) -> bool:
    """Whether this very process, not merely its pid, is still running."""
    return start_mark(process.pid) == process.started


def memory_bytes(pid: int) -> int | None:
    """Resident memory of *pid* in bytes; None where it cannot be told."""
    if sys.platform == "linux":
        try:
            resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return None
        return resident * os.sysconf("SC_PAGE_SIZE")
    import subprocess

    asked = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return int(asked) * 1024 if asked.isdigit() else None


def start(program: Program, *, records: Path, logs: Path, environ: Mapping[str, str]) -> Owned:
    """Start *program* in a session of its own, its output appended to ``logs/<name>.log``, and record it.

    ClusterError if the system refuses to start it.
    """
    log = os.open(logs / f"{program.name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        pid = os.posix_spawn(
            program.executable,
            program.argv,
            dict(environ),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setsid=True,
            # Otherwise a terminal's ignored or blocked signals would be inherited, SIGTERM among them.
            setsigmask=(),
            setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE),
        )
    except OSError as error:
        raise ClusterError(
            program.name,
            f"{program.executable} cannot be started ({error.strerror})",
            next_step="Run inv cluster.doctor",
        ) from error
    finally:
        os.close(log)
    return record(program.name, pid, records)


def record(name: str, pid: int, records: Path) -> Owned:
    """Put process *pid*, just started, on record as *name*."""
    process = Owned(name, pid, start_mark(pid) or "ended at once")
    write_private(records / f"{name}.json", json.dumps({"pid": process.pid, "started": process.started}))
    return process


def recorded(records: Path) -> dict[str, Owned]:
    """Every process on record, by name; a record that cannot be read counts as none."""
    found: dict[str, Owned] = {}
    for file in sorted(records.glob("[!.]*.json")):
        try:
            content = json.loads(file.read_text())
            found[file.stem] = Owned(file.stem, int(content["pid"]), str(content["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def forget(records: Path, name: str) -> None:
    """Remove the record of a process that is gone."""
    (records / f"{name}.json").unlink(missing_ok=True)


def signal_process(process: Owned, number: signal.Signals) -> None:
    """Send a signal to this very process; nothing if it is gone or was never ours."""
    if is_alive(process):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            pass


def end(
    processes: Iterable[Owned], *, clock: Clock, outright: Sequence[str] = (), grace: float = 3.0
) -> None:
    """End all of them side by side: SIGTERM, after *grace* seconds SIGKILL; *outright* names SIGKILL at once.

    ClusterError, within *grace* + 5 s, if one of them cannot be ended.
    """
    ours = list(processes)
    for process in ours:
        signal_process(process, signal.SIGKILL if process.name in outright else signal.SIGTERM)
    if not _gone(ours, clock, grace):
        for process in ours:
            signal_process(process, signal.SIGKILL)
        if not _gone(ours, clock, 5.0):
            left = ", ".join(f"{process.name} (pid {process.pid})" for process in ours if is_alive(process))
            raise ClusterError("sandbox", f"{left} did not end, not even when killed")
    for process in ours:
        _reap(process.pid)


def _gone(processes: Sequence[Owned], clock: Clock, timeout: float) -> bool:
    def none_left() -> bool | None:
        return None if any(is_alive(process) for process in processes) else True

    return poll(none_left, clock=clock, timeout=timeout, interval=0.01) is True


def _reap(pid: int) -> None:
    """Take the remains of our own child, so that a long-lived parent does not collect them."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


_ERROR = re.compile(r"panic:|fatal error:|Error:|[EF]\d{4} |\{.*\"level\":\"(error|fatal|panic)\"")


def last_words(log: Path, count: int = 3) -> str:
    """The last *count* lines of *log* about an error, else its last *count* lines; "" if it has none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 65_536))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    telling = [line for line in lines if _ERROR.match(line)] or lines
    return "\n".join(line.split(',"stacktrace"')[0][:240] for line in telling[-count:])
