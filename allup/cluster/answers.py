"""Answers that have an end: a server that sends a byte a second must not keep us longer than one that is
silent.

urllib3's read timeout is one for each read from the socket; here it is one for the whole answer, from the
end of the request to the last byte.
"""

from __future__ import annotations

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Until(io.RawIOBase):
    """What a socket says until a moment."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, end: float) -> None:
        self._raw = raw
        self._socket = sock
        self._end = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)
        got: int | None = self._raw.readinto(buffer)
        return got

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """An answer whose reads share one deadline: the socket's timeout, counted from here."""

    def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        timeout = sock.gettimeout()
        if timeout is not None:
            self.fp = io.BufferedReader(_Until(self.fp.detach(), sock, time.monotonic() + timeout))


class _Plain(HTTPConnection):
    response_class = _Response


class _Secure(HTTPSConnection):
    response_class = _Response


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Secure


def bounded(pool: urllib3.PoolManager) -> None:
    """From now on the read timeout of *pool*'s requests is one for the whole answer.

    A read timeout of None stays what it is: none.
    """
    pool.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
