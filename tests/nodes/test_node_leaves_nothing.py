"""What a real node does to the machine is undone when it ends, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from allup.sandbox import Sandboxes, SandboxStatus, Step
from allup.sandbox.clock import SystemClock
from allup.sandbox.node.clearing import Marks
from allup.sandbox.paths import StateFolder
from tests.cluster.platforms_for_tests import Instance, claim, eventually, service, unique_name
from tests.nodes.node_for_tests import PATIENCE, PORT, program, run, server

pytestmark = pytest.mark.nodes

NAME = "host"
SETTINGS = (
    *("kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory", "vm/panic_on_oom"),
    *("kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes", "net/ipv4/ip_forward"),
    *("net/ipv4/conf/all/route_localnet", "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/default/rp_filter"),
)
FOLDERS = (
    *("/opt/containerd", "/var/lib/kubelet", "/var/lib/cni", "/var/lib/containerd", "/var/log/pods"),
    *("/var/log/containers", "/run/containerd", "/run/netns", "/run/cni", "/run/xtables.lock", "/etc/cni"),
    *("/usr/libexec/kubernetes", "/run/kernel-settings"),
)


class Host:
    """The machine as somebody sees it who knows nothing of sandboxes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._marks = Marks(StateFolder(root))

    @property
    def link(self) -> str:
        return self._marks.link

    def seen(self) -> dict[str, object]:
        """Everything that a node could have changed, by what it is."""
        return {
            "processes": self.processes(),
            "mounts": sorted(line for line in _lines("/proc/self/mountinfo") if str(self._root) in line),
            "links": self._ours_or_fixed(_said("ip", "-brief", "link")),
            "addresses": self._ours_or_fixed(_said("ip", "-brief", "address")),
            "routes": self._ours_or_fixed(_said("ip", "route", "show", "table", "all")),
            "rules": _said("ip", "rule"),
            "iptables": _said("iptables-save"),
            "nftables": _said("nft", "list", "ruleset") if shutil.which("nft") else [],
            "cgroups": sorted(
                str(path) for path in Path("/sys/fs/cgroup").glob(f"*/{self._marks.cgroups.name[1:]}")
            ),
            "settings": {name: _lines(f"/proc/sys/{name}") for name in SETTINGS if _exists(name)},
            "folders": [folder for folder in FOLDERS if Path(folder).exists()],
        }

    def processes(self) -> list[str]:
        """Those whose command line names the sandbox's folder, or that are in the node's namespaces."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                cgroup = (entry / "cgroup").read_text() if entry.name.isdigit() else ""
            except OSError:
                continue
            if command and (str(self._root) in command or self._marks.cgroups.name in cgroup):
                found.append(f"{entry.name} {command}")
        return found

    def _ours_or_fixed(self, lines: list[str]) -> list[str]:
        """Without the links of real nodes that other people run on this machine at the same time."""
        return [line for line in lines if "allup-" not in line or self._marks.link in line]


def _lines(file: str) -> list[str]:
    return Path(file).read_text().splitlines()


def _exists(name: str) -> bool:
    return Path(f"/proc/sys/{name}").exists()


def _said(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if not line.startswith("#")]


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


def _kill_everything(sandboxes: Sandboxes, host: Host) -> None:
    """As a machine does that runs out of memory, in no good order and nobody being asked."""
    for process in sandboxes.status(NAME).processes:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    eventually(lambda: not host.processes(), "every process to be gone")


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
    _kill_everything(sandboxes, host)
    status = sandboxes.up(NAME)
    assert status.running
    again = Instance(status.kubeconfig, status.context, instance.name, instance.folder)
    assert run(again, "keeper", "read", "/data/note").stdout == "still here\n"
    eventually(lambda: run(again, "keeper", "get", "http://web/").exit_code == 0, "web", within=PATIENCE)
    _kill_everything(sandboxes, host)  # and the fixture deletes what is left


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
