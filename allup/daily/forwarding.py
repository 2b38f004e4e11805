"""Ports of this machine that lead to ports of pods, and go on leading there when a pod is replaced.

Each connection looks up the pod that is ready now and gets a websocket of its own.
"""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from allup.cluster.streams import open_forward
from allup.cluster.tunnels import relay
from allup.cluster.websockets import Channels
from allup.daily import portowners
from allup.daily.pods import Behind
from allup.daily.portspecs import PortSpec, container_port, number_on_service
from allup.errors import AllupError, ClusterError, InputError
from allup.run.session import Session

LOOPBACK = "127.0.0.1"
_PATIENCE = 20.0  # how long a connection is held while the pod is being replaced
_LOOK_EVERY = 0.25

Dial = Callable[[], tuple[Channels, int, str]]
"""Opens a way to the pod: the channels, the port there, and the pod's name. Raises AllupError."""


@dataclass
class Forward:
    """One listener. ``carried`` counts connections; ``note`` is told what a person should know."""

    local: int
    title: str
    remote: int | str
    listener: socket.socket
    dial: Dial
    stop: threading.Event
    note: Callable[[str], None]
    carried: int = 0
    _last_pod: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """What to type into a browser; a port that speaks something else is reached the same way."""
        return f"http://localhost:{self.local}"

    def __str__(self) -> str:
        return f"{LOOPBACK}:{self.local} → {self.title}:{self.remote}"

    def start(self) -> None:
        """Accepts connections from now on, until ``stop`` is set."""
        threading.Thread(target=self._accept, name=f"forward {self.local}", daemon=True).start()

    def _accept(self) -> None:
        self.listener.settimeout(0.5)
        with self.listener:
            while not self.stop.is_set():
                try:
                    connection, _ = self.listener.accept()
                except TimeoutError:
                    continue
                except OSError as error:
                    self.note(f"{self}: no connection could be taken ({error.strerror})")
                    if self.stop.wait(1.0):
                        return
                    continue
                self.carried += 1
                threading.Thread(target=self._carry, args=(connection,), daemon=True).start()

    def _carry(self, connection: socket.socket) -> None:
        try:
            channels, port, pod = self.dial()
        except AllupError as error:
            self.note(f"{self}: {error.fact}")
            connection.close()
            return
        with self._lock:
            moved = self._last_pod not in ("", pod)
            self._last_pod = pod
        if moved:
            self.note(f"{self}: now to pod {pod}")
        went_wrong = relay(channels, connection, port, self.stop)
        if went_wrong:
            self.note(f"{self}: {went_wrong}")


def open_forwards(
    session: Session, behind: Behind, ports: list[PortSpec], note: Callable[[str], None]
) -> list[Forward]:
    """Listeners for *ports*, all bound, none accepting yet. Raises InputError when a local port is taken or
    a remote one is not there; needs a ready pod only to resolve names."""
    forwards: list[Forward] = []
    try:
        for spec in ports:
            shown = number_on_service(behind.service, spec.remote)
            pod = behind.best(session.objects)
            numbered = container_port(behind.service, pod, spec.remote)
            wanted = spec.local if spec.local is not None else (shown if isinstance(shown, int) else numbered)
            listener = bind(wanted, spec)
            forwards.append(
                Forward(
                    local=listener.getsockname()[1],
                    title=behind.title,
                    remote=shown,
                    listener=listener,
                    dial=_dialler(session, behind, spec.remote),
                    stop=session.stop,
                    note=note,
                )
            )
    except BaseException:
        for forward in forwards:
            forward.listener.close()
        raise
    return forwards


def bind(port: int, spec: PortSpec | None = None) -> socket.socket:
    """A listener on the loopback address; raises InputError that names who has the port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    remote = spec.remote if spec else port
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            holder = portowners.owner(port)
            raise InputError(
                f"local port {port}",
                f"is taken by {holder}" if holder else "is taken by another program",
                next_step=f"Choose another, such as {_other(port)}:{remote}, or :{remote} for any free one",
            ) from None
        if error.errno == errno.EACCES:
            raise InputError(
                f"local port {port}",
                "may be opened by the administrator only",
                next_step=f"Choose another, such as {_other(port)}:{remote}",
            ) from None
        raise ClusterError(f"local port {port}", f"cannot be opened ({error.strerror})") from None
    return listener


def _other(port: int) -> int:
    return port + 8000 if port < 1024 else port + 1 if port < 65_535 else port - 1


def _dialler(session: Session, behind: Behind, remote: int | str) -> Dial:
    def dial() -> tuple[Channels, int, str]:
        give_up = session.clock.monotonic() + _PATIENCE
        while True:
            try:
                pod = behind.best(session.objects)
                port = container_port(behind.service, pod, remote)
                name = str(pod["metadata"]["name"])
                return open_forward(session.api, behind.namespace, name, port), port, name
            except InputError:
                raise
            except AllupError:
                if session.clock.monotonic() > give_up or session.stop.wait(_LOOK_EVERY):
                    raise

    return dial
