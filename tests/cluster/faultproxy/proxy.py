"""A proxy between a client and the API server, TLS on both sides, that makes trouble as its rules say and
writes down what the API server really executed."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

import urllib3

from tests.cluster.faultproxy.credentials import Identity, Upstream
from tests.cluster.faultproxy.rules import Asked, Rules, asked

_HOP_BY_HOP = ("connection", "transfer-encoding", "content-length", "keep-alive", "host", "authorization")
_STATUSES = {
    "429": (429, "TooManyRequests"),
    "500": (500, "InternalError"),
    "503": (503, "ServiceUnavailable"),
    "504": (504, "Timeout"),
    "late": (504, "Timeout"),
    "403": (403, "Forbidden"),
    "401": (401, "Unauthorized"),
    "gone": (410, "Expired"),
    "quote": (422, "Invalid"),
    "quote-400": (400, "BadRequest"),
}
_EXECUTED = ("lost", "mute", "late", "truncated", "drip")
_BYTE_EVERY = 0.02


@dataclass(frozen=True)
class Seen:
    """A request that came through. *status* is the API server's own answer, 0 when it never got there; *obj*
    what it answered to a write. *at* are monotonic seconds when it was executed."""

    asked: Asked
    fault: str
    status: int
    at: float
    obj: dict[str, Any] | None = None

    @property
    def executed(self) -> bool:
        """True when it was a write that the API server carried out."""
        return self.asked.writes and 200 <= self.status < 300

    def __str__(self) -> str:
        where = "/".join(part for part in (self.asked.resource, self.asked.name, self.asked.sub) if part)
        return f"{self.asked.verb} {where}" + (f" [{self.fault}]" if self.fault else "") + f" {self.status}"


class FaultProxy:
    """One proxy with one set of rules. *quotes* is what the quoting faults quote beside the request itself.

    *tokens*, when given, are the only bearer tokens that are accepted; the set may be changed meanwhile.
    """

    def __init__(
        self,
        upstream: Upstream,
        identity: Identity,
        rules: Sequence[str] = (),
        *,
        quotes: Sequence[str] = (),
        retry_after: str = "0",
    ) -> None:
        self.rules = Rules(rules)
        self.seen: list[Seen] = []
        self.tokens: set[str] = set()
        self.quotes = tuple(quotes)
        self.retry_after = retry_after
        self.upstream = upstream
        self.closing = threading.Event()
        self.tls = identity.context()
        self._server = _Server(("127.0.0.1", 0), _Handler, self)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Stops taking connections and ends those that are open."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()

    @property
    def executed(self) -> Sequence[Seen]:
        """The writes that the API server carried out, in their order."""
        return sorted((seen for seen in self.seen if seen.executed), key=lambda seen: seen.at)

    def told(self) -> str:
        """Everything that came through, for the message of a failing test."""
        return "\n".join(map(str, self.seen))


@contextmanager
def proxied(*args: Any, **more: Any) -> Iterator[FaultProxy]:
    """A proxy for the time of a ``with``."""
    proxy = FaultProxy(*args, **more)
    try:
        yield proxy
    finally:
        proxy.close()


class _Server(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[_Handler], proxy: FaultProxy) -> None:
        self.proxy = proxy
        self.open: set[socket.socket] = set()
        super().__init__(address, handler)

    def hang_up(self) -> None:
        """Ends every connection; the threads that read from them see it."""
        for connection in tuple(self.open):
            try:
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended by itself

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has left is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = self.server.proxy.tls.wrap_socket(self.request, server_side=True)
        self.server.open.add(self.request)
        super().setup()

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            pass  # it was reset
        self.server.open.discard(self.connection)
        self.connection.close()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def _any(self) -> None:
        proxy = self.server.proxy
        request = asked(self.command, self.path, dict(self.headers))
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        fault = proxy.rules.fault_for(request)
        if proxy.tokens and not fault:
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            fault = "" if token in proxy.tokens else "401"
        try:
            if request.verb == "watch" or (request.verb == "log" and "follow=true" in self.path):
                self._stream(request, fault)
            else:
                self._answer(request, fault, body)
        except _Reset:
            self._reset()
        except (OSError, urllib3.exceptions.HTTPError):
            self.close_connection = True  # one of the two sides has left

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815  # names that http.server looks for

    # Whole answers

    def _answer(self, request: Asked, fault: str, body: bytes) -> None:
        if fault and fault not in _EXECUTED:
            self._note(request, fault, 0)
            self._refuse(fault, body)
            return
        answer = self._forward(body)
        data = answer.data
        self._note(request, fault, answer.status, data)
        if fault == "late":
            self._refuse(fault, body)
        elif fault == "lost":
            raise _Reset
        elif fault == "mute":
            self._hang()
        elif fault == "truncated":
            self._write(_head(answer, len(data) + 100) + data[: max(0, len(data) - 7)])
            raise _Reset
        elif fault == "drip":
            self._drip(_head(answer, len(data)) + data)
        else:
            self._write(_head(answer, len(data)) + data)

    def _forward(self, body: bytes, *, preload: bool = True) -> Any:
        upstream = self.server.proxy.upstream
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
        return upstream.pool.request(
            self.command,
            upstream.server + self.path,
            body=body or None,
            headers=headers,
            retries=False,
            redirect=False,
            preload_content=preload,
            decode_content=False,
            timeout=urllib3.Timeout(connect=5.0, read=70.0),
        )

    def _note(self, request: Asked, fault: str, status: int, data: bytes = b"") -> None:
        obj = json.loads(data) if request.writes and 200 <= status < 300 else None
        if request.verb == "create" and obj is not None and not request.name:
            name = str(obj["metadata"].get("name", ""))
            request = Asked("create", request.resource, request.namespace, name, request.sub)
        self.server.proxy.seen.append(Seen(request, fault, status, time.monotonic(), obj))

    def _refuse(self, fault: str, body: bytes) -> None:
        proxy = self.server.proxy
        if fault == "reset":
            raise _Reset
        if fault == "frozen":
            self._hang()
            return
        if fault == "garbage":
            self._write(f"SSH-2.0 {' '.join(proxy.quotes)}\r\n".encode())
            self.close_connection = True
            return
        if fault in ("page", "quote-page", "quote-long"):
            quoted = _quoted(body, str(self.headers), proxy.quotes) if fault == "quote-page" else ""
            if fault == "quote-long":  # a reader of 300 characters would see the beginning of a secret
                quoted = f"{'x' * 274} {''.join(proxy.quotes)}"
            page = (
                "<html><head><style>p {color: red}</style></head>\n<body><h1>502 Bad Gateway</h1>\n"
                f"<p>{quoted}</p></body></html>"
            ).encode()
            self._write(_plain(502, "text/html", page))
            return
        code, reason = _STATUSES[fault]
        message = f"the fault proxy says {reason}"
        if fault.startswith("quote"):
            message = f"admission webhook denied the request: {_quoted(body, '', proxy.quotes)}"
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "message": message,
            "reason": reason,
            "details": {"causes": [{"reason": "FieldValueInvalid", "message": message, "field": "data"}]},
            "code": code,
        }
        extra = f"Retry-After: {proxy.retry_after}\r\n" if fault == "429" else ""
        self._write(_plain(code, "application/json", json.dumps(status).encode(), extra))

    # Streams

    def _stream(self, request: Asked, fault: str) -> None:
        if fault in ("", "no-bookmarks", "drip", "lost", "late", "mute", "truncated"):
            answer = self._forward(b"", preload=False)
            self._note(request, fault, answer.status)
            try:
                self._pass_on(answer, fault)
            finally:
                answer.close()
            return
        self._note(request, fault, 0)
        if (
            fault in _STATUSES
            or fault in ("reset", "frozen", "garbage")
            or "page" in fault
            or "quote" in fault
        ):
            self._refuse(fault, b"")
            return
        self._write(_CHUNKED)
        if fault == "broken":
            raise _Reset
        if fault == "silent":
            self._hang()
            return
        if fault == "cut":
            self._write(_chunk(b'{"type":"MODIFIED","object":{"kind":"Po'))
        elif fault == "gone-event":
            gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
            self._write(_chunk(json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n"))
        self._write(_chunk(b""))

    def _pass_on(self, answer: Any, fault: str) -> None:
        if answer.status >= 400:
            data = answer.read(decode_content=False)
            self._write(_head(answer, len(data)) + data)
            return
        if fault in ("lost", "truncated"):
            raise _Reset
        if fault == "late":
            self._refuse(fault, b"")
            return
        if fault == "mute":
            self._hang()
            return
        self._write(_CHUNKED)
        for piece in answer.stream(65536, decode_content=False):
            if self.server.proxy.closing.is_set():
                return
            if fault == "no-bookmarks":
                piece = b"".join(
                    line
                    for line in piece.splitlines(keepends=True)
                    if not line.startswith(b'{"type":"BOOKMARK"')
                )
            if fault == "drip":
                self._drip(_chunk(piece))
            elif piece:
                self._write(_chunk(piece))
        self._write(_chunk(b""))

    # The wire

    def _write(self, data: bytes) -> None:
        self.wfile.write(data)

    def _drip(self, data: bytes) -> None:
        for place in range(len(data)):
            self._write(data[place : place + 1])
            if self.server.proxy.closing.wait(_BYTE_EVERY):
                break
        self.close_connection = True

    def _hang(self) -> None:
        self.server.proxy.closing.wait()
        self.close_connection = True

    def _reset(self) -> None:
        """Ends the connection with RST instead of an orderly end."""
        self.close_connection = True
        connection: ssl.SSLSocket = self.connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())


class _Reset(Exception):
    """The connection shall be reset now."""


_CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _plain(status: int, kind: str, data: bytes, extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\n{extra}Content-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


def _head(answer: Any, length: int) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {answer.reason or 'Status'}"]
    lines += [f"{k}: {v}" for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP]
    return ("\r\n".join([*lines, f"Content-Length: {length}"]) + "\r\n\r\n").encode("latin-1")


def _quoted(body: bytes, headers: str, values: Sequence[str]) -> str:
    encoded = [base64.b64encode(value.encode()).decode() for value in values]
    return " ".join([body.decode("utf-8", "replace"), headers, *values, *encoded])
