"""Logging in to a host: its key known or accepted by a person, a login tried, a connection of Fabric's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from allup.commands import Runner, which
from allup.errors import AllupError, ClusterError, InputError
from allup.remote import hostkeys, over_ssh
from allup.remote.hostkeys import HostKey, Shown
from allup.remote.openssh import Configuration, Way, explain, read_configuration
from allup.remote.over_ssh import OverSsh

Trust = Callable[[Sequence[Shown]], Shown | None]
"""Is shown the keys of a host that is not known yet; returns the one that was compared and accepted. Raises
AllupError where nobody can be asked."""


@dataclass(frozen=True)
class Login:
    """A host that we can log in to: the configuration that ssh has for it, and its known keys."""

    way: Way
    configuration: Configuration
    keys: tuple[HostKey, ...]
    environ: dict[str, str]

    @contextmanager
    def connected(self) -> Iterator[OverSsh]:
        """Commands on the host."""
        with over_ssh.connected(self.way, self.configuration, self.keys, self.environ) as run:
            yield run


def log_in(way: Way, here: Runner, environ: dict[str, str], trust: Trust | None = None) -> Login:
    """Makes sure that we can. Raises AllupError, one sentence for each thing that can be wrong.

    The order is that of what can fail: the host's key, the login. ssh itself is the judge of both.
    """
    host = str(way.address)
    for program in ("ssh", "ssh-keygen", "ssh-keyscan"):
        which(program, environ)
    asked = here(way.ask_configuration())
    try:
        configuration = read_configuration(asked.out)
    except ValueError:
        raise explain(asked.err, host) from None
    files = [way.accepted_keys, *configuration.known_hosts]
    keys = hostkeys.known(here, configuration, files)
    if not keys and trust is not None:
        _accept(way, here, configuration, trust)
        keys = hostkeys.known(here, configuration, files)
    _try(way, here, configuration)
    return Login(way, configuration, tuple(keys), environ)


def _try(way: Way, here: Runner, configuration: Configuration) -> None:
    host = str(way.address)
    try:
        ended = here(way.try_login(configuration.known_hosts))
    except AllupError as error:
        raise ClusterError(f"host {host}", "does not answer as an SSH server", evidence=error.fact) from None
    if ended.code:
        raise explain(ended.err, host)


def _accept(way: Way, here: Runner, configuration: Configuration, trust: Trust) -> None:
    proxied = bool(configuration.proxy_jump or configuration.proxy_command)
    shown = [] if proxied else hostkeys.scan(here, configuration)
    if not shown:
        if not proxied:
            _try(way, here, configuration)  # most likely it is not there, and ssh says why
        raise hostkeys.refuse_unknown(str(way.address), (), proxied)
    accepted = trust(shown)
    if accepted is None:
        raise InputError(f"host {way.address}", "its key was not accepted; nothing was done")
    hostkeys.accept(Path(way.accepted_keys), configuration, accepted)
