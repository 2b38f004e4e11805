"""A real node's life: made, filled with its programs, emptied again, and nothing left of it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from allup.errors import ClusterError, InputError
from allup.sandbox import processes
from allup.sandbox.build import NodeTools
from allup.sandbox.clock import Clock, poll
from allup.sandbox.names import (
    CONTAINERD,
    COREDNS,
    KUBE_PROXY,
    KUBELET,
    NODE_PROGRAMS,
    NODEINIT,
    STORAGE,
)
from allup.sandbox.node import configs, imagetar, links, requirements
from allup.sandbox.node.addresses import Addresses
from allup.sandbox.node.cgroups import Cgroups
from allup.sandbox.node.configs import CONTAINERD_SOCKET, IMAGE, NodeFiles, Told
from allup.sandbox.paths import StateFolder, write_private

# What a stopping pod gets to say its farewells; a kubelet that drains would give it 30 s.
_GRACE = 3.0
_UNPACKED = re.compile(r"^unpacking (\S+) \(", re.MULTILINE)
_KUBELET_FOLDER = Path(configs.KUBELET_FOLDER)
_MADE_BY_US = _KUBELET_FOLDER / ".made-by-allup"
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


class RealNode:
    """The node of the sandbox in *folder*, which has *addresses*; *environ* is the caller's."""

    def __init__(
        self,
        sandbox: str,
        folder: StateFolder,
        tools: NodeTools,
        addresses: Addresses,
        environ: Mapping[str, str],
        clock: Clock,
    ) -> None:
        self.name = f"{sandbox}-node-1"
        self.addresses = addresses
        self._folder = folder
        self._files = NodeFiles(folder.node)
        self._tools = tools
        self._environ = environ
        self._clock = clock
        self._marks = Marks(folder)

    def prepare(self) -> list[processes.Owned]:
        """Make the namespaces and the link if their first process does not live; the new processes, if any.

        InputError if this machine cannot have a real node; ClusterError if it is refused.
        """
        requirements.check(self._environ)
        init = self._living().get(NODEINIT)
        if init is not None and _has_namespaces(init.pid) and links.exists(self._marks.link):
            return []
        clear(self._folder, self._clock)
        self._check_addresses()
        self._files.make()
        _make_kubelet_folder()
        groups = self._marks.cgroups.make()
        answer = self._nodeinit(
            "create",
            *_flags("-cgroup", groups),
            *("-hostname", self.name),
            *("-logs", str(self._files.logs), "-kubelet", str(self._files.kubelet)),
        )
        made = processes.record(NODEINIT, int(answer), self._folder.processes)
        links.make(self._marks.link, made.pid, self.addresses, self._enter(made))
        return [made]

    def write_files(self, kubeconfigs: Mapping[str, Path]) -> None:
        """Write what the node's programs read."""
        plugins = requirements.plugins()
        runc = shutil.which("runc", path=requirements.search_path(self._environ))
        assert plugins is not None, "prepare() has looked"
        assert runc is not None
        self._told = Told(
            self.name,
            self.addresses,
            self._files,
            self._folder.pki,
            kubeconfigs,
            self._marks.cgroups.name,
            self._image,
            self._tools.shim,
            Path(runc),
            plugins,
        )
        configs.write(self._told)

    def start(self, names: Iterable[str]) -> list[processes.Owned]:
        """Start those of NODE_PROGRAMS (without nodeinit) in the namespaces, and record them."""
        lines: dict[str, tuple[Path, tuple[str, ...]]] = {
            CONTAINERD: (self._tools.containerd, configs.containerd_arguments(self._told)),
            KUBELET: (self._tools.node, configs.kubelet_arguments(self._told)),
            KUBE_PROXY: (self._tools.node, configs.proxy_arguments(self._told)),
            COREDNS: (self._tools.coredns, configs.coredns_arguments(self._told)),
            STORAGE: (self._tools.storage, configs.storage_arguments(self._told)),
        }
        started = []
        for name in names:
            executable, arguments = lines[name]
            log = self._folder.logs / f"{name}.log"
            if log.exists():
                os.replace(log, log.with_suffix(".log.1"))
            answer = self._nodeinit(
                *("enter", "-of", str(self._init().pid), "-as", name, "-log", str(log)),
                # Images are pulled by the machine's ways, so containerd's own network is the machine's.
                f"-network={'false' if name == CONTAINERD else 'true'}",
                *_flags("-cgroup", self._marks.cgroups.make()),
                *("--", str(executable), *arguments),
                proxies=name == CONTAINERD,
            )
            started.append(processes.record(name, int(answer), self._folder.processes))
        return started

    def import_own_image(self) -> Callable[[], None]:
        """Begin to import the image of paused pods and volumes; the returned function waits for the end."""
        tar = self._files.settings / f"{self._image.rpartition(':')[2]}.tar"
        if not tar.exists():
            links_to = ("volume-make", "volume-remove")
            write_private(tar, imagetar.pack_program(self._image, self._tools.nodeinit, "pause", links_to))
        importing = subprocess.Popen(
            self._import(tar), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

        def finish() -> None:
            said = importing.communicate()[0].decode(errors="replace")
            if importing.returncode != 0:
                raise ClusterError("the real node", "its own image cannot be imported", evidence=said[-400:])

        return finish

    def load_image(self, tar: Path) -> tuple[str, ...]:
        """Load every image of *tar* (docker or OCI archive); their references as pods are to name them.

        InputError: no such file, or no image in it. ClusterError: the node does not run.
        """
        if not tar.is_file():
            raise InputError(f"image {tar}", "there is no such file")
        if NODEINIT not in self._living() or CONTAINERD not in self._living():
            raise ClusterError("the real node", "does not run", next_step="Run inv cluster.up")
        done = subprocess.run(self._import(tar), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise InputError(f"image {tar}", "cannot be loaded", evidence=done.stderr.strip()[-400:])
        return tuple(sorted(set(_UNPACKED.findall(done.stdout))))

    def images(self) -> tuple[str, ...]:
        """The references of every image the node has; ClusterError if it does not run."""
        listed = subprocess.run(
            self._ctr("images", "list", "--quiet"), capture_output=True, text=True, check=False
        )
        return tuple(sorted(line for line in listed.stdout.split() if not line.startswith("sha256:")))

    def objects(self) -> list[tuple[str, dict[str, Any]]]:
        """(path of the collection, object) of everything that has to be in the cluster."""
        return configs.objects(self._told)

    @property
    def digest(self) -> str:
        """Changes whenever one of its tools does."""
        return self._tools.digest

    def containerd_answers(self) -> bool:
        """Whether containerd listens."""
        return Path(f"/proc/{self._init().pid}/root{CONTAINERD_SOCKET}").exists()

    def dns_answers(self) -> bool:
        """Whether the name server listens."""
        import socket

        try:
            with socket.create_connection((self.addresses.node, 53), timeout=1):
                return True
        except OSError:
            return False

    @property
    def _image(self) -> str:
        digest = hashlib.sha256(self._tools.nodeinit.read_bytes()).hexdigest()[:12]
        return f"{IMAGE}:{digest}"

    def _import(self, tar: Path) -> list[str]:
        return self._ctr("images", "import", "--local", "--no-unpack=false", str(tar.resolve()))

    def _ctr(self, *arguments: str) -> list[str]:
        client = ("--address", CONTAINERD_SOCKET, "--namespace", "k8s.io", "--connect-timeout", "30s")
        return [
            *(str(self._tools.nodeinit), "enter", "-of", str(self._init().pid), "-as", "ctr"),
            *("-network=false", "--", str(self._tools.containerd), *client, *arguments),
        ]

    def _enter(self, init: processes.Owned) -> list[str]:
        return [str(self._tools.nodeinit), "enter", "-of", str(init.pid), "--"]

    def _nodeinit(self, *arguments: str, proxies: bool = False) -> str:
        environ = {
            "HOME": str(self._folder.root),
            "PATH": requirements.search_path({}),
            # Otherwise the kubelet asks an address of a cloud for credentials, and waits for the answer.
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if proxies:
            environ |= {key: value for key, value in self._environ.items() if key.lower() in _PROXIES}
        done = subprocess.run(
            [str(self._tools.nodeinit), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=environ,
        )
        if done.returncode != 0:
            raise ClusterError(
                "the real node",
                "the system refuses what it needs",
                evidence=done.stderr.strip()[-400:],
                next_step="Run inv cluster.doctor",
            )
        return done.stdout.strip()

    def _init(self) -> processes.Owned:
        init = self._living().get(NODEINIT)
        if init is None:
            raise ClusterError("the real node", "its first process ended", next_step="Run inv cluster.up")
        return init

    def _living(self) -> dict[str, processes.Owned]:
        known = processes.recorded(self._folder.processes)
        return {
            name: known[name] for name in NODE_PROGRAMS if name in known and processes.is_alive(known[name])
        }

    def _check_addresses(self) -> None:
        if not self.addresses.are_free(links.routes()):
            raise ClusterError(
                "the real node",
                f"its addresses ({', '.join(self.addresses.ranges)}) are in use on this machine now",
                next_step="Stop the sandbox that has them (ip route names its link), or delete this one",
            )


def _has_namespaces(pid: int) -> bool:
    """Whether process *pid* is not just about to end: it lets go of them before those in them are gone."""
    try:
        os.readlink(f"/proc/{pid}/ns/mnt")
    except OSError:
        return False
    return True


class Marks:
    """The two names that a node has outside of its state folder, made of that folder's path."""

    def __init__(self, folder: StateFolder) -> None:
        digest = hashlib.sha256(str(folder.root).encode()).hexdigest()[:8]
        self.link = f"{links.PREFIX}{digest}"
        self.cgroups = Cgroups(f"allup-{digest}")


def clear(folder: StateFolder, clock: Clock) -> bool:
    """End a node, in whatever state it is, and leave nothing of it but its files; whether any of it lived.

    Pods are asked to end and killed after 3 s; the rest is killed at once. Nothing being there is fine.
    """
    if not folder.node.exists():
        return False
    marks = Marks(folder)
    known = {
        name: process
        for name, process in processes.recorded(folder.processes).items()
        if name in NODE_PROGRAMS and processes.is_alive(process)
    }
    # Neither may start again what is about to end.
    processes.end(
        [known[name] for name in (KUBELET, STORAGE) if name in known],
        clock=clock,
        outright=(KUBELET, STORAGE),
    )
    _ask_pods_to_end(marks.cgroups, clock)
    if NODEINIT in known:
        processes.end([known[NODEINIT]], clock=clock, outright=(NODEINIT,))
    if marks.cgroups.exist():
        marks.cgroups.kill(clock)
        marks.cgroups.remove(clock)
    if shutil.which("ip", path=requirements.search_path({})):
        links.remove(marks.link)
        _remove_kubelet_folder()
    for name in NODE_PROGRAMS:
        processes.forget(folder.processes, name)
    return bool(known)


def _make_kubelet_folder() -> None:
    """The machine's /var/lib/kubelet, to mount the node's over; marked if it is of our making."""
    if not _KUBELET_FOLDER.exists():
        _KUBELET_FOLDER.mkdir(mode=0o700)
        _MADE_BY_US.touch()


def _remove_kubelet_folder() -> None:
    if _MADE_BY_US.exists() and not links.any_of_ours():
        _MADE_BY_US.unlink()
        _KUBELET_FOLDER.rmdir()


def _ask_pods_to_end(cgroups: Cgroups, clock: Clock) -> None:
    for pid in cgroups.members(below="kubepods"):
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            continue

    def none_left() -> bool | None:
        return None if cgroups.members(below="kubepods") else True

    poll(none_left, clock=clock, timeout=_GRACE, interval=0.05)


def _flags(flag: str, folders: Sequence[Path]) -> list[str]:
    return [word for folder in folders for word in (flag, str(folder))]
