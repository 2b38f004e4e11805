"""``remote.down``: the account, the tunnels, the mounts and the files, in that order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from allup.commands import Here
from allup.errors import AllupError
from allup.redaction import Redactor
from allup.remote import account, credentials, keeping, sshfs
from allup.remote.far_minikube import FarMinikube, look_around
from allup.remote.login import log_in
from allup.remote.record import Folder, Remote
from allup.sandbox.clock import SystemClock
from allup.sandbox.locks import file_lock


@dataclass(frozen=True)
class Gone:
    """What a down did: *stopped* whether the profile was stopped, *left* what it could not take back,
    *asleep* whether our account stays in a profile that is stopped, where its last token ends by itself."""

    stopped: bool
    left: tuple[str, ...] = ()
    asleep: bool = False


def down(
    folder: Folder,
    remote: Remote,
    environ: Mapping[str, str],
    *,
    keep: bool,
    forget: bool,
    told: Callable[[str], None],
) -> Gone:
    """Takes a remote back. What is on the host can only be taken back while it can be reached: otherwise that
    is left, with the record of it, for the next down; *forget* forgets that too.

    *keep*: a profile that up started goes on running. Raises AllupError for a mount that is in use.
    """
    redactor = Redactor()
    with file_lock(folder.lock, clock=SystemClock(), timeout=30.0, doing=f"remote {remote.name}"):
        for mount in remote.mounts:
            told(f"unmounting {mount.target}")
            sshfs.unmount(mount, environ)
        remote = replace(remote, mounts=())
        folder.write(remote)
        left: list[str] = []
        gone = Gone(stopped=False)
        told("removing our account")
        try:
            gone = _on_the_host(folder, remote, environ, redactor, stop=remote.began and not keep)
        except AllupError as error:
            left.append(redactor.mask(str(error)))
        told("closing the tunnels")
        keeping.end(folder)
        if left and not forget:
            _remove_secrets(folder)
            folder.write(replace(remote, left=tuple(left)))
        else:
            folder.remove()
    if not (left and not forget):
        folder.lock.unlink(missing_ok=True)
    return replace(gone, left=tuple(left))


def _on_the_host(
    folder: Folder, remote: Remote, environ: Mapping[str, str], redactor: Redactor, *, stop: bool
) -> Gone:
    login = log_in(folder.way(remote), Here(environ), dict(environ))
    with login.connected() as run:
        far = FarMinikube(run, remote.profile, remote.minikube, look_around(run))
        if not far.running():
            return Gone(stopped=False, asleep=True)
        keeping.start(folder, remote, environ)
        if not folder.authority.exists():
            folder.authority.write_text(far.authority())
        with credentials.as_administrator(far, remote, folder, redactor) as objects:
            account.abolish(objects, remote.account)
        if stop:
            far.stop()
    return Gone(stopped=stop)


def abandon(folder: Folder, redactor: Redactor) -> None:
    """Takes back what a failed up made here; quietly, since that failure is what matters."""
    remote = folder.read()
    if remote is not None and folder.token.exists():
        try:
            account.abolish(credentials.as_ourselves(remote, folder, redactor), remote.account)
        except AllupError:
            pass
    try:
        keeping.end(folder)
    except AllupError:
        return
    folder.remove()
    folder.lock.unlink(missing_ok=True)


def _remove_secrets(folder: Folder) -> None:
    import shutil

    for file in (folder.token, folder.kubeconfig, folder.cluster_file, folder.authority):
        Path(file).unlink(missing_ok=True)
    shutil.rmtree(folder.docker, ignore_errors=True)
