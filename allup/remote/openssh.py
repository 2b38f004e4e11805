"""The ``ssh`` program (OpenSSH 8.4 and newer): its command lines, effective configuration, complaints.

Pure. The options are ssh_config(5)'s; what it says was read from OpenSSH 9.2, and only short stable parts of
it are looked for.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from allup.commands import Command
from allup.errors import AllupError, ClusterError
from allup.remote.naming import Address

CONNECT_SECONDS = 5
"""How long a connection may take to be made."""
ALIVE_INTERVAL, ALIVE_COUNT = 1, 3
"""A dead link ends a connection after interval x (count + 1) seconds."""
LONGEST_CONTROL_PATH = 86
"""ssh adds 17 characters while it binds its control socket, and macOS takes 104 in all."""


@dataclass(frozen=True)
class Way:
    """How to get to a host: its address, a configuration file instead of the person's own (``""``: theirs),
    and the file of host keys that were accepted here."""

    address: Address
    config: str = ""
    accepted_keys: str = ""

    @property
    def _where(self) -> tuple[str, ...]:
        config = ("-F", self.config) if self.config else ()
        user = ("-l", self.address.user) if self.address.user else ()
        port = ("-p", str(self.address.port)) if self.address.port else ()
        return (*config, *user, *port)

    def ssh(self, *words: str, known_hosts: Sequence[str]) -> tuple[str, ...]:
        """``ssh`` with what every connection has, then *words*. No question is ever asked, and a host key is
        refused unless it is in *known_hosts* or accepted here, whatever the configuration says."""
        return ("ssh", *self._where, *_pairs(self.settings(known_hosts)), *words)

    def settings(self, known_hosts: Sequence[str]) -> Mapping[str, str]:
        """The settings of every connection."""
        files = [file for file in (self.accepted_keys, *known_hosts) if file]
        return {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "ConnectTimeout": str(CONNECT_SECONDS),
            "ServerAliveInterval": str(ALIVE_INTERVAL),
            "ServerAliveCountMax": str(ALIVE_COUNT),
            "UserKnownHostsFile": " ".join(f'"{file}"' if " " in file else file for file in files) or "none",
        }

    def ask_configuration(self) -> Command:
        """What ssh's configuration comes to for this host (``ssh -G``); connects to nothing."""
        return Command(("ssh", *self._where, "-G", self.address.host), patience=10)

    def try_login(self, known_hosts: Sequence[str]) -> Command:
        """A login that does nothing, with a deadline: ConnectTimeout does not cover a silent server."""
        return Command(
            (
                *self.ssh("-T", "-o", "ClearAllForwardings=yes", known_hosts=known_hosts),
                self.address.host,
                "true",
            ),
            patience=CONNECT_SECONDS * 3,
        )

    def master(
        self, socket: str, forwards: Sequence[str], known_hosts: Sequence[str], bind: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """The connection that carries *forwards* (``-L``'s words) and answers on its control socket."""
        settings = {
            "ControlMaster": "yes",
            "ControlPath": socket,
            "ControlPersist": "no",
            "ExitOnForwardFailure": "yes",
            "StreamLocalBindUnlink": "yes",
        }
        lines = [word for forward in forwards for word in ("-L", forward)]
        return (
            *self.ssh("-N", "-T", *bind, *_pairs(settings), *lines, known_hosts=known_hosts),
            self.address.host,
        )


def control(socket: str, order: str) -> Command:
    """An order to the connection behind a control socket: ``check`` or ``exit``."""
    return Command(("ssh", "-F", "none", "-o", f"ControlPath={socket}", "-O", order, "allup"), patience=3)


def over(socket: str, *command: str, patience: float) -> Command:
    """A command on the host through the connection that is there, and never through another."""
    return Command(("ssh", "-F", "none", "-T", *_pairs(_only(socket)), "allup", *command), patience=patience)


def held(socket: str, command: Sequence[str]) -> tuple[str, ...]:
    """The same for a command that is held: the end of its terminal takes it along (SIGHUP)."""
    return ("ssh", "-F", "none", "-tt", *_pairs(_only(socket)), "allup", "--", shlex.join(command))


def _only(socket: str) -> Mapping[str, str]:
    # ProxyCommand=false: without the socket's connection there is none, instead of one to a host "allup".
    return {"ControlPath": socket, "ControlMaster": "no", "ProxyCommand": "false", "BatchMode": "yes"}


def _pairs(settings: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(word for key, value in settings.items() for word in ("-o", f"{key}={value}"))


@dataclass(frozen=True)
class Configuration:
    """What ``ssh -G`` says of a host."""

    hostname: str
    user: str
    port: int
    identity_files: tuple[str, ...]
    known_hosts: tuple[str, ...]
    key_alias: str
    proxy_jump: str
    proxy_command: str
    identities_only: bool

    @property
    def key_names(self) -> tuple[str, ...]:
        """Under what names its key may be known, as ssh looks: a port of its own first."""
        name = self.key_alias or self.hostname
        return (name,) if self.port == 22 or self.key_alias else (f"[{name}]:{self.port}", name)


def read_configuration(text: str) -> Configuration:
    """Reads what ``ssh -G`` printed. Raises ValueError when it is something else."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key, []).append(value)
    if not {"hostname", "user", "port"} <= found.keys():
        raise ValueError("no answer of ssh -G")

    def one(key: str) -> str:
        value = found.get(key, [""])[0]
        return "" if value == "none" else value

    files = [
        *found.get("userknownhostsfile", [""])[0].split(),
        *found.get("globalknownhostsfile", [""])[0].split(),
    ]
    return Configuration(
        hostname=one("hostname"),
        user=one("user"),
        port=int(one("port")),
        identity_files=tuple(found.get("identityfile", ())),
        known_hosts=tuple(
            dict.fromkeys(file.strip('"') for file in files if file not in ("none", "/dev/null"))
        ),
        key_alias=one("hostkeyalias"),
        proxy_jump=one("proxyjump"),
        proxy_command=one("proxycommand"),
        identities_only=one("identitiesonly") == "yes",
    )


_MEANINGS: Sequence[tuple[str, str, str]] = (
    (
        r"HAS CHANGED",
        "it shows another host key than the one that is known",
        (
            "If the host was set up anew, remove the old key with ssh-keygen -R, and compare the new one "
            "with what its administrator tells; if not, somebody stands in between"
        ),
    ),
    (
        r"Host key verification failed|No \S+ host key is known",
        "its host key is not known",
        "See it, and accept it if it is right, with inv remote.up {host} on a terminal",
    ),
    (
        r"Permission denied|Too many authentication failures|no such identity",
        "it does not accept our key",
        (
            "Does ssh {host} true log in without a question? If not: ssh-copy-id {host}, or load the key "
            "with ssh-add"
        ),
    ),
    (r"Connection refused", "nothing listens there: no sshd runs, or it has another port", ""),
    (
        r"Could not resolve hostname",
        "no such host: its name leads to no address",
        "Is the name right, and is a VPN needed?",
    ),
    (
        r"timed out|not responding|No route to host|Network is unreachable|Host is down",
        "it does not answer",
        "Is it switched on, and is a VPN needed?",
    ),
    (r"closed by remote host|Connection closed|Connection reset", "it closed the connection", ""),
    (r"Bad configuration option|Unsupported option", "ssh does not understand its configuration", ""),
    (r"too long for Unix domain socket", "the path of the control socket is too long", ""),
)


def explain(said: str, host: str) -> AllupError:
    """What ssh's last words mean, for *host* as a person calls it."""
    for pattern, fact, next_step in _MEANINGS:
        if re.search(pattern, said, re.I):
            return ClusterError(
                f"host {host}", fact, evidence=_evidence(said), next_step=next_step.format(host=host)
            )
    return ClusterError(f"host {host}", "ssh could not log in", evidence=_evidence(said))


def _evidence(said: str) -> str:
    """The telling lines: no banner, no frame of at-signs, no warning about what was added."""
    lines = [" ".join(line.split()) for line in said.splitlines()]
    fingerprint = [line for line in lines if re.match(r"(SHA256|MD5):", line)]
    offending = [line for line in lines if line.startswith("Offending ")]
    if fingerprint:
        shown = [f"It shows {fingerprint[0].rstrip('.')}", *offending]
        return "; ".join(shown)
    telling = [line for line in lines if line and not line.startswith(("@", "Warning:"))]
    return f"ssh says: {telling[-1][:300]}" if telling else ""
