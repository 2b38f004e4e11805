"""Websocket frames from a server (RFC 6455, section 5.2), taken apart as their bytes arrive."""

from __future__ import annotations

from collections.abc import Iterator

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_CONTROL = 0x8


class FrameReader:
    """Feeds on bytes, yields (opcode, payload) of whole messages; fragments are put together.

    A server never masks (section 5.1); a frame that claims to be masked is a ValueError.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._fragments = bytearray()
        self._kind = BINARY

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Every message that is complete with *data*."""
        self._bytes += data
        while (frame := self._frame()) is not None:
            final, opcode, payload = frame
            if opcode & _CONTROL:
                yield opcode, payload
                continue
            if opcode != CONTINUATION:
                self._kind = opcode
            if final and not self._fragments:
                yield self._kind, payload
                continue
            self._fragments += payload
            if final:
                whole, self._fragments = bytes(self._fragments), bytearray()
                yield self._kind, whole

    def _frame(self) -> tuple[bool, int, bytes] | None:
        have = len(self._bytes)
        if have < 2:
            return None
        first, second = self._bytes[0], self._bytes[1]
        if second & 0x80:
            raise ValueError("a frame from the server is masked")
        length, start = second & 0x7F, 2
        if length >= 126:
            start = 4 if length == 126 else 10
            if have < start:
                return None
            length = int.from_bytes(self._bytes[2:start], "big")
        if have < start + length:
            return None
        payload = bytes(self._bytes[start : start + length])
        del self._bytes[: start + length]
        return bool(first & 0x80), first & 0x0F, payload
