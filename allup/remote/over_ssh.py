"""Commands on the host, through Fabric: a Runner that never asks and never hangs.

Fabric by itself loads no known host keys and accepts any key; here it gets those that ssh knows for the host,
and refuses every other. ssh's own configuration comes from ``ssh -G``, so both go to the same place.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from allup.commands import Command, Ended, Heard
from allup.errors import AllupError, ClusterError
from allup.remote.hostkeys import HostKey
from allup.remote.openssh import CONNECT_SECONDS, Configuration, Way

_PATIENCE = 60.0


class OverSsh:
    """The Runner of one host. Use ``connected``."""

    def __init__(self, connection: Any, host: str) -> None:
        self._connection = connection
        self._host = host

    def __call__(self, command: Command, heard: Heard | None = None) -> Ended:
        """Runs it there by the login shell, each word quoted. Raises AllupError as every Runner does."""
        from invoke.exceptions import CommandTimedOut, ThreadException

        patience = command.patience or _PATIENCE
        try:
            done = self._connection.run(
                shell_line(command),
                hide=True,
                warn=True,
                in_stream=io.StringIO(command.stdin) if command.stdin else False,
                out_stream=_Lines(heard),
                err_stream=_Lines(heard),
                timeout=patience,
            )
        except CommandTimedOut:
            fact = f"did not end within {patience:g} s on {self._host} and was left"
            raise AllupError(shlex.join(command.argv[:4]), fact) from None
        except ThreadException as error:
            raise ClusterError(
                f"host {self._host}", "the connection broke", evidence=str(error)[:200]
            ) from None
        except Exception as error:
            raise explained(error, self._host) from error
        if done.exited == 127:
            raise AllupError(
                f"{command.argv[0]} on {self._host}",
                "is not there, or not on the PATH of a shell without a login",
                evidence=Ended(done.exited, done.stdout, done.stderr).last_words,
            )
        return Ended(done.exited, done.stdout, done.stderr)

    def interactive(self, words: Sequence[str], *, terminal: bool) -> int:
        """Runs words there, what they print as it comes; returns their exit code, -1 after a signal.

        With a *terminal* what is typed goes there too; without one there is no input.
        """
        typed = None if terminal else False
        try:
            done = self._connection.run(shlex.join(words), pty=terminal, warn=True, in_stream=typed)
        except Exception as error:
            raise explained(error, self._host) from error
        return int(done.exited)


def shell_line(command: Command) -> str:
    """The command as one line of a shell; variables are put over the environment there, or taken away."""
    gone = [word for name, value in command.environ.items() if value is None for word in ("-u", name)]
    kept = [f"{name}={value}" for name, value in command.environ.items() if value is not None]
    before = ["env", *gone, *kept] if command.environ else []
    return shlex.join([*before, *command.argv])


@contextmanager
def connected(
    way: Way, configuration: Configuration, keys: Sequence[HostKey], environ: dict[str, str]
) -> Iterator[OverSsh]:
    """A connection of Fabric's to a host whose *keys* are known; closed in the end. Raises ClusterError."""
    import fabric.config
    import fabric.connection
    import paramiko

    make: Any = fabric.connection.Connection
    configured: Any = fabric.config.Config
    files = [os.path.expanduser(file) for file in configuration.identity_files]
    proxy = _proxy(way, configuration, environ)
    connection = make(
        configuration.hostname,
        user=configuration.user,
        port=configuration.port,
        config=configured(lazy=True, overrides={"load_ssh_configs": False}),
        connect_timeout=CONNECT_SECONDS,
        connect_kwargs={
            "key_filename": [file for file in files if os.path.exists(file)],
            "look_for_keys": False,
            "allow_agent": bool(environ.get("SSH_AUTH_SOCK")) and not configuration.identities_only,
            "banner_timeout": CONNECT_SECONDS * 2,
            "auth_timeout": CONNECT_SECONDS * 2,
            "channel_timeout": CONNECT_SECONDS,
            **({"sock": proxy.socket} if proxy else {}),
        },
    )
    client = connection.client
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    host = str(way.address)
    name = _name_for_paramiko(configuration)
    for key in keys:
        entry = paramiko.hostkeys.HostKeyEntry.from_line(f"{name} {key.type} {key.base64}")
        if not key.marker and entry is not None and entry.key is not None:
            client.get_host_keys().add(name, key.type, entry.key)
    try:
        connection.open()
    except Exception as error:
        connection.close()
        if proxy:
            proxy.close()
        raise explained(error, host) from error
    try:
        connection.transport.set_keepalive(CONNECT_SECONDS)
        yield OverSsh(connection, host)
    finally:
        connection.close()
        if proxy:
            proxy.close()


def _name_for_paramiko(configuration: Configuration) -> str:
    if configuration.port == 22:
        return configuration.hostname
    return f"[{configuration.hostname}]:{configuration.port}"


class _Proxy:
    """A command whose streams are the connection. Not paramiko's: it spins for ever when its command ends."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str]) -> None:
        self.socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                argv,
                env=dict(environ),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
            )

    def close(self) -> None:
        """Ends it."""
        self.socket.close()
        self._process.terminate()
        self._process.wait()


def _proxy(way: Way, configuration: Configuration, environ: Mapping[str, str]) -> _Proxy | None:
    """The proxy that ssh's configuration asks for, with ssh's own tokens filled in."""
    host, port = configuration.hostname, str(configuration.port)
    if configuration.proxy_command:
        tokens = {"%%": "%", "%h": host, "%p": port, "%r": configuration.user, "%n": way.address.host}
        line = re.sub("%[%hprn]", lambda found: tokens[found[0]], configuration.proxy_command)
        return _Proxy(("sh", "-c", f"exec {line}"), environ)
    if not configuration.proxy_jump:
        return None
    *before, last = configuration.proxy_jump.split(",")
    config = ("-F", way.config) if way.config else ()
    jumps = ("-J", ",".join(before)) if before else ()
    return _Proxy(("ssh", *config, *jumps, "-o", "BatchMode=yes", "-W", f"[{host}]:{port}", last), environ)


def explained(error: Exception, host: str) -> AllupError:
    """What went wrong with a connection of Fabric's, in words."""
    import paramiko

    told = f"ssh says: {error}" if str(error) else ""
    if isinstance(error, AllupError):
        return error
    if isinstance(error, paramiko.BadHostKeyException):
        return ClusterError(
            f"host {host}",
            "it shows another host key than the one that is known",
            evidence=f"It shows {error.key.fingerprint}, known is {error.expected_key.fingerprint}",
        )
    if isinstance(error, paramiko.PasswordRequiredException):
        return ClusterError(
            f"host {host}", "our key has a passphrase", evidence=told, next_step="Load the key with ssh-add"
        )
    if isinstance(error, paramiko.AuthenticationException):
        return ClusterError(f"host {host}", "it does not accept our key", evidence=told)
    if isinstance(error, paramiko.SSHException):
        fact = "its host key is not known" if "known_hosts" in str(error) else "ssh could not go on"
        return ClusterError(f"host {host}", fact, evidence=told)
    if isinstance(error, OSError | EOFError):
        return ClusterError(f"host {host}", "it does not answer", evidence=told)
    raise error


class _Lines(io.TextIOBase):
    """Hands whole lines on."""

    def __init__(self, heard: Callable[[str], None] | None) -> None:
        self._heard = heard
        self._rest = ""

    def write(self, text: str) -> int:
        if self._heard is not None:
            *lines, self._rest = (self._rest + text).split("\n")
            for line in lines:
                self._heard(line.rstrip("\r"))
        return len(text)
