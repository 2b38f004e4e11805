"""cluster.dashboard: finds a dashboard or installs one, makes a token to log in with, opens the way there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from invoke.context import Context

from allup import InputError
from allup.daily import background, dashboards
from allup.daily.dashboards import OLD, PLATFORM, Dashboard, Token
from allup.errors import AllupError, ApiError
from tasks import forwarding, where
from tasks.headlamp.platform import ADMIN, FOLDER, SESSION_SECONDS, VIEWER, Settings, platform
from tasks.output import say, tell
from tasks.platform_folder import PlatformFolder
from tasks.preparing import Prepared, prepare
from tasks.questions import confirm
from tasks.running import DOWN_TIMEOUT, UP_TIMEOUT, leave, reporting
from tasks.verb import Call, Verb

PORT = 4466
_VERB = Verb("dashboard", "a dashboard", "cluster.dashboard", "dashboard:show", words=2)


_READS = "reads workloads, logs, configuration, nodes and volumes, but no Secrets and no RBAC"
Opened = Callable[[Call, background.Record], None]
Result = TypeVar("Result")
_SIMULATED = (
    "Its pods are on simulated nodes, where no process runs, so no page can be opened; what works there: "
    "inv k8s.status --watch."
)


@dataclass(frozen=True)
class Asked:
    """What a person asked for, beside the cluster."""

    admin: bool = False
    token: bool = False
    background: bool = False
    port: int = PORT
    own: bool = False
    yes: bool = False


def show(context: Context, cluster: Mapping[str, Any], asked: Asked) -> None:
    """Finds or installs, makes a token, and opens the way until Ctrl-C (or in the background)."""
    if not 0 < asked.port < 65_536:
        raise InputError("--port", f"{asked.port} is not a port; one is a number from 1 to 65535")
    if os.environ.get(background.RECORD):  # we are the forward in the background: all else is done
        there = _found(prepare(_call(context, cluster))) or _OURS
        _carry(_to(context, cluster, there, asked), asked, lambda call, record: None)
        return
    out = tell if asked.token else say
    prepared = prepare(_call(context, cluster))
    if asked.admin and not prepared.session.sandbox:
        confirm(f"Make a login with every right on {prepared.session.context}.", asked.yes)
    found = _found(prepared)
    if found is not None and not found.ours and not asked.own:
        out(f"{found.product} is there already, in namespace {found.namespace}; it is left as it is.")
        if found.product == OLD:
            tell("warning: it is archived and gets no more mending; --own installs Headlamp beside it.")
    else:
        found = None
    there = found or _OURS
    way = _to(context, cluster, there, asked)
    _up(context, prepared, asked, install=found is None)
    _hand_over(way, there, asked)


def remove(context: Context, cluster: Mapping[str, Any]) -> None:
    """Takes down what we installed; somebody else's dashboard stays."""
    from allup.run.down import Down
    from tasks.looking import kinds_of

    prepared = prepare(_call(context, cluster, admin=True))
    forwarding.stop_all(prepared)
    options = replace(prepared.options(DOWN_TIMEOUT), purge=True)
    kinds = kinds_of(prepared)
    with reporting(prepared) as report:
        finished = Down(prepared.session, prepared.platform, kinds, options, report).run()
    if finished.outcome == "done":
        _token_file(prepared).unlink(missing_ok=True)
    leave(finished)


# What is there


def _found(prepared: Prepared) -> Dashboard | None:
    """The best that is there; None also where we may not look everywhere, which is said."""
    try:
        return next(iter(dashboards.find(prepared.session.objects)), None)
    except ApiError as error:
        if error.status != 403:
            raise
        tell("warning: we may not list the Deployments of all namespaces, so another dashboard is not seen.")
        return None


_OURS = Dashboard(dashboards.HEADLAMP, PLATFORM, "headlamp", ours=True, service="headlamp", port=80)
"""Ours, as its manifest has it; once it is up nobody need be asked."""


def _up(context: Context, prepared: Prepared, asked: Asked, *, install: bool) -> None:
    from allup.run.up import Up

    call = _call(context, prepared.call.given, install=install, admin=asked.admin)
    ready = Prepared(call, prepared.redactor)
    ready.__dict__["session"] = prepared.session  # one connection is enough
    with reporting(ready, sys.stderr if asked.token else sys.stdout) as report:
        finished = Up(ready.session, ready.loaded, ready.options(UP_TIMEOUT), report, ready.given).run()
    leave(finished)


# The login and the way


def _hand_over(prepared: Prepared, found: Dashboard, asked: Asked) -> None:
    from allup.run.surroundings import simulated_nodes

    out = tell if asked.token else say
    objects = prepared.session.objects
    nodes = dashboards.nodes_of(objects, found)
    simulated = bool(nodes) and nodes <= simulated_nodes(objects)
    if simulated and not asked.token:
        out(_SIMULATED)
        return
    account = ADMIN if asked.admin else VIEWER
    token = dashboards.request_token(objects, PLATFORM, account, SESSION_SECONDS)
    if asked.token:
        say(token.value)
    if simulated:
        out(_SIMULATED)
        return
    file = None if asked.token else _written(prepared, token)
    rights = "may do anything" if asked.admin else _READS
    place = f"in {file}" if file else "on standard output"
    login = f"Log in with the token {place}: it {rights}, until {token.expires}."
    if asked.background:
        words = prepared.call.words
        task = ["cluster.dashboard", "--port", str(asked.port)]
        record = _port_is_ours(asked, partial(forwarding.in_background, prepared, words, task))
        out(f"{_url(found, record)}\n{login}")
        tell("It goes on in the background; inv cluster.dashboard --down ends it and removes the login.")
        return

    def opened(call: Call, record: background.Record) -> None:
        out(f"{_url(found, record)}\n{login}")
        tell("Ctrl-C ends it; inv cluster.dashboard --down removes the dashboard and the login.")

    try:
        _carry(prepared, asked, opened)
    finally:
        if file:
            file.unlink(missing_ok=True)


def _to(context: Context, cluster: Mapping[str, Any], found: Dashboard, asked: Asked) -> Prepared:
    """The call of a forward to it: Service and ports are its words, and its namespace is meant."""
    if not found.service:
        raise AllupError(
            f"{found.product} in namespace {found.namespace}",
            f"no Service leads to Deployment {found.name}",
            next_step="inv cluster.dashboard --own installs Headlamp beside it",
        )
    call = _call(context, cluster, f"svc/{found.service}", f"{asked.port}:{found.port}")
    return prepare(replace(call, given={**call.given, "namespace": found.namespace}))


def _carry(prepared: Prepared, asked: Asked, opened: Opened) -> None:
    _port_is_ours(asked, lambda: forwarding.carry(prepared, opened))


def _port_is_ours(asked: Asked, open_it: Callable[[], Result]) -> Result:
    """Calls it; a port that is taken is told with this task's own flag."""
    try:
        return open_it()
    except InputError as error:
        if error.subject != f"local port {asked.port}":
            raise
        raise InputError(error.subject, error.fact, next_step="Choose another with --port") from None


def _url(found: Dashboard, record: background.Record) -> str:
    local = record.ports[0].partition(" ")[0].rpartition(":")[2]
    return f"{found.product}: {found.scheme}://localhost:{local}"


def _written(prepared: Prepared, token: Token) -> Path:
    """A file that its owner alone may read, from its first byte on."""
    file = _token_file(prepared)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial_file = file.with_name(f".{file.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(partial_file, flags, 0o600), "w") as stream:
        stream.write(token.value + "\n")
    os.replace(partial_file, file)
    return file


def _token_file(prepared: Prepared) -> Path:
    return where.choice_file().parent / f"dashboard-{quote(prepared.target.context, safe='')}.token"


# Calls of a platform that has no tasks of its own


def _call(
    context: Context,
    cluster: Mapping[str, Any],
    *words: str,
    install: bool = True,
    admin: bool = False,
) -> Call:
    given = {name: cluster.get(name) for name in ("context", "kubeconfig")}
    given |= {f"word_{number}": word for number, word in enumerate(words, 1)}
    build = partial(platform, install=install, admin=admin)
    return Call(context, PlatformFolder("", FOLDER, Settings, build), _VERB, given)
