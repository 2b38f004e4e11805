"""Commands as data, and the one place that runs them.

A secret is never in *argv*: it goes in by *stdin*, or in a file that only its owner may read.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from allup.errors import AllupError, InputError

PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "buildah": "buildah",
    "docker": "docker.io",
    "docker-registry": "docker-registry",
    "git": "git",
}
"""The Debian package of a program."""


@dataclass(frozen=True)
class Command:
    """What is run. *environ* is put over the environment, None takes a variable away."""

    argv: tuple[str, ...]
    stdin: str = field(default="", repr=False)
    environ: Mapping[str, str | None] = field(default_factory=dict)

    def __str__(self) -> str:
        return shlex.join(self.argv)


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def last_words(self) -> str:
        """The last lines of what it complained about, as one."""
        lines = [line.strip() for line in (self.err or self.out).splitlines() if line.strip()]
        return " ".join(lines[-3:])[-600:]


def which(program: str, environ: Mapping[str, str]) -> str:
    """The program's path; raises AllupError with the command that installs it."""
    found = shutil.which(program, path=environ.get("PATH"))
    if found is None:
        package = PACKAGES.get(program)
        raise AllupError(
            program,
            "is not on this machine's PATH",
            next_step=f"On Debian: apt-get install -y {package}" if package else "",
        )
    return found


def run(command: Command, environ: Mapping[str, str]) -> Ended:
    """Runs it and keeps what it prints. Raises AllupError only when there is no such program."""
    path = which(command.argv[0], environ)
    done = subprocess.run(
        [path, *command.argv[1:]],
        input=command.stdin,
        env=_environ(command, environ),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def must(command: Command, environ: Mapping[str, str], what: str) -> Ended:
    """The same; raises AllupError, ``<what> failed``, unless it ends with 0."""
    ended = run(command, environ)
    if ended.code:
        raise AllupError(what, f"{command.argv[0]} failed ({ended.code})", evidence=ended.last_words)
    return ended


def shown(
    command: Command, environ: Mapping[str, str], what: str, output: BinaryIO | int | None = None
) -> None:
    """Runs it where a person sees what it prints, or into *output*; raises AllupError when it fails."""
    path = which(command.argv[0], environ)
    code = subprocess.run(
        [path, *command.argv[1:]],
        input=command.stdin.encode() if command.stdin else None,
        stdin=None if command.stdin else subprocess.DEVNULL,
        stdout=output,
        env=_environ(command, environ),
        check=False,
    ).returncode
    if code:
        raise AllupError(what, f"{command.argv[0]} failed ({code}); what it said stands above")


def interactive(command: Command, environ: Mapping[str, str]) -> int:
    """Runs it on this terminal and returns its exit code."""
    path = which(command.argv[0], environ)
    return subprocess.run([path, *command.argv[1:]], env=_environ(command, environ), check=False).returncode


def folder_of(text: str, what: str) -> str:
    """An absolute path of a folder that is there; raises InputError."""
    path = os.path.abspath(os.path.expanduser(text))
    if not os.path.isdir(path):
        raise InputError(what, f"{text} is not a folder on this machine")
    return path


def _environ(command: Command, environ: Mapping[str, str]) -> dict[str, str]:
    merged: dict[str, str | None] = {**environ, **command.environ}
    return {name: value for name, value in merged.items() if value is not None}


def quoted(words: Sequence[str]) -> str:
    """As a shell would take them."""
    return shlex.join(words)
