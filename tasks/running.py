"""Verbs that run: up, down, wait."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TextIO

from invoke.exceptions import Exit

from allup.report.choose import reporter
from allup.run.progress import Reporter, RunFinished
from tasks.looking import show_plan
from tasks.preparing import Prepared, prepare
from tasks.verb import Call

UP_TIMEOUT, DOWN_TIMEOUT = 900.0, 600.0


def up(call: Call) -> None:
    """all-up, and the up of one component."""
    from allup.run.up import Up

    prepared = prepare(call)
    options = prepared.options(UP_TIMEOUT)
    if call.given.get("dry_run") or call.context.config.run.dry:
        show_plan(prepared, options)
        return
    loaded = prepared.loaded
    session = prepared.session
    with reporting(prepared) as report:
        finished = Up(session, loaded, options, report, prepared.given).run()
    leave(finished)
    if call.given.get("forward"):
        from tasks.forwarding import open_urls

        open_urls(prepared)


def down(call: Call) -> None:
    """all-down, and the down of one component."""
    from allup.run.down import Down
    from allup.run.session import Session
    from tasks.looking import kinds_of, show_down
    from tasks.questions import confirm

    prepared = prepare(call)
    options = prepared.options(DOWN_TIMEOUT)
    kinds = kinds_of(prepared)
    if call.given.get("dry_run") or call.context.config.run.dry:
        show_down(prepared, kinds, options)
        return
    if options.purge and not prepared.session.sandbox:
        what = call.verb.component or prepared.platform.instance
        confirm(f"Purge {what} on {prepared.session.context}: its data is lost.", call.given.get("yes"))

    def run(session: Session) -> RunFinished:
        with reporting(prepared) as report:
            return Down(session, prepared.platform, kinds, options, report).run()

    if call.given.get("force"):
        from tasks.forcing import down_by_force

        leave(down_by_force(prepared, options, run))
    else:
        leave(run(prepared.session))


def wait(call: Call) -> None:
    """Waits for what is there."""
    from allup.run.awaiting import Await

    prepared = prepare(call)
    options = prepared.options(UP_TIMEOUT)
    component = call.given.get("component")
    if component:
        prepared.platform.component(component)
    with reporting(prepared) as report:
        finished = Await(prepared.session, prepared.platform, component or "", options, report).run()
    leave(finished)


def reporting(prepared: Prepared, out: TextIO | None = None) -> AbstractContextManager[Reporter]:
    """The reports of a run, as its flags say; on standard output, unless another stream is given."""
    given = prepared.call.given
    clock = prepared.session.clock
    junit = given.get("junit")
    return reporter(
        out or sys.stdout,
        sys.stderr,
        environ=os.environ,
        json=bool(given.get("json")),
        junit=Path(junit) if junit else None,
        mask=prepared.redactor.mask,
        now=clock.monotonic,
        wall=clock.now,
    )


def leave(finished: RunFinished) -> None:
    """The exit code of a run; the report has said the rest."""
    code = {"done": 0, "failed": 1, "stuck": 4}.get(finished.outcome, 1)
    if code:
        raise Exit(code=code)
