"""Goes and gets the facts, and has them judged. Only reads, except that it asks for access reviews.

In order: the machine, docker, then the cluster: its kubeconfig, credentials, connection, what it is asked.
What cannot be asked any more after a failure is left out, and the failure says why.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from allup.cluster import streams
from allup.cluster.connect import Entry, connect, entry, server_version
from allup.cluster.discovery import Discovery
from allup.cluster.requests import Api
from allup.commands import Command, Ended, NoProgram, Runner
from allup.daily.reaching import addresses
from allup.doctor import access, hosts, machine, plugin, server
from allup.errors import AllupError, ApiError
from allup.fields import section
from allup.providers.tools import numbers
from allup.redaction import Redactor
from allup.refs import GroupKind
from allup.sandbox.doctor import Finding
from allup.target import Target

Object = Mapping[str, Any]
_PATIENCE = 20.0
_MOST_HOSTS = 5
_VERSION: Mapping[str, tuple[str, ...]] = {
    "docker": ("docker", "--version"),
    "kind": ("kind", "version", "-q"),
    "minikube": ("minikube", "version", "--short"),
    "kubectl": ("kubectl", "version", "--client"),
    "git": ("git", "--version"),
    "ssh": ("ssh", "-V"),
    "sshfs": ("sshfs", "--version"),
}


@dataclass(frozen=True)
class Wants:
    """What a platform is going to ask of the cluster: its name, namespace, and the kinds of its objects."""

    platform: str
    namespace: str
    kinds: frozenset[GroupKind]


def resolve(host: str) -> Sequence[str]:
    """The addresses of *host* on this machine; none when it has none."""
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None)})
    except OSError:
        return ()


@dataclass(frozen=True)
class Doctor:
    """Looks around on this machine and in one cluster. *now* is the clock that is judged."""

    runner: Runner
    environ: Mapping[str, str]
    platform: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    resolve: Callable[[str], Sequence[str]] = resolve

    # ── this machine ─────────────────────────────────────────────────────────────────────────────────

    def machine(self) -> list[Finding]:
        """Programs, docker's engine and log-ins."""
        versions = self._versions()
        found = machine.programs({name: _short(name, said) for name, said in versions.items()}, self.platform)
        if "docker" in versions:
            ended = self._ask("docker", "version", "--format", "{{.Server.Version}}")
            said = ended.out.strip() if ended.code == 0 else ended.last_words
            found.append(machine.engine(ended.code, said))
        folder = Path(self.environ.get("DOCKER_CONFIG") or Path(self._home) / ".docker")
        config = _read(folder / "config.json")
        helpers = [
            name.removeprefix("docker-credential-")
            for part in self.environ.get("PATH", "").split(os.pathsep)
            for name in _names(Path(part))
            if name.startswith("docker-credential-")
        ]
        return [*found, machine.log_ins(config, self.platform, helpers)]

    # ── the cluster ──────────────────────────────────────────────────────────────────────────────────

    def cluster(self, target: Target, wants: Wants | None) -> Iterator[Finding]:
        """The way to the cluster and the cluster itself; never raises for what it finds."""
        try:
            found = entry(target.kubeconfig, target.context)
            mode = stat.S_IMODE(found.file.stat().st_mode)
        except (AllupError, OSError) as error:
            yield _failed("kubeconfig", error)
            return
        yield machine.kubeconfig(found, mode)
        credentials = list(self._credentials(found))
        yield from credentials
        if any(finding.state == "fail" for finding in credentials):
            return
        try:
            api = connect(
                target.kubeconfig, target.context, redactor=Redactor(), stop=threading.Event(), patience=2.0
            )
            version = server_version(api)
        except AllupError as error:
            yield _failed("server", error)
            yield from self._routes(found, (), local=bool(target.sandbox or target.provider))
            return
        yield from self._connected(api, target, found, version, wants)

    def _credentials(self, found: Entry) -> Iterator[Finding]:
        certificate = machine.certificate(found, self.now())
        if certificate is not None:
            yield certificate
        spec = found.user.get("exec")
        if isinstance(spec, Mapping):
            asked = plugin.Plugin(spec, found.file.parent, found.cluster)
            try:
                ended = self.runner(asked.command())
            except NoProgram:
                yield plugin.missing(asked, self.platform)
            except AllupError as error:
                yield _failed(plugin.NAME, error)
            else:
                yield plugin.judge(asked, ended, self.now())

    def _connected(
        self, api: Api, target: Target, found: Entry, version: str, wants: Wants | None
    ) -> Iterator[Finding]:
        who = _who(api)
        if who == "system:anonymous":
            remedy = "Renew your login; the server takes no credential of this kubeconfig"
            yield Finding(plugin.NAME, "fail", "the server takes us for system:anonymous", remedy)
            return
        nodes = _listed(api, "/api/v1/nodes") or ()
        simulated = bool(nodes) and all(
            section(node, "metadata", "labels").get("type") == "kwok" for node in nodes
        )
        kubectl = self._versions(only=("kubectl",)).get("kubectl", "")
        yield server.versions(version, nodes, _short("kubectl", kubectl))
        before = self.now()
        try:
            date = api.date(timeout=_PATIENCE)
        except AllupError:
            date = ""
        yield server.clock(date, before, self.now())
        yield server.nodes(nodes)
        yield server.storage(_listed(api, "/apis/storage.k8s.io/v1/storageclasses"))
        yield server.metrics(_status(api, "/apis/metrics.k8s.io/v1beta1/nodes"))
        yield server.ingress_classes(_listed(api, "/apis/networking.k8s.io/v1/ingressclasses"))
        pods, events = _listed(api, "/api/v1/pods") or (), _listed(api, "/api/v1/events")
        volumes = _listed(api, "/api/v1/persistentvolumes") or ()
        yield server.pulls(events, self.now(), simulated=simulated)
        yield server.nfs(pods, volumes, events or (), simulated=simulated)
        local = bool(target.sandbox or target.provider)
        reached = () if simulated else tuple(addresses(nodes))
        yield from self._routes(found, reached, local=local)
        yield from self._hosts(api, reached, () if simulated else pods)
        if wants is not None:
            yield _permitted(api, who, wants)

    def _routes(self, found: Entry, node_addresses: Sequence[str], *, local: bool) -> Iterator[Finding]:
        host = urlsplit(str(found.cluster.get("server") or "")).hostname or ""
        wanted = [a for h in (host, *(node_addresses if local else ())) for a in self._addresses(h)]
        if not wanted:
            return
        words = ("ip", "-o", "route", "get") if self.platform.startswith("linux") else ("route", "-n", "get")
        devices = {}
        for address in dict.fromkeys(wanted):
            device = machine.device(self._ask(*words, address).out)
            if device:
                devices[address] = device
        yield machine.routes(devices, local=local)

    def _addresses(self, host: str) -> Sequence[str]:
        """Those of *host* that a route leads to: loopback goes nowhere."""
        found = [host] if _is_address(host) else self.resolve(host)
        return [address for address in found if not ipaddress.ip_address(address).is_loopback]

    def _hosts(self, api: Api, node_addresses: Sequence[str], pods: Sequence[Object]) -> Iterator[Finding]:
        ingresses = _listed(api, "/apis/networking.k8s.io/v1/ingresses") or ()
        ours = "app.kubernetes.io/managed-by"
        asked = next(
            (
                pod
                for pod in pods
                if section(pod, "metadata", "labels").get(ours) == "allup"
                and section(pod, "status").get("phase") == "Running"
            ),
            None,
        )
        for host, expected in list(hosts.of(ingresses).items())[:_MOST_HOSTS]:
            yield hosts.here(host, expected, self.resolve(host), node_addresses)
            if asked is None:
                yield hosts.in_pods(host, "", None, "")
                continue
            meta = asked["metadata"]
            try:
                result = streams.execute(api, meta["namespace"], meta["name"], ("getent", "hosts", host))
                yield hosts.in_pods(host, meta["name"], result.exit_code, result.stdout)
            except (AllupError, OSError):
                yield hosts.in_pods(host, meta["name"], None, "")

    # ── asking this machine ──────────────────────────────────────────────────────────────────────────

    @property
    def _home(self) -> str:
        return self.environ.get("HOME") or str(Path.home())

    def _versions(self, only: Sequence[str] = tuple(_VERSION)) -> dict[str, str]:
        found = {}
        for name in only:
            try:
                ended = self.runner(Command(_VERSION[name], patience=_PATIENCE))
            except NoProgram:
                continue
            except AllupError:
                ended = Ended(1, "", "")
            found[name] = ended.out or ended.err
        return found

    def _ask(self, *words: str) -> Ended:
        try:
            return self.runner(Command(words, patience=_PATIENCE))
        except AllupError as error:
            return Ended(127, "", error.fact)


def _permitted(api: Api, who: str, wants: Wants) -> Finding:
    discovery = Discovery(api)
    kinds = []
    for kind in sorted(wants.kinds, key=str):
        resource = discovery.find(kind.group, kind.kind)
        if resource is not None:
            kinds.append((kind.group, resource.plural, resource.namespaced))
    asked = access.needs(kinds, wants.namespace)
    try:
        if _allowed(api, access.EVERYTHING):
            return access.judge(who, wants.platform, asked, ())
        refused = [need for need in asked if not _allowed(api, need)]
    except AllupError as error:
        return Finding(access.NAME, "unknown", f"the server answers no access review ({error.fact})")
    return access.judge(who, wants.platform, asked, refused)


def _allowed(api: Api, need: access.Need) -> bool:
    answer = api.request("POST", access.PATH, body=need.review(), checked=True, fenced=False)[1]
    return bool(section(answer, "status").get("allowed"))


def _who(api: Api) -> str:
    """The user that the server takes us for, ``this user`` when it does not tell (before 1.28)."""
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        answer = api.request("POST", path, body=body, checked=True, fenced=False)[1]
    except ApiError as error:
        # Whoever is not even authenticated may not ask who he is.
        return "system:anonymous" if "system:anonymous" in str(error) else "this user"
    except AllupError:
        return "this user"
    return str(section(answer, "status", "userInfo").get("username") or "this user")


def _listed(api: Api, path: str) -> Sequence[Object] | None:
    """The objects at *path*; None when they may not be listed, none when there is no such kind."""
    try:
        found: Sequence[Object] = api.get(path)["items"]
    except ApiError as error:
        return () if error.status == 404 else None
    except AllupError:
        return None
    return found


def _status(api: Api, path: str) -> int:
    try:
        return api.fetch(path, timeout=_PATIENCE)[0]
    except AllupError:
        return 503


def _failed(name: str, error: Exception) -> Finding:
    if not isinstance(error, AllupError):
        return Finding(name, "fail", str(error))
    fact = " ".join(part for part in (f"{error.subject}: {error.fact}.", error.evidence) if part)
    return Finding(name, "fail", fact, error.next_step)


def _short(name: str, said: str) -> str:
    """The version in what a program says of itself, which may name those of its libraries too."""
    _, found, rest = said.lower().partition(name)
    return ".".join(map(str, numbers(rest if found else said)))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _names(folder: Path) -> Sequence[str]:
    try:
        return [file.name for file in folder.iterdir()]
    except OSError:
        return ()
