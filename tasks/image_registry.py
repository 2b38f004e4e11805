"""inv images.registry-up and -down: a registry on this machine, in Docker or as Debian's docker-registry."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from allup import commands
from allup.errors import AllupError
from allup.images import registries
from allup.images.engines import Engine
from tasks.imaging import engine
from tasks.output import say, tell


def registry_up(port_text: str | None, engine_name: str) -> None:
    """Starts it, in Docker or as Debian's docker-registry; waits until it answers."""
    from tasks.preparing import whole_number

    port = whole_number("--port", port_text, registries.PORT)
    if registries.answers(port):
        say(f"A registry answers on localhost:{port}.")
        return
    found = None
    try:
        found = engine(engine_name, os.environ)
    except AllupError:
        pass
    if found is not None and found.kind == "docker":
        _registry_in_docker(found, port)
    else:
        _registry_process(port)
    give_up, pause = time.monotonic() + 30, threading.Event()
    while not registries.answers(port):
        if time.monotonic() > give_up:
            raise AllupError("the registry", f"does not answer on port {port}", evidence=_registry_log())
        pause.wait(0.2)
    say(f"The registry answers on localhost:{port}. Push with --repository localhost:{port}/")
    tell("Nodes of kind and minikube do not reach it as localhost: inv images.load brings them images.")


def _registry_in_docker(engine: Engine, port: int) -> None:
    there = commands.run(_command(engine, "container", "inspect", registries.CONTAINER), os.environ)
    if there.code == 0:
        registries.refuse_foreign(there.out)
        commands.must(_command(engine, "start", registries.CONTAINER), os.environ, "the registry")
        return
    commands.must(registries.in_docker(engine.program, port), os.environ, "the registry")


def _command(engine: Engine, *words: str) -> commands.Command:
    """Any other command of the engine."""
    return commands.Command((engine.program, *words), environ=engine.environ)


def _registry_folder() -> Path:
    from allup.sandbox.paths import state_home

    return state_home(os.environ) / "registry"


def _registry_log() -> str:
    try:
        lines = (_registry_folder() / "log").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return " ".join(lines[-2:])[-400:]


def _registry_process(port: int) -> None:
    from allup.identity import Holder, boot_id, process_start

    program = commands.which("docker-registry", os.environ)
    folder = _registry_folder()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(registries.configuration(folder, port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", str(folder / "config.json")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    here = Holder.current()
    holder = Holder(here.host, boot_id(), process.pid, process_start(process.pid) or "")
    (folder / "process").write_text(str(holder))


def registry_down(purge: bool) -> None:
    """Stops what registry_up started, and nothing else."""
    import shutil

    from allup.identity import Holder

    stopped = False
    folder = _registry_folder()
    if (folder / "process").is_file():
        holder = Holder.parse((folder / "process").read_text().strip())
        if holder is not None and not holder.surely_dead(Holder.current()):
            os.kill(holder.pid, signal.SIGTERM)
            stopped = True
        (folder / "process").unlink()
    if purge:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        found = engine("", os.environ)
    except AllupError:
        found = None
    if found is not None and found.kind == "docker":
        there = commands.run(_command(found, "container", "inspect", registries.CONTAINER), os.environ)
        if there.code == 0:
            registries.refuse_foreign(there.out)
            commands.must(_command(found, "rm", "--force", registries.CONTAINER), os.environ, "the registry")
            if purge:
                commands.run(_command(found, "volume", "rm", registries.CONTAINER), os.environ)
            stopped = True
    say("The registry is stopped." if stopped else "No registry of ours runs.")
