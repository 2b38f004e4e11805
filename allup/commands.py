"""Commands as data, and the one place that runs them on this machine.

A secret is never in *argv*: it goes in by *stdin*, or in a file that only its owner may read.

What builds commands and reads their answers does not know where they run: it is given a Runner, which is
``Here`` for this machine and another one for a host behind SSH.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, BinaryIO, Protocol

from allup.errors import AllupError, InputError

PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "buildah": "buildah",
    "docker": "docker.io",
    "docker-registry": "docker-registry",
    "git": "git",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "ssh-keyscan": "openssh-client",
    "sshfs": "sshfs",
}
"""The Debian package of a program."""


@dataclass(frozen=True)
class Command:
    """What is run. *environ* is put over the environment, None takes a variable away. *patience* is how many
    seconds it may take, None for as long as it likes."""

    argv: tuple[str, ...]
    stdin: str = field(default="", repr=False)
    environ: Mapping[str, str | None] = field(default_factory=dict)
    patience: float | None = None

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


Heard = Callable[[str], None]
"""Is given each line that a command prints, without its end."""


class NoProgram(AllupError):
    """There is no such program on the machine's PATH."""


class Runner(Protocol):
    """Runs commands on one machine: *argv* in; exit code, standard output and standard error out.

    Raises NoProgram when there is none of that name there, AllupError when its patience has run out or that
    machine cannot be reached; an exit code that is not 0 is an answer. *heard* may get the lines late, never
    twice.
    """

    def __call__(self, command: Command, heard: Heard | None = None) -> Ended: ...


@dataclass(frozen=True)
class Here:
    """The Runner of this machine."""

    environ: Mapping[str, str]

    def __call__(self, command: Command, heard: Heard | None = None) -> Ended:
        return run(command, self.environ, heard)


def which(program: str, environ: Mapping[str, str]) -> str:
    """The program's path; raises NoProgram with the command that installs it."""
    found = shutil.which(program, path=environ.get("PATH"))
    if found is None:
        package = PACKAGES.get(program)
        raise NoProgram(
            program,
            "is not on this machine's PATH",
            next_step=f"On Debian: apt-get install -y {package}" if package else "",
        )
    return found


def run(command: Command, environ: Mapping[str, str], heard: Heard | None = None) -> Ended:
    """Runs it and keeps what it prints; each line is also *heard* as it comes, from a thread of its own.

    Raises NoProgram, or AllupError when its patience has run out and it was ended.
    """
    path = which(command.argv[0], environ)
    process = subprocess.Popen(
        [path, *command.argv[1:]],
        env=_environ(command, environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    with process:
        try:
            out, err = _gathered(process, command, heard)
        except subprocess.TimeoutExpired:
            _end(process)
            fact = f"did not end within {command.patience:g} s and was stopped"
            raise AllupError(shlex.join(command.argv[:4]), fact) from None
        except BaseException:
            _end(process)
            raise
    return Ended(process.returncode, out, err)


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


def _gathered(process: subprocess.Popen[str], command: Command, heard: Heard | None) -> tuple[str, str]:
    if heard is None:
        return process.communicate(command.stdin, timeout=command.patience)
    kept: tuple[list[str], list[str]] = ([], [])
    readers = [
        threading.Thread(target=_read, args=(stream, lines, heard), daemon=True)
        for stream, lines in zip((process.stdout, process.stderr), kept, strict=True)
    ]
    for reader in readers:
        reader.start()
    if process.stdin is not None:
        try:
            process.stdin.write(command.stdin)
            process.stdin.close()
        except BrokenPipeError:
            pass
    process.wait(command.patience)
    for reader in readers:
        reader.join()
    return "".join(kept[0]), "".join(kept[1])


def _read(stream: IO[str], lines: list[str], heard: Heard) -> None:
    for line in stream:
        lines.append(line)
        heard(line.rstrip("\r\n"))


def _end(process: subprocess.Popen[str]) -> None:
    """Politely, so that minikube and kind can clear away what they began; then not."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
