"""One run in a process of its own, for tests that end the process: up or down of the platform in a folder.

    driver_for_tests.py VERB KUBECONFIG CONTEXT INSTANCE FOLDER [KILL_AT]

The folder's manifests are its components, each after the one before it by name. Before the answer of write
number KILL_AT is looked at, the process kills itself. Each piece of progress is a line; the exit code is
that of the command line.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit

from allup import Component, Platform
from allup.loading import load
from allup.redaction import Redactor
from allup.refs import GroupKind
from allup.run.down import Down
from allup.run.options import RunOptions
from allup.run.progress import Progress
from allup.run.secretsource import Given
from allup.run.session import Session, open_session
from allup.run.up import Up
from tasks.edge import edge


class Lines:
    """A line a piece of progress."""

    def __call__(self, progress: Progress) -> None:
        sys.stdout.write(f"{progress!r}\n")
        sys.stdout.flush()

    def tick(self) -> None:
        """Nothing to do."""


def kill_at(session: Session, number: int) -> None:
    """Ends this process the hard way as soon as the server has answered write *number*."""
    pool: Any = session.api._pool
    send = pool.request
    writes = iter(range(1, 1_000_000))

    def sending(method: str, *args: Any, **more: Any) -> Any:
        answer = send(method, *args, **more)
        if method != "GET" and next(writes) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    pool.request = sending


def components(folder: Path) -> list[Component]:
    """A component a manifest."""
    names = sorted(file.stem for file in folder.glob("*.yaml"))
    return [
        Component(name, f"{name}.yaml", after=names[i - 1 : i] if i else ()) for i, name in enumerate(names)
    ]


@edge
def main(verb: str, kubeconfig: str, context: str, instance: str, folder: Path, kill: int) -> None:
    """Runs it."""
    platform = Platform(
        "small", components(folder), namespace=instance, instance=instance, collection="small"
    )
    session = open_session(kubeconfig, context, redactor=Redactor(), sandbox=True)
    if kill:
        kill_at(session, kill)
    options = RunOptions(timeout=60)
    if verb == "up":
        given = Given({}, lambda path: None)
        finished = Up(session, load(platform, folder), options, Lines(), given).run()
    else:
        kinds: frozenset[GroupKind] = frozenset()
        finished = Down(session, platform, kinds, options, Lines()).run()
    sys.exit({"done": 0, "failed": 1, "stuck": 4}[finished.outcome])


if __name__ == "__main__":
    try:
        verb, kubeconfig, context, instance, folder, *kill = sys.argv[1:]
        main(verb, kubeconfig, context, instance, Path(folder), int(kill[0]) if kill else 0)
    except Exit as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(error.code)
