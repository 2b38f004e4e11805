"""Forwards that go on in the background: each a process of its own, which writes and removes its record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from allup.errors import ClusterError, InputError, did_you_mean
from allup.identity import Holder

RECORD = "ALLUP_FORWARD_RECORD"
"""The variable that tells a forward where to write its record once it accepts connections."""
_START, _END = 30.0, 5.0


@dataclass(frozen=True)
class Record:
    """One forward in the background; *ports* are ``local → target:remote`` in words, *key*
    tells what it was asked to forward, and where."""

    id: str
    holder: str
    key: str
    ports: tuple[str, ...]
    urls: tuple[str, ...]

    @property
    def pid(self) -> int:
        """Its process."""
        found = Holder.parse(self.holder)
        return found.pid if found else 0

    @property
    def alive(self) -> bool:
        """Whether that very process still runs; a record of another boot is of a dead one."""
        found = Holder.parse(self.holder)
        here = Holder.current()
        return found is not None and found.boot == here.boot and not found.surely_dead(here)


def write(file: Path, record: Record) -> None:
    """Writes the record at once, readable by its owner alone."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        json.dump(asdict(record), stream)
    os.replace(partial, file)


def listed(folder: Path) -> Sequence[Record]:
    """The forwards that run; records of dead ones are removed."""
    running = []
    for file in sorted(folder.glob("[!.]*.json")):
        record = _read(file)
        if record is not None and record.alive:
            running.append(record)
        else:
            file.unlink(missing_ok=True)
            file.with_suffix(".log").unlink(missing_ok=True)
    return running


def _read(file: Path) -> Record | None:
    try:
        content = json.loads(file.read_text())
        return Record(
            str(content["id"]),
            str(content["holder"]),
            str(content["key"]),
            tuple(content["ports"]),
            tuple(content["urls"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def new_id(folder: Path) -> str:
    """The lowest number no record has."""
    taken = {file.stem for file in folder.glob("*.json")} | {file.stem for file in folder.glob("*.log")}
    return next(str(number) for number in range(1, 10_000) if str(number) not in taken)


def start(folder: Path, argv: Sequence[str], environ: Mapping[str, str], cwd: Path) -> Record:
    """Starts a forward detached from this terminal and returns once it accepts connections.

    Raises ClusterError with its own last words when it does not come that far within 30 s.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    listed(folder)
    name = new_id(folder)
    file, log = folder / f"{name}.json", folder / f"{name}.log"
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        process = subprocess.Popen(
            argv,
            env={**environ, RECORD: str(file)},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    give_up = time.monotonic() + _START
    while True:
        record = _read(file)
        if record is not None:
            process.returncode = 0  # it is not ours to wait for any more
            return record
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            if time.monotonic() < give_up:
                continue
            process.kill()
            process.wait()
        said = " ".join(log.read_text(errors="replace").split())
        log.unlink(missing_ok=True)
        raise ClusterError("the forward in the background", "did not start", evidence=said[-1000:])


def stop(folder: Path, which: str) -> Sequence[Record]:
    """Ends the forward *which*, or ``all``; returns those that were ended. Raises InputError."""
    running = listed(folder)
    chosen = [record for record in running if which in ("all", record.id)]
    if not chosen and which != "all":
        known = [record.id for record in running]
        raise InputError(
            f"forward {which!r}",
            f"does not run{did_you_mean(which, known)}",
            next_step=f"Running: {', '.join(known) or 'none'}",
        )
    for record in chosen:
        _signal(record, signal.SIGTERM)
    give_up = time.monotonic() + _END
    for record in chosen:
        _await_end(record, give_up)
        if record.alive:
            _signal(record, signal.SIGKILL)
            _await_end(record, time.monotonic() + _END)
        (folder / f"{record.id}.json").unlink(missing_ok=True)
        (folder / f"{record.id}.log").unlink(missing_ok=True)
    return chosen


def _signal(record: Record, number: signal.Signals) -> None:
    if record.alive:
        try:
            os.kill(record.pid, number)
        except ProcessLookupError:
            pass


def _await_end(record: Record, give_up: float) -> None:
    import threading

    pause = threading.Event()
    while record.alive and time.monotonic() < give_up:
        pause.wait(0.02)
