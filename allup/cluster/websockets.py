"""A websocket to the API server with numbered channels in it: what exec, attach and port-forward speak.

The client library's own streams replace a method of the shared client while they run
(kubernetes-client/python#928), connect without a timeout, leave impersonation out and watch descriptors
with ``select``; so here is one of our own. It belongs to one thread at a time: before Python 3.13 a TLS
connection must not be read and written by two threads at once. Nothing blocks but ``turn``.
"""

from __future__ import annotations

import json
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import websocket
from kubernetes.stream import ws_client

from allup.cluster.frames import BINARY, CLOSE, PING, PONG, TEXT, FrameReader
from allup.cluster.requests import Api
from allup.errors import AllupError, ApiError, ClusterError, NotFound

V5 = "v5.channel.k8s.io"
"""Can close a single channel, which is how standard input ends (KEP-4006; servers from 1.30 on)."""
V4 = "v4.channel.k8s.io"
HIGH_WATER = 1 << 20
"""Who feeds a connection stops at so many unsent bytes."""

_CONNECT_TIMEOUT = 10.0
_PIECE = 16_384  # a TLS record
_SILENCE_BEFORE_PING, _SILENCE_BEFORE_LOST = 20.0, 60.0
_CLOSE_SIGNAL = 255


class Channels:
    """One open websocket. ``closed`` is set when it has ended, ``orderly`` when the other side said so."""

    def __init__(
        self, sock: socket.socket, subprotocol: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._frames = FrameReader()
        self._out = bytearray()
        self._messages: list[tuple[int, bytes]] = []
        self._monotonic = monotonic
        self._heard = self._asked = monotonic()
        self.subprotocol = subprotocol
        self.closed = False
        self.orderly = False

    @property
    def unsent(self) -> int:
        """How many bytes wait to be sent."""
        return len(self._out)

    def send(self, channel: int, data: bytes) -> None:
        """Queues *data* for a channel."""
        self._queue(BINARY, bytes([channel]) + data)

    def end(self, channel: int) -> bool:
        """Queues the end of one channel; False when the server does not know how to (older than 1.30)."""
        if self.subprotocol != V5:
            return False
        self._queue(BINARY, bytes([_CLOSE_SIGNAL, channel]))
        return True

    def turn(
        self,
        timeout: float,
        *,
        readers: Iterable[int] = (),
        writers: Iterable[int] = (),
        receive: bool = True,
    ) -> frozenset[int]:
        """Waits up to *timeout* seconds for the connection or one of the descriptors, then sends and takes
        in what goes without waiting. Returns the descriptors that are ready. Without *receive* the other
        side has to wait: what it sends stays where it is."""
        self._keep_alive()
        own = self._socket.fileno()
        poll = select.poll()
        wanted: dict[int, int] = {}
        for descriptor in readers:
            wanted[descriptor] = wanted.get(descriptor, 0) | select.POLLIN
        for descriptor in writers:
            wanted[descriptor] = wanted.get(descriptor, 0) | select.POLLOUT
        for descriptor, events in wanted.items():
            poll.register(descriptor, events)
        if not self.closed:
            poll.register(own, (select.POLLIN if receive else 0) | (select.POLLOUT if self._out else 0))
            # TLS takes whole records from the socket: bytes may wait where poll cannot see them.
            if receive and isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                timeout = 0
        found = dict(poll.poll(max(0, int(timeout * 1000))))
        broken = found.pop(own, 0) & (select.POLLHUP | select.POLLERR)
        if not self.closed:
            self._flush()
            if receive or broken:
                self._fill()
        return frozenset(found)

    def messages(self) -> Sequence[tuple[int, bytes]]:
        """What has come in since the last call, as (channel, data); a channel's end is not told."""
        taken, self._messages = self._messages, []
        return taken

    def close(self) -> None:
        """Ends the connection; safe to call twice."""
        if not self.closed:
            self._queue(CLOSE, (1000).to_bytes(2, "big"))
            self._flush()
        self.closed = True
        self._socket.close()

    def _queue(self, opcode: int, payload: bytes) -> None:
        self._out += websocket.ABNF.create_frame(payload, opcode).format()

    def _keep_alive(self) -> None:
        now = self._monotonic()
        if now - self._heard > _SILENCE_BEFORE_LOST:
            self.closed = True
        elif now - max(self._heard, self._asked) > _SILENCE_BEFORE_PING:
            self._asked = now
            self._queue(PING, b"")

    def _flush(self) -> None:
        try:
            while self._out:
                sent = self._socket.send(bytes(self._out[:_PIECE]))
                del self._out[:sent]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            pass
        except OSError:
            self.closed = True

    def _fill(self) -> None:
        taken = 0
        try:
            while not self.closed and taken < HIGH_WATER:
                data = self._socket.recv(65_536)
                self._heard = self._monotonic()
                if not data:
                    self.closed = True
                    return
                taken += len(data)
                for opcode, payload in self._frames.feed(data):
                    self._take(opcode, payload)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            pass
        except (OSError, ValueError):
            self.closed = True

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode in (BINARY, TEXT) and payload:
            if not (payload[0] == _CLOSE_SIGNAL and self.subprotocol == V5):
                self._messages.append((payload[0], payload[1:]))
        elif opcode == PING:
            self._queue(PONG, payload)
            self._flush()
        elif opcode == CLOSE:
            self.closed = self.orderly = True


def open_channels(
    api: Api,
    path: str,
    query: Sequence[tuple[str, str]],
    *,
    protocols: Sequence[str] = (V5, V4),
    timeout: float = _CONNECT_TIMEOUT,
) -> Channels:
    """Opens a websocket. Raises ApiError (NotFound) with the server's own words, and ClusterError."""
    api.requests += 1
    configuration = api.configuration
    url = "ws" + api.url(path, query).removeprefix("http")
    connection = websocket.WebSocket(sslopt=_tls(configuration), skip_utf8_validation=True)
    options: dict[str, Any] = {"timeout": timeout, "suppress_origin": True, "subprotocols": list(protocols)}
    options["header"] = [f"{name}: {value}" for name, value in api.headers().items()]
    if configuration.proxy or configuration.proxy_headers:
        ws_client.websocket_proxycare(  # type: ignore[no-untyped-call]
            options, configuration, url, api.headers()
        )
    try:
        connection.connect(url, **options)  # type: ignore[no-untyped-call]
    except websocket.WebSocketBadStatusException as error:
        raise _refusal(api, path, error.status_code, error.resp_body) from None
    except (websocket.WebSocketException, OSError) as error:
        raise ClusterError(
            f"cluster at {api.server}",
            f"a connection for {path.rpartition('/')[2]} could not be opened ({_why(api, error)})",
        ) from None
    assert connection.sock is not None
    return Channels(connection.sock, str(connection.subprotocol or ""))


def _tls(configuration: Any) -> dict[str, Any]:
    if not configuration.verify_ssl:
        options: dict[str, Any] = {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}
    else:
        options = {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": configuration.ssl_ca_cert or None}
        if configuration.assert_hostname is not None:
            options["check_hostname"] = configuration.assert_hostname
    for option, value in (
        ("certfile", configuration.cert_file),
        ("keyfile", configuration.key_file),
        ("server_hostname", configuration.tls_server_name),
    ):
        if value:
            options[option] = value
    return options


def _refusal(api: Api, path: str, status: int, body: bytes | None) -> AllupError:
    text = (body or b"").decode("utf-8", "replace")
    try:
        answer = json.loads(text)
        message, reason = str(answer["message"]), str(answer.get("reason", ""))
    except (ValueError, KeyError, TypeError):
        message, reason = text.strip()[:500], ""
    message = api.redactor.mask(message) or f"HTTP {status}"
    if status == 401:
        return ClusterError(
            f"cluster at {api.server}", "does not accept our credentials (401 Unauthorized)", evidence=message
        )
    kind = NotFound if status == 404 else ApiError
    return kind(f"GET {path}", message, status=status, reason=reason)


def _why(api: Api, error: Exception) -> str:
    if isinstance(error, websocket.WebSocketTimeoutException | TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    return api.redactor.mask(str(error)) or type(error).__name__
