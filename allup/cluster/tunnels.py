"""From a socket of this machine to a port of a pod: bytes both ways, one websocket per connection."""

from __future__ import annotations

import socket
import threading
import time

from allup.cluster.requests import Api
from allup.cluster.streams import DATA, ERROR, Unwrapped, open_forward, refused
from allup.cluster.websockets import HIGH_WATER, Channels

_AFTER_OUR_END = 5.0


def relay(channels: Channels, local: socket.socket, port: int, stop: threading.Event) -> str:
    """Carries bytes until both sides are done; returns what the node said went wrong, or ``""``.

    The protocol cannot end one direction only: when the local side has said all, the other is given
    5 s of silence to finish its answer. Closes both.
    """
    local.setblocking(False)
    unwrapped, refusal = Unwrapped(), b""
    to_local = bytearray()
    listening, ended_at = True, 0.0
    try:
        while not stop.is_set():
            if channels.closed and not to_local:
                break
            if not listening and time.monotonic() - ended_at > _AFTER_OUR_END:
                break
            room = len(to_local) < HIGH_WATER
            own = local.fileno()
            ready = channels.turn(
                1.0,
                readers=[own] if listening and channels.unsent < HIGH_WATER and not channels.closed else [],
                writers=[own] if to_local else [],
                receive=room,
            )
            for channel, data in channels.messages():
                said = unwrapped.payload(channel, data)
                if channel == DATA:
                    to_local += said
                    ended_at = time.monotonic()
                elif channel == ERROR:
                    refusal += said
            if refusal:
                break
            if own in ready:
                if listening and not channels.closed:
                    listening = _take(local, channels)
                    ended_at = time.monotonic()
                if not _give(local, to_local):
                    break
    finally:
        channels.close()
        local.close()
    return refused(refusal, port)


def _take(local: socket.socket, channels: Channels) -> bool:
    try:
        data = local.recv(65_536)
    except BlockingIOError:
        return True
    except OSError:
        return False
    if data:
        channels.send(DATA, data)
    return bool(data)


def _give(local: socket.socket, waiting: bytearray) -> bool:
    try:
        while waiting:
            sent = local.send(waiting[:262_144])
            del waiting[:sent]
    except BlockingIOError:
        pass
    except OSError:
        return False
    return True


def tunnel(api: Api, namespace: str, pod: str, port: int, *, timeout: float = 5.0) -> socket.socket:
    """A connected socket whose other end is a port of the pod. Raises ApiError and ClusterError."""
    channels = open_forward(api, namespace, pod, port, timeout=timeout)
    ours, theirs = socket.socketpair()
    ours.settimeout(timeout)
    threading.Thread(
        target=relay, args=(channels, theirs, port, api.stop), name=f"tunnel to {pod}:{port}", daemon=True
    ).start()
    return ours
