"""What a real node does to the machine is undone when it ends, however it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from allup.sandbox import Sandboxes, SandboxStatus, Step
from allup.sandbox.clock import SystemClock
from tests.cluster.platforms_for_tests import Instance, claim, eventually, service, unique_name
from tests.nodes.host_for_tests import Host, kill_everything
from tests.nodes.node_for_tests import PATIENCE, PORT, program, run, server

pytestmark = pytest.mark.nodes

NAME = "host"


@pytest.fixture
def root(sandboxes: Sandboxes) -> Path:
    """The state folder of this module's sandbox."""
    return sandboxes._state(NAME).root


@pytest.fixture
def filled(
    node: SandboxStatus, sandboxes: Sandboxes, image: Path, tmp_path: Path, root: Path
) -> Iterator[tuple[Instance, Host]]:
    """A new sandbox beside another, with pods that run, one of which is deaf; and the machine before it."""
    host = Host(root)
    before = host.seen()
    try:
        status = sandboxes.up(NAME, real=True)
        assert status.memory_bytes < 10**9, "a real node fits into a gigabyte, without workload"
        sandboxes.load_image(NAME, image)
        instance = _instance(status, tmp_path)
        volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
        mounts = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
        up = instance.up(
            instance.part("web", server("web"), service("web", ports=[{"port": 80, "targetPort": PORT}])),
            instance.part("keeper", claim("data"), server("keeper", container=mounts, volumes=[volume])),
            instance.part("deaf", program("deaf", "deaf", terminationGracePeriodSeconds=600)),
            timeout=PATIENCE,
        )
        assert up.outcome == "done", up.finished
        assert run(instance, "keeper", "write", "/data/note", "still here").exit_code == 0
        during = host.seen()
        assert {what for what in before if before[what] != during[what]} >= {"processes", "links", "routes"}
        for untouched in ("mounts", "iptables", "nftables", "settings", "rules"):
            assert during[untouched] == before[untouched], f"{untouched} changed while it runs"
        yield instance, host
    finally:
        sandboxes.delete(NAME)
    after = host.seen()
    assert after == before
    assert not root.exists()
    assert sandboxes.status(node.name).running


def _instance(status: SandboxStatus, folder: Path) -> Instance:
    return Instance(status.kubeconfig, status.context, unique_name(), folder)


def test_down_with_running_pods_is_quick_and_leaves_the_machine_as_it_was(
    filled: tuple[Instance, Host], sandboxes: Sandboxes
) -> None:
    instance, host = filled
    clock = SystemClock()
    began = clock.monotonic()
    assert sandboxes.down(NAME)
    assert clock.monotonic() - began < 10
    seen = host.seen()
    assert (seen["processes"], seen["cgroups"], seen["mounts"]) == ([], [], [])
    assert not any(host.link in str(seen[what]) for what in ("links", "routes", "addresses"))
    status = sandboxes.up(NAME)
    assert status.running
    again = Instance(status.kubeconfig, status.context, instance.name, instance.folder)
    assert run(again, "keeper", "read", "/data/note").stdout == "still here\n"


def test_after_everything_was_killed_up_brings_it_back_with_its_data(
    filled: tuple[Instance, Host], sandboxes: Sandboxes
) -> None:
    instance, host = filled
    kill_everything(sandboxes.status(NAME), host)
    status = sandboxes.up(NAME)
    assert status.running
    again = Instance(status.kubeconfig, status.context, instance.name, instance.folder)
    assert run(again, "keeper", "read", "/data/note").stdout == "still here\n"
    eventually(lambda: run(again, "keeper", "get", "http://web/").exit_code == 0, "web", within=PATIENCE)
    kill_everything(sandboxes.status(NAME), host)  # and the fixture deletes what is left


def test_the_end_of_the_first_process_is_the_end_of_the_node(
    filled: tuple[Instance, Host], sandboxes: Sandboxes
) -> None:
    _, host = filled
    first = next(p for p in sandboxes.status(NAME).processes if p.name == "nodeinit")
    os.kill(first.pid, signal.SIGKILL)

    def only_control_plane() -> bool:
        return not any(name in line for line in host.processes() for name in ("kubelet --", "containerd --"))

    eventually(only_control_plane, "the node to be gone")
    assert not sandboxes.status(NAME).running
    assert sandboxes.down(NAME)
    seen = host.seen()
    assert (seen["processes"], seen["cgroups"]) == ([], [])


def test_an_up_that_is_interrupted_leaves_nothing(
    node: SandboxStatus, sandboxes: Sandboxes, root: Path
) -> None:
    host = Host(root)
    before = host.seen()

    def interrupt(step: Step) -> None:
        if "waiting for the node" in step.what:
            assert host.seen()["links"] != before["links"]
            raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            sandboxes.up(NAME, real=True, progress=interrupt)
        assert host.seen() == before
    finally:
        sandboxes.delete(NAME)
