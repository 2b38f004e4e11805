"""Bringing one sandbox up: files first, then programs, then what they have to have done."""

from __future__ import annotations

import datetime
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from allup.errors import ApiError, ClusterError, InputError
from allup.sandbox import certificates, control_plane, names, nodes, ports, processes, stages
from allup.sandbox.api import ApiServer
from allup.sandbox.build import Tools
from allup.sandbox.clock import Clock, poll
from allup.sandbox.kubeconfigs import kubeconfig
from allup.sandbox.names import (
    APISERVER,
    CONTAINERD,
    CONTROLLER_MANAGER,
    COREDNS,
    ETCD,
    KUBE_PROXY,
    KUBELET,
    KWOK,
    NODEINIT,
    PORTS,
    SCHEDULER,
    STORAGE,
)
from allup.sandbox.node.clearing import clear
from allup.sandbox.node.configs import PROVISIONER
from allup.sandbox.node.lifecycle import RealNode
from allup.sandbox.paths import StateFolder, write_private
from allup.sandbox.progress import Progress, Step
from allup.sandbox.status import DEFAULT_NODES, Record, context_name

_LIMIT = 120.0
_TRIES = 3
_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"


class PortTaken(ClusterError):
    """A port that was free when it was chosen was not when its program wanted it."""


class Startup:
    """One run of ``up`` for one sandbox; its caller holds the sandbox's lock."""

    def __init__(
        self,
        name: str,
        folder: StateFolder,
        tools: Tools,
        clock: Clock,
        progress: Progress,
        real: Sequence[RealNode] = (),
    ) -> None:
        self._name = name
        self._folder = folder
        self._tools = tools
        self._real = real
        self._clock = clock
        self._progress = progress
        self._began = clock.monotonic()
        self._launched: list[processes.Owned] = []
        self._anew: set[str] = set()

    def run(self, node_count: int | None, extra_stages: Sequence[Path] | None) -> bool:
        """Bring it up; whether anything had to be started. A run that fails ends what it started."""
        try:
            return self._run(node_count, extra_stages)
        except BaseException:
            launched = {process.name for process in self._launched}
            made = [node.number for node in self._real if names.of_node(NODEINIT, node.number) in launched]
            clear(self._folder, self._clock, made)
            self._end(self._launched)
            raise

    def _run(self, node_count: int | None, extra_stages: Sequence[Path] | None) -> bool:
        folder, before = self._folder, Record.read(self._folder.record)
        folder.make()
        if extra_stages is not None:
            _keep_extra_stages(folder, extra_stages)
        config_changed = self._write_kwok_config()
        addresses = self._real[0].addresses if self._real else None
        certificates.write_all(
            folder.pki,
            now=datetime.datetime.now(datetime.UTC),
            server_addresses=control_plane.server_addresses(addresses),
            more=certificates.for_nodes([node.name for node in self._real]) if self._real else (),
        )
        record = Record(
            created=before.created
            if before
            else datetime.datetime.now(datetime.UTC).isoformat("T", "seconds"),
            nodes=len(self._real) or node_count or (before.nodes if before else DEFAULT_NODES),
            tools="+".join([self._tools.digest, *(node.digest for node in self._real[:1])]),
            ports=before.ports if before else {},
            place=addresses.place if addresses else None,
        )
        living = self._living()
        if before is None or before.tools != record.tools:
            clear(folder, self._clock)
            self._end(living)
        elif config_changed:
            self._end([process for process in living if process.name == KWOK])
        return self._start_until_ports_hold(record)

    def _start_until_ports_hold(self, record: Record) -> bool:
        for left in reversed(range(_TRIES)):
            try:
                return self._start(record)
            except PortTaken:
                if not left:
                    raise
                self._end(self._living())
        raise AssertionError("unreachable")

    def _start(self, record: Record) -> bool:
        folder = self._folder
        living = self._living()
        chosen = self._ports(record.ports, {process.name for process in living})
        if living and chosen != record.ports:
            # Clients know the others by their ports, so one that has to move makes all start again.
            self._end(living)
            living = []
        self._write_kubeconfigs(chosen, record.address)
        write_private(folder.record, replace(record, ports=chosen).written())
        programs = control_plane.programs(
            folder,
            self._tools,
            chosen,
            sorted(folder.stages.glob("*.yaml")) + _extra(folder),
            self._real[0].addresses if self._real else None,
        )
        every = names.programs(workers=len(self._real))
        for node in self._real:
            self._begin_node(node)
        alive = {process.name for process in self._living()}
        missing = [name for name in every if name not in alive]
        self._launch(programs, [name for name in (ETCD, APISERVER) if name in missing])
        with ApiServer(chosen[APISERVER], folder.pki, record.address) as api:
            self._wait("API server", (ETCD, APISERVER), lambda: api.answers("/api/v1/namespaces/default"))
            if KWOK in missing:
                nodes.free_leases(api)
            self._launch(
                programs, [name for name in (CONTROLLER_MANAGER, SCHEDULER, KWOK) if name in missing]
            )
            try:
                self._wait("API server", (ETCD, APISERVER), lambda: api.answers("/readyz"))
                if self._real:
                    missing += self._fill_nodes(api, every)
                    self._wait("name server", every, self._real[0].dns_answers)
                else:
                    wanted = nodes.names(self._name, record.nodes)
                    nodes.ensure(api, wanted)
                    if api.get(f"{_CLASSES}/{stages.STORAGE_CLASS}") is None:
                        api.create(_CLASSES, stages.storage_class())
                    self._wait("nodes", every, lambda: nodes.all_ready(api, wanted))
                self._wait("default ServiceAccount", every, lambda: api.get(_ACCOUNT) is not None)
            except ApiError as error:
                raise self._failure(str(error), APISERVER) from error
        if missing:
            self._progress(
                Step(f"starting sandbox {self._name}", self._clock.monotonic() - self._began, done=True)
            )
        return bool(missing)

    def _begin_node(self, node: RealNode) -> None:
        """The node's namespaces and its containerd, which need no API server."""
        made = node.prepare()
        if made:
            self._anew.add(node.name)
        self._launched += made
        node.write_files(
            {name: control_plane.component_kubeconfig(self._folder, name) for name in self._node_clients()}
        )
        if CONTAINERD in node.missing():
            self._launched += node.start([CONTAINERD])

    def _fill_nodes(self, api: ApiServer, every: Sequence[str]) -> list[str]:
        """What the nodes lack: their programs, whose names are returned, and what has to be in the cluster.

        All nodes start side by side; this waits until each is Ready.
        """
        before = len(self._launched)
        moments = {}
        importing = []
        for node in self._real:
            self._wait("containerd", node.programs[:2], node.containerd_answers)
            missing = node.missing()
            if node.name in self._anew:
                nodes.call_pods_unready(api, node.name)
            if KUBELET in missing:
                importing.append(node.import_own_image())
                moments[node.name] = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            self._launched += node.start(missing)
        if api.get(f"{_CLASSES}/{stages.STORAGE_CLASS}") is None:
            api.create(_CLASSES, stages.storage_class(PROVISIONER))
        for collection, wanted in self._real[0].objects():
            if api.get(f"{collection}/{wanted['metadata']['name']}") is None:
                api.create(collection, wanted)
        for finish in importing:
            finish()

        def ready() -> bool:
            return all(
                nodes.is_ready_since(api, node.name, moments.get(node.name, "")) for node in self._real
            )

        self._wait("node" if len(self._real) == 1 else "nodes", every, ready)
        return [process.name for process in self._launched[before:]]

    def _node_clients(self) -> list[str]:
        """The programs of real nodes that ask the API server, each by a kubeconfig of its own."""
        kubelets = [names.of_node(KUBELET, node.number) for node in self._real]
        return [*kubelets, KUBE_PROXY, COREDNS, STORAGE] if kubelets else []

    def _ports(self, recorded: Mapping[str, int], living: set[str]) -> dict[str, int]:
        """The recorded ports where a living process of ours holds them, else free ones, the same if free."""
        held = {"etcd-peer": ETCD}
        kept = {p: recorded[p] for p in PORTS if p in recorded and held.get(p, p) in living}
        return kept | ports.choose((purpose for purpose in PORTS if purpose not in kept), recorded)

    def _living(self) -> list[processes.Owned]:
        return [p for p in processes.recorded(self._folder.processes).values() if processes.is_alive(p)]

    def _end(self, ours: Sequence[processes.Owned]) -> None:
        control_plane.end_in_order(ours, clock=self._clock)

    def _launch(self, programs: Mapping[str, processes.Program], names: Sequence[str]) -> None:
        for name in names:
            log = self._folder.logs / f"{name}.log"
            if log.exists():
                os.replace(log, log.with_suffix(".log.1"))
            self._launched.append(
                processes.start(
                    programs[name],
                    records=self._folder.processes,
                    logs=self._folder.logs,
                    # Nothing of the caller's: no proxy, no ~/.kwok, no setting of Go's changes how it runs.
                    environ={"HOME": str(self._folder.root), "PATH": "/usr/bin:/bin"},
                )
            )

    def _wait(self, what: str, needed: Sequence[str], ask: Callable[[], bool]) -> None:
        """Until *ask* says yes; ClusterError once a *needed* program has ended, or after two minutes."""

        def look() -> bool | None:
            if ask():
                return True
            known = processes.recorded(self._folder.processes)
            for name in needed:
                if name in known and not processes.is_alive(known[name]):
                    raise self._failure("it ended by itself", name)
            elapsed = self._clock.monotonic() - self._began
            self._progress(Step(f"starting sandbox {self._name}, waiting for the {what}", elapsed))
            return None

        if poll(look, clock=self._clock, timeout=_LIMIT) is None:
            raise self._failure(f"the {what} did not become ready within {_LIMIT:.0f} s", needed[-1])

    def _failure(self, fact: str, program: str) -> ClusterError:
        log = self._folder.logs / f"{program}.log"
        said = processes.last_words(log)
        kind = PortTaken if "address already in use" in said else ClusterError
        remedy = (
            "Run inv cluster.up again; if it fails the same way, inv cluster.delete "
            f"--name {self._name} gives a fresh start"
        )
        if "no space left on device" in said:
            fact = f"{fact}, because the disk is full"
            remedy = f"Make room for {self._folder.root}, then run inv cluster.up again"
        return kind(
            f"sandbox {self._name}, {program}",
            fact,
            evidence=f"The last lines of {log} are:\n{said}\n" if said else "",
            next_step=remedy,
        )

    def _write_kubeconfigs(self, chosen: Mapping[str, int], address: str) -> None:
        context, pki = context_name(self._name), self._folder.pki
        server = f"https://{address}:{chosen[APISERVER]}"
        files = {
            control_plane.component_kubeconfig(self._folder, name): name
            for name in (CONTROLLER_MANAGER, SCHEDULER, KWOK, *self._node_clients())
        }
        for file, client in {**files, self._folder.kubeconfig: "admin"}.items():
            _write_if_changed(file, kubeconfig(context=context, server=server, pki=pki, client=client))

    def _write_kwok_config(self) -> bool:
        """Write what kwok is told; whether that differs from what a running kwok has read."""
        documents = [control_plane.kwok_configuration(), *stages.standard(self._tools.stages)]
        told = stages.written(documents)
        changed = _write_if_changed(self._folder.stages / "standard.yaml", told)
        digest = "\n".join(f"{file.name}\n{file.read_text()}" for file in _extra(self._folder))
        return _write_if_changed(self._folder.extra_stages / "told", digest) or changed


def _write_if_changed(file: Path, text: str) -> bool:
    if file.exists() and file.read_text() == text:
        return False
    write_private(file, text)
    return True


def _extra(folder: StateFolder) -> list[Path]:
    return sorted(folder.extra_stages.glob("*.yaml"))


def _keep_extra_stages(folder: StateFolder, files: Sequence[Path]) -> None:
    """Copy the caller's stage files into the state folder, in their order, instead of those kept before."""
    import yaml

    texts = []
    for file in files:
        try:
            text = file.read_text()
            list(yaml.safe_load_all(text))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"stage file {file}", f"cannot be read: {error}") from error
        texts.append(text)
    shutil.rmtree(folder.extra_stages)
    folder.extra_stages.mkdir(mode=0o700)
    for number, text in enumerate(texts):
        write_private(folder.extra_stages / f"{number:03}.yaml", text)
