"""A real node's life: made, filled with its programs, given images."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from allup.errors import ClusterError, InputError
from allup.sandbox import processes
from allup.sandbox.build import NodeTools
from allup.sandbox.clock import Clock
from allup.sandbox.names import (
    CONTAINERD,
    COREDNS,
    KUBE_PROXY,
    KUBELET,
    NODEINIT,
    STORAGE,
    node_programs,
    of_node,
    roles,
)
from allup.sandbox.node import configs, imagetar, links, requirements
from allup.sandbox.node.addresses import Addresses
from allup.sandbox.node.clearing import Marks, clear, make_kubelet_folder
from allup.sandbox.node.configs import CONTAINERD_SOCKET, IMAGE, NodeFiles, Told
from allup.sandbox.paths import StateFolder, write_private

_UNPACKED = re.compile(r"^unpacking (\S+) \(", re.MULTILINE)
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


class RealNode:
    """The node of the sandbox in *folder* that has *addresses*; *environ* is the caller's."""

    def __init__(
        self,
        sandbox: str,
        folder: StateFolder,
        tools: NodeTools,
        addresses: Addresses,
        environ: Mapping[str, str],
        clock: Clock,
    ) -> None:
        self.number = addresses.number
        self.name = f"{sandbox}-node-{self.number}"
        self.addresses = addresses
        self._folder = folder
        self._files = NodeFiles(folder.of_node(self.number))
        self._tools = tools
        self._environ = environ
        self._clock = clock
        self._marks = Marks(folder, self.number)

    @property
    def programs(self) -> tuple[str, ...]:
        """Its programs as the sandbox's records call them."""
        return node_programs(self.number)

    def prepare(self) -> list[processes.Owned]:
        """Make the namespaces and the link if their first process does not live; the new processes, if any.

        InputError if this machine cannot have a real node; ClusterError if it is refused.
        """
        requirements.check(self._environ)
        if self._is_linked():
            return []
        # Every other node hangs on the first, so a new one of that makes all of them anew.
        ours = self.addresses.every_number if self.number == 1 else (self.number,)
        clear(self._folder, self._clock, ours)
        if self.number == 1:
            self._check_addresses()
        try:
            return [self._make()]
        except BaseException:
            clear(self._folder, self._clock, ours)
            raise

    def _is_linked(self) -> bool:
        init = self._living().get(NODEINIT)
        if init is None or not _has_namespaces(init.pid):
            return False
        return links.exists(self._marks.link) if self.number == 1 else links.has_link(init.pid, links.WITHIN)

    def _make(self) -> processes.Owned:
        self._files.make()
        make_kubelet_folder()
        groups = self._marks.cgroups.make()
        answer = self._nodeinit(
            "create",
            *_flags("-cgroup", groups),
            *("-hostname", self.name),
            *("-logs", str(self._files.logs), "-kubelet", str(self._files.kubelet)),
        )
        made = processes.record(of_node(NODEINIT, self.number), int(answer), self._folder.processes)
        if self.number == 1:
            links.make(self._marks.link, made.pid, self.addresses, self._enter(made))
        else:
            first = self._living(1)[NODEINIT]
            links.join(first.pid, made.pid, self.addresses, self._enter(first), self._enter(made))
        return made

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

    def missing(self) -> list[str]:
        """Which of its programs do not live, as every node calls them."""
        alive = self._living()
        return [role for role in roles(self.number) if role not in alive]

    def start(self, names: Iterable[str]) -> list[processes.Owned]:
        """Start those of missing() (without nodeinit) in the namespaces, and record them."""
        lines: dict[str, tuple[Path, tuple[str, ...]]] = {
            CONTAINERD: (self._tools.containerd, configs.containerd_arguments(self._told)),
            KUBELET: (self._tools.node, configs.kubelet_arguments(self._told)),
            KUBE_PROXY: (self._tools.node, configs.proxy_arguments(self._told)),
            COREDNS: (self._tools.coredns, configs.coredns_arguments(self._told)),
            STORAGE: (self._tools.storage, configs.storage_arguments(self._told)),
        }
        started = []
        for role in names:
            executable, arguments = lines[role]
            name = of_node(role, self.number)
            log = self._folder.logs / f"{name}.log"
            if log.exists():
                os.replace(log, log.with_suffix(".log.1"))
            answer = self._nodeinit(
                *("enter", "-of", str(self._init().pid), "-as", role, "-log", str(log)),
                # Images are pulled by the machine's ways, so containerd's own network is the machine's.
                f"-network={'false' if role == CONTAINERD else 'true'}",
                *_flags("-cgroup", self._marks.cgroups.make()),
                *("--", str(executable), *arguments),
                proxies=role == CONTAINERD,
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

    def _living(self, number: int | None = None) -> dict[str, processes.Owned]:
        """The living programs of this node or that one, as every node calls them."""
        number, known = number or self.number, processes.recorded(self._folder.processes)
        found = {role: known.get(of_node(role, number)) for role in roles(number)}
        return {role: process for role, process in found.items() if process and processes.is_alive(process)}

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


def _flags(flag: str, folders: Sequence[Path]) -> list[str]:
    return [word for folder in folders for word in (flag, str(folder))]
