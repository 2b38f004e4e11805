"""The websocket: frames in pieces, a peer that goes away, the relay; against a real peer on a socket."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allup.cluster.frames import BINARY, CLOSE, FrameReader
from allup.cluster.streams import STATUS, STDERR, STDIN, STDOUT, drive, outcome, refused
from allup.cluster.tunnels import relay
from allup.cluster.websockets import V4, V5, Channels

SECONDS = 10.0


def frame(payload: bytes, opcode: int = BINARY, final: bool = True) -> bytes:
    """As a server sends it: not masked."""
    first = opcode | (0x80 if final else 0)
    if len(payload) < 126:
        return bytes([first, len(payload)]) + payload
    if len(payload) < 65_536:
        return bytes([first, 126]) + len(payload).to_bytes(2, "big") + payload
    return bytes([first, 127]) + len(payload).to_bytes(8, "big") + payload


class Peer:
    """The API server's end of a connection: reads what we send, unmasks it, answers what it is told to."""

    def __init__(self, protocol: str = V5) -> None:
        ours, self.socket = socket.socketpair()
        self.socket.settimeout(SECONDS)
        self.channels = Channels(ours, protocol)

    def send(self, channel: int, data: bytes) -> None:
        self.socket.sendall(frame(bytes([channel]) + data))

    def hang_up(self) -> None:
        self.socket.sendall(frame((1000).to_bytes(2, "big"), CLOSE))

    def read(self) -> bytes:
        """The payload of one frame."""
        second = self._exactly(2)[1]
        length = second & 0x7F
        if length >= 126:
            length = int.from_bytes(self._exactly(2 if length == 126 else 8), "big")
        key = self._exactly(4)
        masked = self._exactly(length)
        return bytes(byte ^ key[index % 4] for index, byte in enumerate(masked))

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            assert more, "our side hung up"
            data += more
        return data


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.channels.close()
    made.socket.close()


@given(st.lists(st.binary(max_size=400), max_size=5), st.integers(1, 7))
def test_frames_come_out_whole_however_their_bytes_arrive(payloads: list[bytes], step: int) -> None:
    data = b"".join(frame(payload) for payload in payloads)
    reader = FrameReader()
    found = [m for at in range(0, len(data), step) for m in reader.feed(data[at : at + step])]
    assert found == [(BINARY, payload) for payload in payloads]


def test_fragments_are_put_together_around_a_ping() -> None:
    data = frame(b"one ", final=False) + frame(b"", 0x9) + frame(b"two", 0x0)
    assert list(FrameReader().feed(data)) == [(0x9, b""), (BINARY, b"one two")]


def test_a_masked_frame_from_a_server_ends_the_connection(peer: Peer) -> None:
    peer.socket.sendall(bytes([0x82, 0x81, 1, 2, 3, 4, 5]))
    peer.channels.turn(SECONDS)
    assert peer.channels.closed


def test_output_after_the_status_is_not_lost(peer: Peer) -> None:
    out, err = bytearray(), bytearray()
    peer.send(STDOUT, b"one")
    peer.send(STATUS, _status(7))
    peer.send(STDERR, b"late")
    peer.hang_up()
    result = drive(peer.channels, out=out.extend, err=err.extend, timeout=SECONDS)
    assert (result.exit_code, bytes(out), bytes(err)) == (7, b"one", b"late")


def test_a_connection_that_breaks_leaves_no_exit_code(peer: Peer) -> None:
    peer.send(STDOUT, b"half a li")
    peer.socket.close()
    out = bytearray()
    result = drive(peer.channels, out=out.extend, err=out.extend, timeout=SECONDS)
    assert (result.exit_code, result.failure) == (None, "the connection broke before it ended")
    assert out == b"half a li"


def test_the_end_of_what_is_piped_is_told_to_a_server_that_knows_how(peer: Peer) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"input")
    os.close(writing)
    thread = _driven(peer, reading)
    assert peer.read() == bytes([STDIN]) + b"input"
    assert peer.read() == bytes([255, STDIN])
    peer.send(STATUS, _status(0))
    peer.hang_up()
    thread.join(SECONDS)
    assert not thread.is_alive()
    os.close(reading)


def test_an_older_server_is_not_sent_a_signal_it_would_take_for_data() -> None:
    older = Peer(V4)
    assert older.channels.end(STDIN) is False
    assert older.channels.unsent == 0
    older.channels.close()
    older.socket.close()


def test_a_ping_is_answered(peer: Peer) -> None:
    peer.socket.sendall(frame(b"?", 0x9))
    peer.channels.turn(SECONDS)
    assert peer.read() == b"?"


def test_a_silent_connection_is_pinged_and_then_given_up() -> None:
    now = [0.0]
    ours, theirs = socket.socketpair()
    channels = Channels(ours, V5, lambda: now[0])
    now[0] = 21.0
    channels.turn(0)
    assert theirs.recv(100)[0] == 0x89
    now[0] = 61.0
    channels.turn(0)
    assert channels.closed
    channels.close()
    theirs.close()


@pytest.mark.parametrize(
    ("status", "code", "failure"),
    [
        ({"status": "Success"}, 0, ""),
        ({"status": "Failure", "message": "no such command"}, None, "no such command"),
        ({"status": "Failure", "message": "error executing: exit status 4"}, 4, ""),
        ({"status": "Failure"}, None, "it failed"),
    ],
)
def test_the_status_tells_how_a_command_ended(status: dict[str, str], code: int | None, failure: str) -> None:
    assert outcome(json.dumps(status).encode()) == (code, failure)


def test_a_relay_takes_the_ports_off_the_beginning_and_carries_both_ways(peer: Peer) -> None:
    client, thread, said = _relayed(peer)
    peer.send(0, (80).to_bytes(2, "little"))
    peer.send(1, (80).to_bytes(2, "little"))
    client.sendall(b"question")
    assert peer.read() == b"\0question"
    peer.send(0, b"answer")
    assert client.recv(100) == b"answer"
    client.close()
    thread.join(SECONDS)
    assert said == [""]


def test_an_answer_still_comes_after_our_side_has_said_all(peer: Peer) -> None:
    client, thread, _ = _relayed(peer)
    peer.send(0, (80).to_bytes(2, "little"))
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    assert peer.read() == b"\0question"
    peer.send(0, b"late answer")
    peer.hang_up()
    assert client.recv(100) == b"late answer"
    assert client.recv(100) == b""
    client.close()
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_a_refusal_ends_the_relay_and_is_told_in_short(peer: Peer) -> None:
    client, thread, said = _relayed(peer)
    peer.send(1, (80).to_bytes(2, "little"))
    peer.send(1, b"error forwarding port 80 to pod x, uid : dial tcp: connection refused")
    assert client.recv(1) == b""
    client.close()
    thread.join(SECONDS)
    assert said == ["port 80 refuses connections"]


def test_what_a_node_says_of_a_forward_is_kept_when_it_is_no_refusal() -> None:
    assert refused(b"error forwarding port 80 to pod a, uid : no network", 80) == "no network"
    assert refused(b"", 80) == ""


def _status(code: int) -> bytes:
    if code == 0:
        return b'{"status": "Success"}'
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return json.dumps({"status": "Failure", "details": {"causes": causes}}).encode()


def _driven(peer: Peer, source: int) -> threading.Thread:
    arguments = {"out": _ignore, "err": _ignore, "source": source, "timeout": SECONDS}
    thread = threading.Thread(target=drive, args=(peer.channels,), kwargs=arguments, daemon=True)
    thread.start()
    return thread


def _ignore(_: bytes) -> None:
    pass


def _relayed(peer: Peer) -> tuple[socket.socket, threading.Thread, list[str]]:
    client, local = socket.socketpair()
    client.settimeout(SECONDS)
    said: list[str] = []
    stop = threading.Event()
    thread = threading.Thread(target=lambda: said.append(relay(peer.channels, local, 80, stop)), daemon=True)
    thread.start()
    return client, thread, said
