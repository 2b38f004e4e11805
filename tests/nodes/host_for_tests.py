"""The machine that real nodes run on, looked at before, while and after they do."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from allup.sandbox import SandboxStatus
from allup.sandbox.node.clearing import Marks
from allup.sandbox.paths import StateFolder
from tests.cluster.platforms_for_tests import eventually

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
                str(path) for path in Path("/sys/fs/cgroup").glob(f"*/{self._marks.cgroups.name[1:]}*")
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


def kill_everything(status: SandboxStatus, host: Host) -> None:
    """As a machine does that runs out of memory, in no good order and nobody being asked."""
    for process in status.processes:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    eventually(lambda: not host.processes(), "every process to be gone")
