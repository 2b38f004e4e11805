"""Getting a token: as the profile's administrator, whose key is here for a moment, or with the last token."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from allup.cluster.connect import connect
from allup.cluster.discovery import Discovery
from allup.cluster.objects import Objects
from allup.cluster.requests import Timeouts
from allup.daily.dashboards import Token
from allup.errors import ClusterError, Unauthenticated
from allup.redaction import Redactor
from allup.remote import account, configs
from allup.remote.far_minikube import FarMinikube
from allup.remote.record import Folder, Forward, Remote
from allup.sandbox.paths import write_private

TIMEOUTS = Timeouts(connect=2.0, answer=10.0)
Reach = Callable[[], AbstractContextManager[FarMinikube]]
"""Logs in to the host anew and yields its minikube."""


@contextmanager
def as_administrator(
    far: FarMinikube, remote: Remote, folder: Folder, redactor: Redactor
) -> Iterator[Objects]:
    """The cluster through our tunnel, as the profile's administrator.

    Certificate and key are in a folder of their own, 0700, for as long as this lasts.
    """
    certificate, key = far.administrator()
    redactor.add(key)
    with tempfile.TemporaryDirectory(prefix=".admin-", dir=folder.root) as place:
        files = Path(place)
        for name, content in (("client.crt", certificate), ("client.key", key)):
            write_private(files / name, content)
        config = configs.administrator(
            _api(remote), str(folder.authority), str(files / "client.crt"), str(files / "client.key")
        )
        write_private(files / "kubeconfig", config)
        yield _objects(str(files / "kubeconfig"), "admin", redactor, patience=10.0)


def as_ourselves(remote: Remote, folder: Folder, redactor: Redactor) -> Objects:
    """The cluster through our tunnel, with the token that is there."""
    return _objects(str(folder.kubeconfig), remote.context, redactor, patience=2.0)


def issue(objects: Objects, remote: Remote, folder: Folder) -> Token:
    """A new token in its file. Raises AllupError."""
    token = account.new_token(objects, remote.account, remote.life)
    write_private(folder.token, token.value)
    return token


def renew(remote: Remote, folder: Folder, redactor: Redactor, reach: Reach) -> Token:
    """The next token: with the old one as long as that is taken, else (after a long sleep) through the host.

    Raises AllupError.
    """
    try:
        return issue(as_ourselves(remote, folder, redactor), remote, folder)
    except Unauthenticated:
        with reach() as far, as_administrator(far, remote, folder, redactor) as objects:
            account.establish(objects, remote.account, remote.role)
            return issue(objects, remote, folder)


def _objects(kubeconfig: str, context: str, redactor: Redactor, *, patience: float) -> Objects:
    api = connect(
        kubeconfig,
        context,
        redactor=redactor,
        stop=threading.Event(),
        patience=patience,
        timeouts=TIMEOUTS,
    )
    return Objects(api, Discovery(api))


def _api(remote: Remote) -> Forward:
    found = remote.forward("api")
    if found is None:
        raise ClusterError(f"remote {remote.name}", "has no tunnel to its API server")
    return found
