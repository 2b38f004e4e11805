"""``remote.up``: from a host's name to a cluster that is usable here, and back again when that fails."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from allup.commands import Here
from allup.daily import portowners
from allup.errors import AllupError, InputError
from allup.providers.interface import Wanted
from allup.redaction import Redactor
from allup.remote import (
    account,
    configs,
    credentials,
    far_minikube,
    keeping,
    naming,
    ports,
    probes,
    taking_down,
)
from allup.remote.far_minikube import FarMinikube, Node
from allup.remote.login import Login, Trust, log_in
from allup.remote.naming import Address
from allup.remote.openssh import Way
from allup.remote.ports import PortWish
from allup.remote.record import Folder, Forward, Remote
from allup.sandbox.clock import SystemClock
from allup.sandbox.locks import file_lock
from allup.sandbox.paths import write_private
from allup.sandbox.ports import is_free

DockerWay = Literal["auto", "tls", "socket", "open", "none"]
DOCKER_WAYS: tuple[DockerWay, ...] = ("auto", "tls", "socket", "open", "none")
_LOCK_SECONDS = 30.0


@dataclass(frozen=True)
class Asked:
    """What ``remote.up`` was asked for; what it was not is None or empty (see ``completed``).

    *api_port* and *docker_port* None: the one of last time, or any free one. *node_ports* are pairs of a
    local port and the node's. *life* is in seconds. *mount* is ``SOURCE:TARGET``, a folder of the host and
    where the node sees it.
    """

    address: Address
    profile: str = "minikube"
    name: str = ""
    ssh_config: str = ""
    minikube: str = ""
    api_port: int | None = None
    docker: DockerWay | None = None
    docker_port: int | None = None
    node_ports: tuple[tuple[int, int], ...] = ()
    role: str = ""
    life: int = 0
    mount: str = ""
    wanted: Wanted = Wanted()  # noqa: RUF009  # frozen


def completed(asked: Asked, before: Remote | None) -> Asked:
    """What is left open is as it was the last time, so that an up without flags mends; else the default."""
    if before is None:
        before = Remote("", "", "", docker="auto")
    ports_before = tuple(
        (one.port, int(one.target.rpartition(":")[2])) for one in before.forwards if one.purpose == "nodeport"
    )
    docker: DockerWay = next((way for way in DOCKER_WAYS if way == before.docker), "none")
    return replace(
        asked,
        ssh_config=asked.ssh_config or before.ssh_config,
        minikube=asked.minikube or before.minikube,
        docker=asked.docker or docker,
        node_ports=asked.node_ports or ports_before,
        role=asked.role or before.role,
        life=asked.life or before.life,
        mount=asked.mount or before.mount,
    )


def up(
    asked: Asked,
    home: Path,
    environ: Mapping[str, str],
    *,
    trust: Trust,
    told: Callable[[str], None],
    redactor: Redactor,
) -> tuple[Folder, Remote]:
    """Makes the Minikube usable from here; what is right already is left alone. Raises AllupError.

    When it fails, what this call made is taken back; a remote that was there before stays as it was.
    """
    naming.valid_profile(asked.profile)
    name = asked.name or naming.name_of(asked.address, asked.profile)
    folder = Folder(home / naming.valid_name(name), environ)
    with file_lock(folder.lock, clock=SystemClock(), timeout=_LOCK_SECONDS, doing=f"remote {name}"):
        before = folder.read()
        _refuse_another(before, asked, name)
        asked = completed(asked, before)
        _check(asked)
        with _taken_back_on_failure(folder, before, redactor):
            folder.make()
            way = Way(asked.address, asked.ssh_config, str(folder.accepted_keys))
            told(f"logging in to {asked.address}")
            login = log_in(way, Here(environ), dict(environ), trust)
            with login.connected() as run:
                far = FarMinikube(run, asked.profile, asked.minikube, far_minikube.look_around(run))
                remote = _with_host(asked, folder, before, login, far, told, name)
                _tunnels(folder, before, remote, environ, told)
                _credentials(folder, before, remote, far, told, redactor)
        return folder, remote


def _check(asked: Asked) -> None:
    if asked.life < account.SHORTEST:
        raise InputError(
            "--token-life", f"{asked.life} s is too short: the API server gives 10 minutes at least"
        )
    source, colon, target = asked.mount.partition(":")
    if asked.mount and not (colon and source.startswith("/") and target.startswith("/")):
        raise InputError("--mount", f"{asked.mount!r} is not understood", next_step="Write /SOURCE:/TARGET")


def _refuse_another(before: Remote | None, asked: Asked, name: str) -> None:
    if before is not None and (before.host, before.profile) != (str(asked.address), asked.profile):
        raise InputError(
            f"remote {name}",
            f"is profile {before.profile} on {before.host} already",
            next_step="Choose another name with --name, or take that one down with inv remote.down",
        )


@contextmanager
def _taken_back_on_failure(folder: Folder, before: Remote | None, redactor: Redactor) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if before is None:
            taking_down.abandon(folder, redactor)
        raise


def _with_host(
    asked: Asked,
    folder: Folder,
    before: Remote | None,
    login: Login,
    far: FarMinikube,
    told: Callable[[str], None],
    name: str,
) -> Remote:
    """The profile runs, and what is to be remembered of it."""
    far.check()
    source, _, target = asked.mount.partition(":")
    fresh = bool(asked.mount) and not far.exists()
    bound = fresh and asked.wanted.driver in (None, "docker", "podman")
    began = far.ensure(replace(asked.wanted, mount=asked.mount) if bound else asked.wanted, told)
    node = far.node()
    docker = docker_way(asked.docker or "auto", node)
    # In a container the folder was bound when it was made; on the bare host it is simply there.
    held = bool(asked.mount) and not node.on_the_host and not (bound and node.in_a_container)
    if before is not None and before.mount == asked.mount:
        held = bool(before.held)
    kept = before.forwards if before else ()
    return Remote(
        name=name,
        host=str(asked.address),
        profile=asked.profile,
        ssh_config=asked.ssh_config,
        known_hosts=login.configuration.known_hosts,
        minikube=asked.minikube,
        home=far.around.home,
        driver=node.driver,
        node=node.address,
        version=node.version,
        role=asked.role,
        account=account.account_name(socket.gethostname(), str(folder.root)),
        life=asked.life,
        docker=docker,
        mount=asked.mount,
        began=began or (before is not None and before.began),
        forwards=_forwards(asked, folder, far, node, docker, kept),
        held=(far.mount_words(source, target),) if held else (),
        mounts=before.mounts if before else (),
    )


def docker_way(asked: DockerWay, node: Node) -> str:
    """How the Docker daemon is reached: as asked; on ``auto`` safely, and not at all where there is none."""
    if asked == "none" or (asked == "auto" and node.runtime not in ("docker", "")):
        return ""
    if asked != "auto":
        return asked
    return "socket" if node.on_the_host else "tls"


def _forwards(
    asked: Asked, folder: Folder, far: FarMinikube, node: Node, docker: str, kept: tuple[Forward, ...]
) -> tuple[Forward, ...]:
    wishes = [PortWish("api", f"{node.address}:{node.api_port}", asked.api_port, "--api-port")]
    if docker in ("tls", "open"):
        target = far.docker()[0] if docker == "tls" else f"{node.address}:{far_minikube.OPEN_DOCKER_PORT}"
        wishes.append(PortWish("docker", target, asked.docker_port, "--docker-port"))
    wishes += [
        PortWish("nodeport", f"{node.address}:{port}", local, "--node-port LOCAL:PORT")
        for local, port in asked.node_ports
    ]
    found = ports.settle(wishes, kept, is_free, portowners.owner)
    if docker == "socket":
        return (*found, Forward("docker", folder.docker_socket, far_minikube.DOCKER_SOCKET))
    return found


def _tunnels(
    folder: Folder,
    before: Remote | None,
    remote: Remote,
    environ: Mapping[str, str],
    told: Callable[[str], None],
) -> None:
    """Opens them, unless they are open and lead where they should."""
    if before is not None and _same_tunnels(before, remote) and keeping.find(folder) is not None:
        folder.write(remote)
        return
    told("opening the tunnels")
    keeping.end(folder)
    folder.write(remote)
    keeping.start(folder, remote, environ)


def _same_tunnels(one: Remote, other: Remote) -> bool:
    names = ("host", "ssh_config", "known_hosts", "forwards", "held", "account", "life", "role", "minikube")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _credentials(
    folder: Folder,
    before: Remote | None,
    remote: Remote,
    far: FarMinikube,
    told: Callable[[str], None],
    redactor: Redactor,
) -> None:
    """The certificate authority, an account with a role, a token, and the files that use them."""
    if before is not None and before == remote and _token_is_good(folder, remote):
        return
    told("asking for a token")
    write_private(folder.authority, far.authority())
    if remote.docker == "tls":
        folder.docker.mkdir(mode=0o700, exist_ok=True)
        for name, content in far.docker_files(far.docker()[1]).items():
            redactor.add(content)
            write_private(folder.docker / name, content)
    with credentials.as_administrator(far, remote, folder, redactor) as objects:
        try:
            account.establish(objects, remote.account, remote.role)
            credentials.issue(objects, remote, folder)
        except BaseException:
            if before is None:
                account.abolish(objects, remote.account)
            raise
    api = remote.forward("api")
    if api is None:
        raise AllupError(f"remote {remote.name}", "has no tunnel to its API server")
    write_private(folder.kubeconfig, configs.kubeconfig(remote, folder, api))
    write_private(folder.cluster_file, configs.cluster_file(remote, folder))


def _token_is_good(folder: Folder, remote: Remote) -> bool:
    """Whether the API server takes the token that is there."""
    try:
        probes.api(remote, folder)
    except AllupError:
        return False
    return True
