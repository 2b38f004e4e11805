"""One run against one cluster: the connection, what is known about the instance, and how to stop it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from allup.cluster.connect import connect, fingerprints, server_version
from allup.cluster.discovery import Discovery
from allup.cluster.objects import Objects
from allup.cluster.requests import Api, Timeouts
from allup.errors import ClusterError
from allup.identity import Holder
from allup.model.platform import Platform
from allup.redaction import Redactor
from allup.run.clock import Clock, SystemClock
from allup.run.progress import RunStarted


@dataclass
class Session:
    """Everything a run needs to talk to its cluster. ``stop`` set means: end now, wherever you are."""

    api: Api
    discovery: Discovery
    objects: Objects
    redactor: Redactor
    clock: Clock
    stop: threading.Event
    here: Holder
    context: str
    sandbox: bool
    server_version: str
    fingerprint: str
    started: float = field(default=0.0)

    def begins(
        self,
        verb: str,
        platform: Platform,
        components: tuple[str, ...],
        *,
        needs: Mapping[str, tuple[str, ...]] | None = None,
        expected: Mapping[str, float] | None = None,
        only: tuple[str, ...] = (),
    ) -> RunStarted:
        """The first progress of a run of *verb* on *components*, now."""
        return RunStarted(
            at=self.clock.monotonic(),
            verb=verb,
            platform=platform.name,
            instance=platform.instance,
            namespace=platform.namespace,
            context=self.context,
            components=components,
            needs=needs or {},
            expected=expected or {},
            only=only,
        )


def open_session(
    kubeconfig: str,
    context: str,
    *,
    redactor: Redactor,
    sandbox: bool = False,
    expected_fingerprint: str = "",
    clock: Clock | None = None,
    timeouts: Timeouts = Timeouts(),  # noqa: B008  # frozen
    patience: float = 30.0,
) -> Session:
    """Connects and makes sure that this is the cluster that is meant. Only reads.

    One request may be repeated for *patience* seconds, of the first ones 2. Raises ClusterError when it
    cannot be reached, is too old, or is another cluster of the same name than the one whose fingerprint was
    stored.
    """
    stop = threading.Event()
    clock = clock or SystemClock()
    started = clock.monotonic()
    api = connect(kubeconfig, context, redactor=redactor, stop=stop, patience=2.0, timeouts=timeouts)
    version = server_version(api)
    found = fingerprints(api)
    if expected_fingerprint and expected_fingerprint not in found:
        raise ClusterError(
            f"context {context!r}",
            "is not the cluster that was chosen, or does not let us see that it is",
            evidence=f"It was {expected_fingerprint}, now it is {' or '.join(found) or 'hidden'}",
            next_step=f"If this is right, choose it again: inv cluster.use {context}",
        )
    api.patience = patience
    discovery = Discovery(api)
    return Session(
        api=api,
        discovery=discovery,
        objects=Objects(api, discovery),
        redactor=redactor,
        clock=clock,
        stop=stop,
        here=Holder.current(),
        context=context,
        sandbox=sandbox,
        server_version=version,
        fingerprint=found[0] if found else "",
        started=started,
    )
