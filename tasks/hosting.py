"""What a platform's tasks do on this machine: build and run its image, serve its data, name its address."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from invoke.exceptions import Exit

from allup import DataServer, HostsLine, ImageTask, InputError, PodShell, RunImage, commands
from allup.commands import Command
from allup.errors import AllupError, Differences
from allup.images import dataserver, engines
from allup.model.settings import setting_specs
from allup.report.tables import table
from tasks.output import SCHEMA, say, say_json, tell
from tasks.preparing import Prepared, prepare
from tasks.remainder import remainder
from tasks.verb import Call

Task = TypeVar("Task", ImageTask, RunImage, DataServer, PodShell, HostsLine)
_PATIENCE = 120.0


def build(call: Call) -> None:
    """Builds the platform's image; pushes it, where the task says so."""
    from tasks import imaging

    task = _task(prepare(call), ImageTask)
    if task.action == "push" and not task.repository:
        raise InputError(
            f"{call.platform.collection}.{task.name}",
            "does not know where to: DOCKER_REPO is empty",
            next_step="Set DOCKER_REPO or give --docker-repo, such as localhost:5000/",
        )
    engine = imaging.engine("", os.environ)
    built = imaging.build(
        engine,
        imaging.Asked(task.image, task.context, task.dockerfile, dict(task.arguments)),
        os.environ,
    )
    if task.action == "push":
        imaging.push(engine, built, task.repository, os.environ)


def run_image(call: Call) -> None:
    """Runs the image in a container that is removed afterwards; leaves with its exit code."""
    task = _task(prepare(call), RunImage)
    code = commands.interactive(container(task, os.environ), os.environ)
    if code:
        raise Exit(code=code)


def container(task: RunImage, environ: Mapping[str, str]) -> Command:
    """The command of a RunImage. Raises InputError for a folder that is not there."""
    mounts = []
    if task.data:
        mounts.append(f"{commands.folder_of(task.data, task.name)}:/arl/data")
    if task.volume:
        mounts.append(f"{task.volume}:/arl/data")
    if task.source:
        mounts.append(f"{commands.folder_of(task.source, task.name)}:/from:ro")
    return engines.run_words(
        task.program,
        task.image,
        task.command,
        mounts=mounts,
        network=task.network,
        name=task.container,
        terminal=task.interactive and sys.stdin.isatty(),
    )


def data_server_up(call: Call) -> None:
    """Starts the data server, unless it runs."""
    server = _server(call)
    folder = Path(server.folder)
    if not call.given.get("anyway"):
        dataserver.refuse_elsewhere(os.environ)
        dataserver.refuse_pointers(folder)
    found = _found(server)
    if found is not None and not found.ours:
        raise AllupError(
            f"container {dataserver.NAME}",
            f"is there and is not ours (image {found.image})",
            next_step="Remove it yourself, if nobody needs it",
        )
    if found is not None and found.folder == server.folder and found.state == "running":
        say(f"The data server runs and exports {server.folder}.")
        return
    if found is not None:
        commands.must(server.remove(), os.environ, "the data server")
    commands.must(server.start(), os.environ, "the data server")
    how = "read and write" if server.writable else "read-only"
    say(f"The data server exports {server.folder} as /data, {how}, to {server.permitted or 'everybody'}.")
    if not server.listen or not server.permitted:
        tell("Everybody who reaches this machine may read it: --nfs-listen and --nfs-permitted confine it.")
    say(f"Pods mount it with --nfs-server {server.listen or 'an address of this machine'} --nfs-path /data.")


def data_server_status(call: Call) -> None:
    """Whether it runs, its port answers, and its data are data."""
    server = _server(call)
    found = _found(server)
    state = "not there" if found is None else found.state if found.ours else "not ours"
    answers = _answers(server.listen or "127.0.0.1", dataserver.PORT)
    left = len(dataserver.pointers(Path(server.folder)))
    facts = (
        ("container", state),
        ("exports", (found.folder if found and found.ours else "") or server.folder),
        (f"port {dataserver.PORT}", "answers" if answers else "does not answer"),
        ("data", f"{left} files are pointers: git lfs pull" if left else "no pointers of Git LFS"),
    )
    good = state == "running" and answers and not left
    if call.given.get("json"):
        say_json({"schema": SCHEMA, "type": "data-server", "good": good, "facts": dict(facts)})
    else:
        say(table((), facts))
    if call.given.get("check") and not good:
        raise Differences("the data server", "is not right")


def data_server_down(call: Call) -> None:
    """Removes the data server, if it is ours."""
    server = _server(call)
    found = _found(server)
    if found is None:
        say("The data server is not there.")
        return
    if not found.ours:
        raise AllupError(f"container {dataserver.NAME}", f"is not ours (image {found.image}); it stays")
    commands.must(server.remove(), os.environ, "the data server")
    say(f"The data server is gone; {found.folder or 'its data'} is as it was.")


def hosts_line(call: Call) -> None:
    """The line for /etc/hosts; printed, never written."""
    from allup.daily.reaching import addresses

    prepared = prepare(call)
    task = _task(prepared, HostsLine)
    session = prepared.session
    resource = session.discovery.find("", "Node")
    nodes = session.objects.list(resource) if resource else ()
    session.stop.set()
    found = next(iter(addresses(nodes)), "")
    if not found:
        raise AllupError("the cluster", "no node of it tells an address")
    say(f"{found} {task.host}")


def pod_shell(call: Call) -> None:
    """A pod with the image; what stands behind ``--`` runs in it, else a shell on a terminal."""
    from allup.cluster import streams
    from allup.daily import probing, terminal
    from allup.run.surroundings import simulated_nodes
    from tasks.streaming import is_piped, writer

    prepared = prepare(call)
    if not any(call.given.get(spec.name) is not None for spec in setting_specs(call.platform.settings)):
        prepared = prepared.as_last_up()
    task = _task(prepared, PodShell)
    session, platform = prepared.session, prepared.platform
    words = remainder()
    if not words and not sys.stdin.isatty():
        raise InputError(
            f"{platform.collection}.{task.name}",
            "there is no terminal for a shell",
            next_step=f"Put a command behind --: inv {platform.collection}.{task.name} -- python3 --version",
        )
    body = probing.shell_body(task, platform, name=f"test-{platform.name}-{os.getpid()}")
    simulated = simulated_nodes(session.objects)
    with probing.running(
        session.objects, body, clock=session.clock, stop=session.stop, timeout=_PATIENCE
    ) as pod:
        name = pod["metadata"]["name"]
        if pod["spec"].get("nodeName") in simulated:
            say(f"{name} runs {task.image} on a simulated node: no process is there.")
            return
        tell(f"{name} runs {task.image} on {pod['spec'].get('nodeName')}")
        if words:
            piped = is_piped(0)
            channels = streams.open_command(
                session.api, platform.namespace, name, words, container=probing.CONTAINER, stdin=piped
            )
            result = streams.drive(
                channels,
                out=writer(sys.stdout),
                err=writer(sys.stderr),
                source=0 if piped else None,
                timeout=None if piped else _PATIENCE,
            )
            code = result.exit_code if result.exit_code is not None else 1
        else:
            channels = streams.open_command(
                session.api,
                platform.namespace,
                name,
                terminal.SHELL,
                container=probing.CONTAINER,
                stdin=True,
                tty=True,
            )
            ended = terminal.lend(channels, sys.stdin.fileno(), sys.stdout.fileno())
            code = ended.exit_code or 0
    if code:
        raise Exit(code=code)


def _server(call: Call) -> dataserver.Server:
    task = _task(prepare(call), DataServer)
    return dataserver.Server(
        program=task.program,
        image=task.image,
        folder=commands.folder_of(task.folder, "the data server"),
        listen=task.listen,
        permitted=task.permitted,
        writable=task.writable,
    )


def _found(server: dataserver.Server) -> dataserver.Found | None:
    ended = commands.run(server.inspect(), os.environ)
    if ended.code == 0:
        return dataserver.read(ended.out)
    if "no such container" in ended.err.lower():
        return None
    raise AllupError("the data server", f"{server.program} does not answer", evidence=ended.last_words)


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def _task(prepared: Prepared, kind: type[Task]) -> Task:
    name = prepared.call.verb.name
    found = (t for t in prepared.platform.tasks if isinstance(t, kind))
    return next(t for t in found if name == t.name or name.startswith(f"{t.name}-"))
