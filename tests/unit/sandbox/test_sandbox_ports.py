"""Ports are free, different, and stay the same where they can."""

from __future__ import annotations

import socket

from allup.sandbox.ports import LOOPBACK, choose, is_free


def test_every_purpose_gets_a_port_of_its_own() -> None:
    chosen = choose([str(number) for number in range(20)], {})
    assert len(set(chosen.values())) == 20
    assert all(is_free(port) for port in chosen.values())


def test_a_wanted_port_that_is_free_is_kept() -> None:
    before = choose(["etcd", "kwok"], {})
    assert choose(["etcd", "kwok"], before) == before


def test_a_wanted_port_that_is_busy_gives_way_to_another() -> None:
    with socket.socket() as busy:
        busy.bind((LOOPBACK, 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert not is_free(port)
        assert choose(["etcd"], {"etcd": port})["etcd"] != port
