"""inv cluster.*: the sandbox, and which cluster is meant."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from tasks.edge import edge
from tasks.optional import OptionalArgument

if TYPE_CHECKING:
    from allup.sandbox import Progress, Sandboxes, SandboxStatus

CHECKOUT = Path(__file__).resolve().parent.parent
_NAME = "which sandbox (default: sandbox)"


@task(
    auto_shortflags=False,
    help={
        "name": _NAME,
        "nodes": "how many simulated nodes, or real for one that runs containers (default: 2, or as before)",
    },
)
@edge
def up(c: Context, name: str = "sandbox", nodes: str | None = None) -> None:
    """Bring the sandbox up: a real control plane with simulated nodes, no root, no Docker.

    The first time its tools are built, which takes minutes; from then on it takes seconds. What runs already
    is left alone, what died is started again. --nodes real makes one node that runs containers (Linux, root).

    Example: inv cluster.up --nodes 3
    """
    began = time.monotonic()
    with _progress() as progress:
        if nodes == "real":
            status = _sandboxes().up(name, real=True, progress=progress)
        else:
            number = _number("--nodes", nodes)
            simulated = None if number is None else False
            status = _sandboxes().up(name, nodes=number, real=simulated, progress=progress)
    _renew_choice(name)
    _say(_up_text(status, time.monotonic() - began))


@task(auto_shortflags=False, help={"name": _NAME})
@edge
def down(c: Context, name: str = "sandbox") -> None:
    """Stop the sandbox and keep what is in it; inv cluster.up brings it back.

    Example: inv cluster.down
    """
    _end_forwards(name)
    with _progress() as progress:
        stopped = _sandboxes().down(name, progress=progress)
    _say(f"Sandbox {name} is stopped, its state kept." if stopped else f"Sandbox {name} is not running.")


@task(auto_shortflags=False, help={"name": _NAME, "yes": "do not ask (a sandbox never asks)"})
@edge
def delete(c: Context, name: str = "sandbox", yes: bool = False) -> None:
    """Stop the sandbox and destroy everything in it.

    Example: inv cluster.delete --name try
    """
    _end_forwards(name)
    with _progress() as progress:
        deleted = _sandboxes().delete(name, progress=progress)
    _say(f"Sandbox {name} is deleted." if deleted else f"There is no sandbox {name}.")


@task(auto_shortflags=False, help={"name": _NAME})
@edge
def status(c: Context, name: str = "sandbox") -> None:
    """Show the sandbox: its processes, address and files.

    Example: inv cluster.status
    """
    _say(_status_text(_sandboxes().status(name)))


@task(name="list", auto_shortflags=False)
@edge
def list_(c: Context) -> None:
    """List the sandboxes of this checkout.

    Example: inv cluster.list
    """
    found = _sandboxes().list()
    rows = [(s.name, _state(s), s.context, _nodes(s), s.server, s.created) for s in found]
    _say(
        _table(("NAME", "STATE", "CONTEXT", "NODES", "SERVER", "CREATED"), rows) if rows else "No sandboxes."
    )


@task(auto_shortflags=False, help={"name": "a sandbox; without it, the cluster that is chosen"})
@edge
def kubeconfig(c: Context, name: str | None = None) -> None:
    """Print the path of the chosen cluster's kubeconfig, and nothing else.

    Example: export KUBECONFIG=$(inv cluster.kubeconfig)
    """
    if name is not None:
        _say(str(_sandboxes().kubeconfig(name)))
        return
    from tasks import where

    _say(where.target({}, where.allowed()).kubeconfig)


@task(
    klass=OptionalArgument,
    auto_shortflags=False,
    positional=["name"],
    help={
        "name": "a context of the kubeconfig, or a sandbox",
        "kubeconfig": "the kubeconfig that has it (default: KUBECONFIG, ~/.kube/config)",
        "forget": "no cluster is chosen any more",
    },
)
@edge
def use(c: Context, name: str = "", kubeconfig: str | None = None, forget: bool = False) -> None:
    """Choose the cluster that every task of this checkout goes to, until another is chosen.

    Its fingerprint is stored with it: another cluster of the same name is refused.

    Example: inv cluster.use allup-sandbox
    """
    from allup.errors import InputError
    from tasks import where

    if forget:
        where.choice_file().unlink(missing_ok=True)
        _say("No cluster is chosen.")
        return
    if not name:
        raise InputError(
            "cluster.use", "which one?", next_step="Name a context; inv cluster.list lists sandboxes"
        )
    known = {s.name: s.context for s in where.sandboxes()}
    found = where.target({"context": known.get(name, name), "kubeconfig": kubeconfig}, where.allowed())
    chosen = where.choose(found)
    _say(f"{chosen.context} is the cluster of this checkout now.")
    if not chosen.fingerprint:
        _say("It has no fingerprint: another cluster of that name would not be noticed.")
    elif chosen.fingerprint.startswith("ca:"):
        _say("Its kube-system may not be read, so it is known by its certificate authority.")


@task(
    auto_shortflags=False,
    help={
        "context": "the cluster: a context of the kubeconfig",
        "kubeconfig": "the kubeconfig that has the context (default: KUBECONFIG, ~/.kube/config)",
        "admin": "a login with every right instead of one that reads; asks, off the sandbox",
        "token": "print the token to standard output alone, instead of writing it to a file",
        "background": "go on in the background",
        "port": "the port on this machine (default: 4466)",
        "own": "install ours even where another dashboard is",
        "down": "remove the dashboard, its accounts and so every token",
        "yes": "do not ask",
    },
)
@edge
def dashboard(
    c: Context,
    context: str | None = None,
    kubeconfig: str | None = None,
    admin: bool = False,
    token: bool = False,
    background: bool = False,
    port: str | None = None,
    own: bool = False,
    down: bool = False,
    yes: bool = False,
) -> None:
    """Open a dashboard of the cluster, with a login: the one that is there, else Headlamp, installed now.

    The login reads, but no Secrets and no RBAC, for 8 hours. Until Ctrl-C, or in the background.

    Example: inv cluster.dashboard --context staging
    """
    from tasks import dashboard as body

    where = {"context": context, "kubeconfig": kubeconfig}
    if down:
        body.remove(c, where)
        return
    number = _number("--port", port)
    asked = body.Asked(admin, token, background, body.PORT if number is None else number, own, yes)
    body.show(c, where, asked)


@task(auto_shortflags=False, help={"nodes": "real: what a real node runs too"})
@edge
def build(c: Context, nodes: str | None = None) -> None:
    """Build the tools of the sandbox now; inv cluster.up would do it when needed.

    Example: inv cluster.build
    """
    from allup.errors import InputError
    from allup.sandbox import build_tools

    if nodes not in (None, "real"):
        raise InputError("--nodes", f"{nodes!r} changes nothing that is built; only real does")
    if nodes:
        from allup.sandbox.node import requirements

        requirements.check(os.environ)
    with _progress() as progress:
        build_tools(os.environ, real=nodes == "real", progress=progress)
    _say("The tools of the sandbox are built.")


@task(auto_shortflags=False)
@edge
def doctor(c: Context) -> None:
    """Look for what stands in the way of a sandbox on this machine; changes nothing.

    Example: inv cluster.doctor
    """
    from allup.sandbox import doctor as examine

    findings = examine(CHECKOUT, os.environ)
    _say(_table(("", "WHAT", "FOUND", "DO"), [(f.state, f.name, f.fact, f.remedy) for f in findings]))
    if any(finding.state == "fail" for finding in findings):
        raise Exit(code=1)


def _end_forwards(name: str) -> None:
    """Those in the background that lead into the sandbox would go on, with nothing behind them."""
    from allup.sandbox.status import context_name
    from tasks import forwarding

    forwarding.stop_all_to(context_name(name))


def _renew_choice(name: str) -> None:
    """A sandbox that was deleted and made anew is another cluster; the choice of our own is renewed."""
    from tasks import where

    stored = where.stored()
    if stored is not None and stored.sandbox == name:
        where.choose(where.target({"context": stored.context}, ()))


def _sandboxes() -> Sandboxes:
    from allup.sandbox import Sandboxes

    return Sandboxes(CHECKOUT, os.environ)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Progress on standard error, cleared away at the end."""
    from allup.sandbox import progress_to

    shown = progress_to(sys.stderr, os.environ)
    try:
        yield shown
    finally:
        shown.close()


def _number(flag: str, given: str | None) -> int | None:
    from allup.errors import InputError

    if given is None:
        return None
    if given.isascii() and given.isdigit():
        return int(given)
    raise InputError(flag, f"{given!r} is not a whole number")


def _up_text(status: SandboxStatus, seconds: float) -> str:
    how = "was up already" if status.already_running else f"is up after {seconds:.1f} s"
    nodes = "a real node" if status.real else f"{status.nodes} node{'s' if status.nodes != 1 else ''}"
    return (
        f"Sandbox {status.name} {how}: {nodes}, {status.memory_bytes / 1e6:.0f} MB, {status.server}\n"
        f"Context {status.context} in {status.kubeconfig}"
    )


def _status_text(status: SandboxStatus) -> str:
    facts = [
        ("sandbox", f"{status.name}, {_state(status)}"),
        ("nodes", _nodes(status)),
        ("server", status.server),
        ("context", status.context),
        ("kubeconfig", status.kubeconfig),
        ("created", status.created),
    ]
    rows = [
        (p.name, p.pid, "runs" if p.alive else "ended", f"{(p.memory_bytes or 0) / 1e6:.0f} MB")
        for p in status.processes
    ]
    table = "\n\n" + _table(("PROCESS", "PID", "STATE", "MEMORY"), rows) if rows else ""
    return _table((), facts) + table


def _nodes(status: SandboxStatus) -> str:
    return "real" if status.real else str(status.nodes)


def _state(status: SandboxStatus) -> str:
    if status.running:
        return "running"
    return "broken" if any(process.alive for process in status.processes) else "stopped"


def _table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    from tabulate import tabulate

    return tabulate([list(map(str, row)) for row in rows], headers, tablefmt="plain", disable_numparse=True)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


ns = Collection("cluster")
for member in (up, down, delete, status, list_, use, kubeconfig, dashboard, build, doctor):
    ns.add_task(member)
