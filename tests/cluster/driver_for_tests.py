"""One run in a process of its own, for tests that end the process: up, down or purge of a platform.

    driver_for_tests.py VERB KUBECONFIG CONTEXT INSTANCE PLATFORM [WRITE [SIGNAL]]

PLATFORM is a folder whose manifests are its components, each after the one before it by name, or the name
of one that tests/cluster/whole_platforms.py knows. As soon as the server has answered write number WRITE,
and before anybody has looked at the answer, the process sends itself SIGNAL (KILL). Each piece of progress
is a line, and so is each write when WRITE is 0; the exit code is that of the command line.

With the one word ``serve`` it reads such words as lines of JSON from standard input, the first of them a file
for the output, and forks a process for each, so that what has to be imported is imported once. It answers
with the exit code (negative: the signal) and the time of the end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit

from allup import Component, Platform
from allup.loading import LoadedPlatform, load
from allup.redaction import Redactor
from allup.refs import GroupKind
from allup.run.down import Down
from allup.run.options import RunOptions
from allup.run.progress import Progress
from allup.run.secretsource import Given
from allup.run.session import Session, open_session
from allup.run.up import Up
from tasks.edge import edge
from tests.cluster import whole_platforms

WROTE = "WROTE"
SIGNALLED = "SIGNALLED"


class Lines:
    """A line a piece of progress."""

    def __call__(self, progress: Progress) -> None:
        say(repr(progress))

    def tick(self) -> None:
        """Nothing to do."""


def say(line: str) -> None:
    """A line, at once and whole, whichever thread says it."""
    os.write(1, f"{line}\n".encode())


def watch_writes(session: Session, at: int, number: signal.Signals) -> None:
    """Sends this process that signal as soon as the server has answered write *at*; 0: says each write."""
    pool: Any = session.api._pool
    send = pool.request
    writes = iter(range(1, 1_000_000))

    def sending(method: str, url: str, **more: Any) -> Any:
        answer = send(method, url, **more)
        if method != "GET":
            write = next(writes)
            if not at:
                say(f"{WROTE} {method} {url}")
            elif write == at:
                say(f"{SIGNALLED} {time.monotonic()} {method} {url}")
                os.kill(os.getpid(), number)
        return answer

    pool.request = sending


def components(folder: Path) -> list[Component]:
    """A component a manifest."""
    names = sorted(file.stem for file in folder.glob("*.yaml"))
    return [
        Component(name, f"{name}.yaml", after=names[i - 1 : i] if i else ()) for i, name in enumerate(names)
    ]


def loaded(platform: str, instance: str) -> LoadedPlatform:
    """The platform of that name, or of that folder."""
    if platform in whole_platforms.KNOWN:
        return whole_platforms.KNOWN[platform](instance)
    folder = Path(platform)
    small = Platform("small", components(folder), namespace=instance, instance=instance, collection="small")
    return load(small, folder)


@edge
def main(
    verb: str,
    kubeconfig: str,
    context: str,
    instance: str,
    platform: str,
    write: str = "0",
    name: str = "SIGKILL",
) -> None:
    """Runs it."""
    session = open_session(kubeconfig, context, redactor=Redactor(), sandbox=True)
    watch_writes(session, int(write), signal.Signals[name])
    options = RunOptions(timeout=60, purge=verb == "purge")
    if verb == "up":
        given = Given(dict(whole_platforms.ENVIRON), lambda path: None)
        finished = Up(session, loaded(platform, instance), options, Lines(), given).run()
    else:
        kinds: frozenset[GroupKind] = frozenset()
        finished = Down(session, loaded(platform, instance).platform, kinds, options, Lines()).run()
    sys.exit({"done": 0, "failed": 1, "stuck": 4}[finished.outcome])


def run(words: list[str]) -> None:
    """Leaves with the exit code of that run."""
    try:
        main(*words)
    except Exit as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(error.code)


def serve() -> None:
    """A process for each line of standard input, one after the other."""
    for line in sys.stdin:
        output, *words = json.loads(line)
        pid = os.fork()
        if not pid:
            file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, 1)
            os.dup2(file, 2)
            run(words)
        _, status = os.waitpid(pid, 0)
        say(json.dumps([os.waitstatus_to_exitcode(status), time.monotonic()]))


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else run(sys.argv[1:])
