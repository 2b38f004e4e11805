"""The process that keeps a remote usable: it holds ssh's connection, makes it anew after the link dropped,
keeps commands running on the host, and renews the token before it ends.

``python -m allup.remote.keeper FOLDER`` as a process of its own (see ``allup.daily.background``): it outlives
the task that started it, writes a record once the tunnels are open, and says in ``link.json`` how it is.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from allup.commands import Here
from allup.daily import background, portowners
from allup.errors import AllupError, ClusterError
from allup.identity import Holder
from allup.redaction import Redactor
from allup.remote import openssh, tokens
from allup.remote.far_minikube import FarMinikube, look_around
from allup.remote.login import log_in
from allup.remote.record import Folder, Remote
from allup.sandbox.paths import write_private

_TICK = 0.2
_READY_SECONDS = 15.0
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_TOKEN_EVERY = 5.0
_TOKEN_PAUSE = 30.0  # after a renewal that failed
_HELD_PAUSE = 5.0  # before a command that ended is run again


@dataclass(frozen=True)
class Link:
    """How the link is: *since* when (RFC 3339), *why* not, how often it was made anew; why the token could
    not be renewed, if so; and what a *held* command said that ended."""

    up: bool
    since: str
    why: str = ""
    again: int = 0
    token: str = ""
    held: str = ""


def read_link(folder: Folder) -> Link | None:
    """What the keeper last said; None when it said nothing."""
    try:
        return Link(**json.loads(folder.state.read_text()))
    except (OSError, ValueError, TypeError):
        return None


@dataclass
class Keeper:
    """One remote's. ``stop`` ends it; *now* and *chance* (0 to 1) are handed in."""

    folder: Folder
    remote: Remote
    environ: Mapping[str, str]
    stop: threading.Event
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    chance: Callable[[], float] = random.random
    _held: dict[tuple[str, ...], subprocess.Popen[bytes]] = field(default_factory=dict)
    _hold_again: float = 0.0
    _link: Link = field(default_factory=lambda: Link(False, ""))

    def run(self, ready: Callable[[], None]) -> None:
        """Keeps the connection until stopped; *ready* is called once, when the tunnels are open.

        Raises ClusterError when the first connection fails: nobody has relied on it yet.
        """
        failures = 0
        while not self.stop.is_set():
            try:
                with self._connection() as master:
                    if self._link.since:
                        self._say(Link(True, self._time(), again=self._link.again + 1))
                    else:
                        self._say(Link(True, self._time()))
                        ready()
                    failures = 0
                    self._attend(master)
                    if self.stop.is_set():
                        return
                    why = openssh.explain(self._last_words(), self.remote.host)
            except ClusterError as error:
                if not self._link.since:
                    raise
                why = error
            self._down(str(why))
            self.stop.wait(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1

    @contextmanager
    def _connection(self) -> Iterator[subprocess.Popen[bytes]]:
        """ssh with the tunnels open. Raises ClusterError."""
        close_control(self.folder)
        argv = self.folder.way(self.remote).master(
            self.folder.control, [one.words for one in self.remote.forwards], self.remote.known_hosts
        )
        with self._complaints.open("wb") as complaints:
            master = _started(argv, self.environ, complaints)
        try:
            self._await_open(master)
            yield master
        finally:
            for process in (*self._held.values(), master):
                _end(process)
            self._held.clear()
            Path(self.folder.control).unlink(missing_ok=True)

    def _await_open(self, master: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + _READY_SECONDS
        while master.poll() is None and not self.stop.wait(0.05):
            if is_open(self.folder, self.remote, self.environ):
                return
            if time.monotonic() > give_up:
                raise ClusterError(
                    f"host {self.remote.host}", f"ssh opened no tunnel within {_READY_SECONDS:.0f} s"
                )
        if not self.stop.is_set():
            raise self._why_not_open()

    def _why_not_open(self) -> AllupError:
        said = self._last_words()
        for forward in self.remote.forwards:
            if forward.port and f"cannot listen to port: {forward.port}" in said:
                owner = portowners.owner(forward.port) or "another program"
                return ClusterError(f"local port {forward.port}", f"is taken by {owner}")
        return openssh.explain(said, self.remote.host)

    def _attend(self, master: subprocess.Popen[bytes]) -> None:
        """Returns when the connection has ended, or we shall."""
        next_look = time.monotonic()
        while master.poll() is None and not self.stop.wait(_TICK):
            self._hold()
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + (_TOKEN_EVERY if self._renewed_if_due() else _TOKEN_PAUSE)

    def _hold(self) -> None:
        """Runs the commands that are to be held, and again some time after one has ended."""
        log = self.folder.keeper / "held.log"
        for words in self.remote.held:
            process = self._held.get(words)
            if process is not None and process.poll() is not None:
                del self._held[words]
                self._hold_again = time.monotonic() + _HELD_PAUSE
                said = " ".join(log.read_text(errors="replace").split())[-300:]
                self._say(replace(self._link, held=said or f"ended ({process.returncode})"))
            elif process is None and time.monotonic() >= self._hold_again:
                with log.open("wb") as output:
                    argv = openssh.held(self.folder.control, words)
                    self._held[words] = _started(argv, self.environ, output)
                if self._link.held:
                    self._say(replace(self._link, held=""))

    def _renewed_if_due(self) -> bool:
        """True unless it was due and failed."""
        from allup.remote import credentials

        try:
            token = self.folder.token.read_text()
        except OSError:  # not made yet
            return True
        if not tokens.due(token, self.now(), self.chance()):
            return True
        redactor = Redactor()
        try:
            credentials.renew(self.remote, self.folder, redactor, self._reach)
            trouble = ""
        except AllupError as error:
            trouble = redactor.mask(str(error))
        self._say(replace(self._link, token=trouble))
        return not trouble

    @contextmanager
    def _reach(self) -> Iterator[FarMinikube]:
        environ = dict(self.environ)
        login = log_in(self.folder.way(self.remote), Here(environ), environ)
        with login.connected() as run:
            yield FarMinikube(run, self.remote.profile, self.remote.minikube, look_around(run))

    def _down(self, why: str) -> None:
        since = self._link.since if not self._link.up else self._time()
        self._say(replace(self._link, up=False, since=since, why=why))

    def _say(self, link: Link) -> None:
        self._link = link
        write_private(self.folder.state, json.dumps(asdict(link)))

    def _time(self) -> str:
        return self.now().isoformat(timespec="seconds")

    @property
    def _complaints(self) -> Path:
        return self.folder.keeper / "ssh.log"

    def _last_words(self) -> str:
        try:
            return self._complaints.read_text(errors="replace")[-4000:]
        except OSError:
            return ""


def is_open(folder: Folder, remote: Remote, environ: Mapping[str, str]) -> bool:
    """Whether ssh's connection is there and every tunnel of it takes connections (which says nothing of the
    link)."""
    if not os.path.exists(folder.control) or Here(environ)(openssh.control(folder.control, "check")).code:
        return False
    return all(_accepts(one.local) for one in remote.forwards)


def close_control(folder: Folder) -> None:
    """Ends a connection that somebody left behind, and takes its socket away; a new one would run without."""
    if os.path.exists(folder.control):
        Here(os.environ)(openssh.control(folder.control, "exit"))
        Path(folder.control).unlink(missing_ok=True)


def _accepts(local: str) -> bool:
    family = socket.AF_UNIX if local.startswith("/") else socket.AF_INET
    host, _, port = local.rpartition(":")
    with socket.socket(family) as probe:
        probe.settimeout(2.0)
        return probe.connect_ex(local if family == socket.AF_UNIX else (host, int(port))) == 0


def _started(argv: tuple[str, ...], environ: Mapping[str, str], output: BinaryIO) -> subprocess.Popen[bytes]:
    return subprocess.Popen(argv, env=dict(environ), stdin=subprocess.DEVNULL, stdout=output, stderr=output)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main(root: str, environ: Mapping[str, str]) -> int:
    """Keeps the remote of the folder *root*; 0 when it was told to end, 1 when it could not begin."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    folder = Folder(Path(root), environ)
    remote = folder.read()
    record = Path(environ[background.RECORD])
    if remote is None:
        sys.stderr.write(f"{folder.record} cannot be read.\n")
        return 1

    def ready() -> None:
        ports = tuple(str(one) for one in remote.forwards)
        told = background.Record(record.stem, str(Holder.current()), remote.name, ports, ())
        background.write(record, told)

    try:
        Keeper(folder, remote, environ, stop).run(ready)
    except AllupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        record.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], os.environ))
