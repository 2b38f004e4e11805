"""What inv cluster.* does with clusters, whichever provider's they are."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from allup import commands
from allup.commands import Here
from allup.errors import AllupError, ClusterError, InputError
from allup.providers.choosing import EXISTING, KIND, MINIKUBE, SANDBOX, Providers
from allup.providers.interface import ClusterState, Done, Provider, Wanted
from allup.report.tables import table
from allup.target import Target
from tasks.checkout import CHECKOUT
from tasks.output import SCHEMA, say, say_json, tell

if TYPE_CHECKING:
    from allup.sandbox import Progress

_PROGRAMS = {KIND: "kind", MINIKUBE: "minikube"}


def providers(kubeconfig: str | None = None) -> Providers:
    """The providers of this checkout on this machine."""
    files = kubeconfig or os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    return Providers(CHECKOUT, Here(os.environ), os.environ, sys.platform, files)


def chosen(provider: str | None, name: str | None, profile: str | None) -> Provider:
    """The cluster that the flags name. A minikube profile is named by --profile, any other by --name."""
    if profile is not None and provider is None:
        provider = MINIKUBE
    kind = provider or SANDBOX
    if kind == MINIKUBE and name is not None:
        raise InputError("--name", "minikube's clusters are profiles", next_step=f"Give --profile {name}")
    if kind != MINIKUBE and profile is not None:
        raise InputError(
            "--profile", f"is minikube's; {kind} has no profiles", next_step=f"Give --name {profile}"
        )
    return providers().named(kind, profile if kind == MINIKUBE else name)


def up(cluster: Provider, wanted: Wanted) -> None:
    """Brings it up, and says what was done and how to go there."""
    if wanted.workers is not None and cluster.kind != SANDBOX:
        raise InputError("--workers", f"is the sandbox's; {cluster.kind} has --nodes or nothing of the kind")
    with progress() as told:
        done = cluster.up(wanted, told)
    _renew_choice(cluster)
    _said(done)
    say(f"Context {cluster.context} in {cluster.kubeconfig()}")


def down(cluster: Provider) -> None:
    """Stops it."""
    _end_forwards(cluster)
    with progress() as told:
        done = cluster.down(told)
    _said(done)


def delete(cluster: Provider, yes: bool) -> None:
    """Destroys it; asks first, off the sandbox."""
    if cluster.kind != SANDBOX:
        from tasks.questions import confirm

        confirm(f"This deletes {cluster.kind} cluster {cluster.name} and everything in it.", yes)
    _end_forwards(cluster)
    with progress() as told:
        done = cluster.delete(told)
    _said(done)


def status(cluster: Provider, as_json: bool) -> None:
    """Shows it."""
    found = cluster.status()
    if as_json:
        say_json({"schema": SCHEMA, "type": "cluster", **_as_json(found)})
        return
    first = "sandbox" if found.provider == SANDBOX else "cluster"
    facts = [
        (first, f"{found.name}, {found.state}"),
        *([] if found.provider == SANDBOX else [("provider", found.provider)]),
        ("context", found.context),
        *found.facts,
        *([("why", found.why)] if found.why else []),
    ]
    say(table((), facts))
    if found.nodes:
        rows = [(node.name, node.role, node.state, node.address) for node in found.nodes]
        say("\n" + table(("NODE", "ROLE", "STATE", "ADDRESS"), rows))
    if found.processes:
        processes = [
            (p.name, p.pid, "runs" if p.alive else "ended", f"{(p.memory_bytes or 0) / 1e6:.0f} MB")
            for p in found.processes
        ]
        say("\n" + table(("PROCESS", "PID", "STATE", "MEMORY"), processes))


def listed(provider: str | None, as_json: bool) -> None:
    """Every cluster of one provider, or of each whose program is here; a provider that fails is told."""
    here = providers()
    kinds = [provider] if provider else [SANDBOX, *(k for k, p in _PROGRAMS.items() if here.on_path(p))]
    found: list[ClusterState] = []
    for kind in kinds:
        try:
            found += here.named(kind, None).list()
        except AllupError as error:
            if provider:
                raise
            tell(f"warning: {error}")
    if as_json:
        say_json({"schema": SCHEMA, "type": "clusters", "clusters": [_as_json(state) for state in found]})
        return
    rows = [
        (s.provider, s.name, s.state, s.context, _size(s), dict(s.facts).get("created", "")) for s in found
    ]
    headers = ("PROVIDER", "NAME", "STATE", "CONTEXT", "NODES", "CREATED")
    say(table(headers, rows) if rows else "No clusters.")


def logs(cluster: Provider, lines: int) -> None:
    """What it wrote of itself."""
    sys.stdout.write(cluster.logs(lines))


def addons(cluster: Provider, enable: Sequence[str]) -> None:
    """Lists addons, or enables some."""
    if enable:
        _said(cluster.enable(enable))
        return
    say(table(("ADDON", "STATE"), [(name, "enabled" if on else "") for name, on in cluster.addons().items()]))


def docker_env(cluster: Provider, unset: bool) -> None:
    """Prints exports for a shell's eval."""
    if unset:
        names = (
            "DOCKER_HOST",
            "DOCKER_TLS_VERIFY",
            "DOCKER_CERT_PATH",
            "DOCKER_CONTEXT",
            "MINIKUBE_ACTIVE_DOCKERD",
        )
        say(f"unset {' '.join(names)}")
        return
    for name, value in cluster.docker_environment().items():
        say(f"export {name}={commands.quoted([value])}")


def mount(cluster: Provider, source: str, target: str) -> None:
    """Shows a folder to the nodes until Ctrl-C."""
    folder = commands.folder_of(source, "cluster.mount")
    if not target.startswith("/"):
        raise InputError("cluster.mount", f"{target!r} is no absolute path in the nodes")
    command = cluster.mount_command(folder, target)
    tell(f"{folder} is {target} in the nodes of {cluster.name} until Ctrl-C.")
    code = commands.interactive(command, os.environ)
    if code:
        raise Exit(code=code)


def choose(cluster: Provider) -> Target:
    """Chooses it for this checkout, with its provider's word that it is its own."""
    from tasks import where

    file = str(cluster.kubeconfig())
    if cluster.kind == EXISTING:
        return where.choose(where.target({"context": cluster.context, "kubeconfig": file}, where.allowed()))
    if cluster.kind == SANDBOX:
        return where.choose(where.target({"context": cluster.context}, where.allowed()))
    provided = where.provided().get(cluster.context)
    local = provided.local if provided else bool(providers().owner(file, cluster.context))
    if not local and cluster.context not in where.allowed():
        raise ClusterError(
            f"context {cluster.context!r}",
            f"{cluster.kind} does not say that it is on this machine, so it has to be allowed",
            next_step=f"Allow it by name in invoke.yaml, under allup: contexts: [{cluster.context}]",
        )
    return where.choose(Target(file, cluster.context, provider=cluster.kind if local else ""))


@contextmanager
def progress() -> Iterator[Progress]:
    """Progress on standard error, cleared away at the end."""
    from allup.sandbox import progress_to

    shown = progress_to(sys.stderr, os.environ)
    try:
        yield shown
    finally:
        shown.close()


def _end_forwards(cluster: Provider) -> None:
    """Those in the background that lead into it would go on, with nothing behind them."""
    from tasks import forwarding

    forwarding.stop_all_to(cluster.context)


def _renew_choice(cluster: Provider) -> None:
    """A cluster that was deleted and made anew is another one; the choice of our own is renewed."""
    from tasks import where

    stored = where.stored()
    if stored is None:
        return
    ours = stored.sandbox == cluster.name if cluster.kind == SANDBOX else stored.provider == cluster.kind
    if ours and stored.context == cluster.context:
        choose(cluster)


def _said(done: Done) -> None:
    say(done.did)
    for note in done.notes:
        tell(f"note: {note}")


def _size(state: ClusterState) -> str:
    return dict(state.facts).get("nodes") or str(len(state.nodes) or "")


def _as_json(state: ClusterState) -> dict[str, object]:
    return {
        "provider": state.provider,
        "name": state.name,
        "state": state.state,
        "context": state.context,
        "nodes": [asdict(node) for node in state.nodes],
        "facts": dict(state.facts),
        "why": state.why,
    }
