"""Is each tunnel good for what it is there for? Asked through it, end to end, each with a limit of its own.

An open port proves nothing: ssh accepts connections while the link is dead, and while nothing is behind it.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from allup.cluster.connect import connect
from allup.cluster.requests import Timeouts
from allup.commands import Here
from allup.errors import AllupError, Unauthenticated
from allup.redaction import Redactor
from allup.remote import openssh
from allup.remote.record import Folder, Forward, Remote

CONNECT, ANSWER = 1.0, 3.0
LIMIT = CONNECT + ANSWER
"""Seconds after which every probe has an answer; all are asked at once."""
_CLOSED_AT_ONCE = 0.3
_REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@dataclass(frozen=True)
class Verdict:
    """One tunnel: *what* it is, where it begins and leads to, whether it is good, and in words."""

    what: str
    way: str
    good: bool
    words: str


def ask_all(remote: Remote, folder: Folder, environ: Mapping[str, str]) -> Sequence[Verdict]:
    """A verdict on the link and on each tunnel, within LIMIT seconds and a little."""
    asked: list[tuple[str, str, Callable[[], str]]] = [
        ("ssh", remote.host, lambda: link(folder, environ)),
        *((_named(one), str(one), _question(one, remote, folder)) for one in remote.forwards),
    ]
    futures = [_in_background(question) for _, _, question in asked]
    found = []
    for (what, way, _), future in zip(asked, futures, strict=True):
        good, words = future.result()
        found.append(Verdict(what, way, good, words))
    if found and not found[0].good:  # a port of a node says nothing of itself, so it cannot be asked
        found = [_dead(one) if one.what.startswith("port") else one for one in found]
    return found


def _dead(verdict: Verdict) -> Verdict:
    return Verdict(verdict.what, verdict.way, False, "the link is down")


def _named(forward: Forward) -> str:
    port = forward.target.rpartition(":")[2]
    return {"api": "API", "docker": "Docker"}.get(forward.purpose, f"port {port}")


def _question(forward: Forward, remote: Remote, folder: Folder) -> Callable[[], str]:
    match forward.purpose:
        case "api":
            return lambda: api(remote, folder)
        case "docker":
            return lambda: docker(forward, remote, folder)
        case _:
            return lambda: node_port(forward)


def _in_background(question: Callable[[], str]) -> Future[tuple[bool, str]]:
    future: Future[tuple[bool, str]] = Future()

    def ask() -> None:
        try:
            future.set_result((True, question()))
        except (AllupError, OSError, http.client.HTTPException) as error:
            words = error.fact if isinstance(error, AllupError) else _in_words(error)
            future.set_result((False, words))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    return future


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {ANSWER:g} s"
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return "no tunnel is open"
    if isinstance(error, ConnectionError | http.client.HTTPException | ssl.SSLEOFError):
        return "closed at once: nothing answers behind it"
    return str(error) or type(error).__name__


def link(folder: Folder, environ: Mapping[str, str]) -> str:
    """A command on the host through the connection. Raises AllupError."""
    try:
        ended = Here(environ)(openssh.over(folder.control, "true", patience=ANSWER))
    except AllupError:
        raise AllupError("the link", f"no answer within {ANSWER:g} s") from None
    if ended.code:
        raise AllupError("the link", "no connection")
    return "up"


def api(remote: Remote, folder: Folder) -> str:
    """Who the API server takes us for: that proves tunnel, certificate and token. Raises AllupError."""
    client = connect(
        str(folder.kubeconfig),
        remote.context,
        redactor=Redactor(),
        stop=threading.Event(),
        patience=0.0,
        timeouts=Timeouts(connect=CONNECT, answer=ANSWER),
    )
    try:
        client.request("POST", _REVIEW, body={}, fenced=False)
    except Unauthenticated:
        raise AllupError("the API", "answers, and does not take our token: it has ended") from None
    return "answers and takes our token"


def docker(forward: Forward, remote: Remote, folder: Folder) -> str:
    """The daemon's ``/_ping``. Raises OSError, HTTPException or AllupError."""
    connection = _docker_connection(forward, remote, folder)
    try:
        connection.request("GET", "/_ping")
        answer = connection.getresponse()
        if answer.status != 200:
            raise AllupError("the Docker daemon", f"answers {answer.status}")
        version = answer.headers.get("Api-Version", "")
        return f"answers (API {version})" if version else "answers"
    finally:
        connection.close()


def node_port(forward: Forward) -> str:
    """Connects and sees that it is not closed at once. Raises OSError or AllupError."""
    host, _, port = forward.local.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=CONNECT) as probe:
        probe.settimeout(_CLOSED_AT_ONCE)
        try:
            if probe.recv(1) == b"":
                raise AllupError("the port", "closed at once: nothing answers behind it")
        except TimeoutError:
            pass  # it waits for us to speak first
    return "open"


def _docker_connection(forward: Forward, remote: Remote, folder: Folder) -> http.client.HTTPConnection:
    host, _, port = forward.local.rpartition(":")
    if remote.docker == "socket":
        return _OverSocket(forward.local)
    if remote.docker == "open":
        return http.client.HTTPConnection(host, int(port), timeout=ANSWER)
    certificates: Path = folder.docker
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    return http.client.HTTPSConnection(host, int(port), timeout=ANSWER, context=context)


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=ANSWER)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
