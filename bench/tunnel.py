"""How fast a remote's tunnel carries bytes, beside a plain ``ssh -L`` and Fabric's own forwarding, through
one sshd on this machine, taken in turns."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fabric.config
import fabric.connection

from allup.remote.keeper import Keeper
from allup.remote.naming import Address
from allup.remote.openssh import Way
from allup.remote.record import Folder, Forward, Remote
from allup.sandbox.clock import SystemClock, poll
from allup.sandbox.ports import LOOPBACK, choose
from bench.figures import median, ratio, times
from bench.loopback_sshd import Loopback, loopback_sshd
from bench.place import Place, busy
from bench.processes import Broken

MEGABYTES, ROUNDS = 256, 3
FABRIC_MEGABYTES = 8
_CHUNK = bytes(1 << 20)


def measure(place: Place) -> None:
    """Prints megabytes (10⁶ bytes) a second of each, and ours in parts of ssh's."""
    found: dict[str, list[float]] = {"ours": [], "ssh -L": [], "Fabric": []}
    with _source() as source, loopback_sshd(place.folder / "sshd") as host:
        for number in range(ROUNDS):
            with _ours(host, source, place, number) as port:
                found["ours"].append(_speed(port, MEGABYTES))
            with _plain(host, source) as port:
                found["ssh -L"].append(_speed(port, MEGABYTES))
        with _fabric(host, source) as port:
            found["Fabric"].append(_speed(port, FABRIC_MEGABYTES))
    middle = {name: median(speeds) for name, speeds in found.items()}
    place.say(f"\n{MEGABYTES} MB through a tunnel, median of {ROUNDS} in turns, {busy()}")
    place.say(
        f"remote's tunnel {middle['ours']:.0f} MB/s, ssh -L {middle['ssh -L']:.0f} MB/s "
        f"({times(ratio(middle['ours'], middle['ssh -L']))} of it); "
        f"Fabric's forwarding {middle['Fabric']:.0f} MB/s ({FABRIC_MEGABYTES} MB, once)"
    )


@contextmanager
def _source() -> Iterator[int]:
    """A port that sends as many megabytes as the first line it is sent asks for."""
    with socket.create_server((LOOPBACK, 0)) as listener:

        def send(connection: socket.socket) -> None:
            with connection, connection.makefile("rb") as asked:
                for _ in range(int(asked.readline() or 0)):
                    connection.sendall(_CHUNK)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # closed
                    return
                threading.Thread(target=send, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield int(listener.getsockname()[1])


def _speed(port: int, megabytes: int) -> float:
    with socket.create_connection((LOOPBACK, port), timeout=60) as connection:
        began = time.monotonic()
        connection.sendall(f"{megabytes}\n".encode())
        buffer, got = bytearray(1 << 20), 0
        while got < megabytes << 20:
            read = connection.recv_into(buffer)
            if not read:
                raise Broken(f"a tunnel ended after {got} bytes")
            got += read
        return got / 1e6 / (time.monotonic() - began)


@contextmanager
def _ours(host: Loopback, source: int, place: Place, number: int) -> Iterator[int]:
    """The keeper's tunnel, as remote.up opens it."""
    folder = Folder(place.folder / f"remote-{number}", os.environ)
    folder.make()
    folder.keeper.mkdir()
    port = choose(["tunnel"], {})["tunnel"]
    remote = Remote(
        "loopback",
        "loopback",
        "minikube",
        ssh_config=str(host.config),
        known_hosts=(str(host.known_hosts),),
        forwards=(Forward("api", f"{LOOPBACK}:{port}", f"{LOOPBACK}:{source}"),),
    )
    stop, ready = threading.Event(), threading.Event()
    keeper = Keeper(folder, remote, os.environ, stop)
    thread = threading.Thread(target=keeper.run, args=(ready.set,), daemon=True)
    thread.start()
    try:
        if not ready.wait(20):
            raise Broken("the tunnel does not open")
        yield port
    finally:
        stop.set()
        thread.join()
        folder.remove()


@contextmanager
def _plain(host: Loopback, source: int) -> Iterator[int]:
    port = choose(["tunnel"], {})["tunnel"]
    way = Way(Address("loopback"), str(host.config))
    forward = ("-N", "-o", "ExitOnForwardFailure=yes", "-L", f"{LOOPBACK}:{port}:{LOOPBACK}:{source}")
    argv = ["ssh", "-F", way.config, *forward, way.address.host]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as process:
        try:
            yield _open(port)
        finally:
            process.terminate()


@contextmanager
def _fabric(host: Loopback, source: int) -> Iterator[int]:
    port = choose(["tunnel"], {})["tunnel"]
    make: Any = fabric.connection.Connection
    configured: Any = fabric.config.Config
    keys = {"key_filename": str(host.key), "look_for_keys": False, "allow_agent": False}
    own = configured(overrides={"load_ssh_configs": False})
    connection = make(LOOPBACK, port=host.port, config=own, connect_kwargs=keys)
    there = {"remote_port": source, "remote_host": LOOPBACK, "local_host": LOOPBACK}
    with connection, connection.forward_local(port, **there):
        yield _open(port)


def _open(port: int) -> int:
    def accepts() -> bool | None:
        with socket.socket() as probe:
            return True if probe.connect_ex((LOOPBACK, port)) == 0 else None

    if not poll(accepts, clock=SystemClock(), timeout=10):
        raise Broken("a tunnel does not open")
    return port
