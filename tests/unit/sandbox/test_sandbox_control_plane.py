"""The command lines of the sandbox's programs."""

from __future__ import annotations

from pathlib import Path

from allup.sandbox.build import Tools
from allup.sandbox.control_plane import programs
from allup.sandbox.names import CONTROLLER_MANAGER, PORTS
from allup.sandbox.paths import StateFolder

KWOK_HEARTBEAT = 610  # seconds, at most: stage node/heartbeat-with-lease of kwok 0.8


def test_nodes_are_not_given_up_between_two_heartbeats_of_kwok(tmp_path: Path) -> None:
    tools = Tools(etcd=tmp_path, kubernetes=tmp_path, kwok=tmp_path)
    ports = dict.fromkeys(PORTS, 1)
    program = programs(StateFolder(tmp_path), tools, ports, ())[CONTROLLER_MANAGER]
    flag = next(word for word in program.argv if word.startswith("--node-monitor-grace-period="))
    assert flag.endswith("h")
    assert int(flag.partition("=")[2][:-1]) * 3600 > KWOK_HEARTBEAT
