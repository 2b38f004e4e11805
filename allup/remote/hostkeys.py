"""Host keys: which ones are known for a host, which one it shows, and accepting one a person has compared.

OpenSSH's own ``ssh-keygen`` and ``ssh-keyscan`` read and write the formats; a scan proves nothing by itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from allup.commands import Command, Runner
from allup.errors import AllupError, InputError
from allup.remote.openssh import Configuration


@dataclass(frozen=True)
class HostKey:
    """One key: its type, base64, and how a line of known_hosts marks it (``@revoked``, ``""``)."""

    type: str
    base64: str
    marker: str = ""


@dataclass(frozen=True)
class Shown:
    """A key that a host showed, as a line of known_hosts and as people compare it."""

    line: str
    fingerprint: str
    type: str

    def __str__(self) -> str:
        return f"{self.fingerprint} ({self.type})"


def found_in(printed: str) -> list[HostKey]:
    """The keys of the lines that ``ssh-keygen -F`` printed."""
    keys = []
    for line in printed.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        if len(words) >= 3:
            keys.append(HostKey(words[1], words[2], marker))
    return keys


def known(here: Runner, configuration: Configuration, files: Sequence[str]) -> list[HostKey]:
    """The keys of the host in *files*, under the first of its names that has any."""
    for name in configuration.key_names:
        found: list[HostKey] = []
        for file in files:
            path = os.path.expanduser(file)
            if os.path.exists(path):
                found += found_in(here(Command(("ssh-keygen", "-F", name, "-f", path), patience=10)).out)
        if found:
            return found
    return []


def scan(here: Runner, configuration: Configuration) -> list[Shown]:
    """The keys that the host shows now, the best type first; empty when none could be had."""
    asked = Command(
        (
            *("ssh-keyscan", "-T", "5", "-p", str(configuration.port)),
            *("-t", "ed25519,ecdsa,rsa", configuration.hostname),
        ),
        patience=20,
    )
    lines = [line for line in here(asked).out.splitlines() if len(line.split()) == 3]
    order = {"ssh-ed25519": 0, "ssh-rsa": 2}
    shown = []
    for line in sorted(lines, key=lambda line: order.get(line.split()[1], 1)):
        told = here(Command(("ssh-keygen", "-lf", "-"), stdin=line + "\n", patience=10)).out.split()
        if len(told) > 1:
            shown.append(Shown(line, told[1], line.split()[1]))
    return shown


def accept(file: Path, configuration: Configuration, shown: Shown) -> None:
    """Writes the key under the host's first name into our file; the person's own are only read."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _, kind, key = shown.line.split()
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(f"{configuration.key_names[0]} {kind} {key}\n")


def refuse_unknown(host: str, shown: Sequence[Shown], proxied: bool) -> AllupError:
    """What is said where nobody can be asked, with the command that accepts the key."""
    if not shown:
        how = " through its jump host" if proxied else ""
        return InputError(
            f"host {host}",
            f"its host key is not known, and could not be asked for{how}",
            next_step=f"Log in once with ssh {host}, compare the key it shows, and accept it there",
        )
    first = shown[0]
    return InputError(
        f"host {host}",
        f"its host key is not known, and nobody is there to compare it: {first}",
        next_step=f"If its administrator tells the same: inv remote.up {host} --host-key {first.fingerprint}",
    )
