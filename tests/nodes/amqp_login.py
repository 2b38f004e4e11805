"""The first words of AMQP 0-9-1, enough to learn whether a broker takes a password (RabbitMQ's
"amqp0-9-1.pdf", sections 2.2 and 4.2)."""

from __future__ import annotations

import socket
import struct

_HEADER = b"AMQP\x00\x00\x09\x01"
_START_OK, _TUNE = (10, 11), (10, 30)


def logs_in(address: str, user: str, password: str) -> bool:
    """Whether the broker goes on to tune the connection; False when it closes it instead.

    Raises OSError when it does not speak AMQP, or not at all.
    """
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as stream:
        stream.sendall(_HEADER)
        _method(stream)  # Start
        response = b"\x00" + user.encode() + b"\x00" + password.encode()
        arguments = struct.pack(">I", 0) + _short(b"PLAIN") + struct.pack(">I", len(response)) + response
        payload = struct.pack(">HH", *_START_OK) + arguments + _short(b"en_US")
        stream.sendall(struct.pack(">BHI", 1, 0, len(payload)) + payload + b"\xce")
        try:
            return _method(stream) == _TUNE
        except ConnectionError:
            return False  # brokers before 3.2, and some after, only hang up


def _method(stream: socket.socket) -> tuple[int, int]:
    kind, _, size = struct.unpack(">BHI", _exactly(stream, 7))
    payload = _exactly(stream, size + 1)
    if kind != 1:
        raise OSError("this is not AMQP")
    found: tuple[int, int] = struct.unpack(">HH", payload[:4])
    return found


def _short(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def _exactly(stream: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        more = stream.recv(count - len(found))
        if not more:
            raise ConnectionResetError("the broker has hung up")
        found += more
    return found
