"""Verbs that talk to containers: logs, shell, exec, debug, dns, container-id.

What a command or a shell in a container says is passed on byte for byte: it may be a dump, a picture, a
terminal's control sequences. Logs are masked like everything else.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import Any

from invoke.exceptions import Exit

from allup import AllupError, InputError
from allup.daily import pods
from allup.daily.pods import Behind
from allup.errors import did_you_mean
from allup.report.prefixes import Prefixes
from allup.report.tables import table
from tasks.output import SCHEMA, say, say_json, tell
from tasks.preparing import Prepared, prepare, seconds, whole_number
from tasks.remainder import remainder
from tasks.simulated import in_words, is_simulated, nothing_there
from tasks.verb import Call


def logs(call: Call) -> None:
    """The logs of a component's pods, a prefix per container when there are several."""
    from allup.cluster import streams
    from allup.daily.following import Following

    prepared, given = prepare(call), call.given
    target = _target(prepared)
    session, mask = prepared.session, prepared.redactor.mask
    since = given.get("since")
    tail = whole_number("--tail", given.get("tail"), 100)
    since_seconds = max(1, int(seconds("--since", since, 1))) if since else None
    container = str(given.get("container") or "")
    found = target.pods(session.objects)
    if not found:
        raise AllupError(target.title, "has no pod", next_step=f"inv {call.platform.collection}.status")
    for pod in found:
        if container:
            pods.chosen_container(pod, container)
    sources = [(p, c) for p in found for c in ([container] if container else pods.container_names(p))]
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    prefixes = Prefixes(several=len(sources) > 1, colour=colour)
    if given.get("follow"):
        if given.get("previous"):
            raise InputError("--previous", "has ended, so there is nothing to follow")
        for pod in found:
            if is_simulated(prepared, pod):  # what has no log would be asked for one for ever
                with in_words(prepared, pod, "log to follow"):
                    streams.logs(session.api, target.namespace, pod["metadata"]["name"], tail=1)
        Following(
            session,
            target,
            container=container,
            tail=tail,
            since_seconds=since_seconds,
            note=lambda text: tell(mask(text)),
        ).run(lambda pod, name, line: say(prefixes.of(pod, name) + mask(line)))
        return
    failures = []
    for pod, name in sources:
        where = pod["metadata"]["name"]
        try:
            text = streams.logs(
                session.api,
                target.namespace,
                where,
                container=name,
                previous=bool(given.get("previous")),
                tail=tail,
                since_seconds=since_seconds,
            )
        except AllupError as error:
            failures.append((pod, f"{where} {name}: {error.fact}"))
            continue
        for line in text.splitlines():
            say(prefixes.of(where, name) + mask(line))
    if len(failures) == len(sources):
        if is_simulated(prepared, failures[0][0]):
            raise nothing_there(prepared, failures[0][0], "log")
        raise AllupError(f"logs of {target.title}", mask("; ".join(said for _, said in failures)))
    for _, failure in failures:
        tell(mask(failure))


def shell(call: Call) -> None:
    """An interactive shell; its exit code is ours."""
    from allup.cluster.streams import open_command
    from allup.daily import terminal

    _need_terminal("shell", "exec runs a command without one")
    prepared = prepare(call)
    target = _target(prepared)
    pod = target.best(prepared.session.objects)
    container = pods.chosen_container(pod, str(call.given.get("container") or ""))
    name = pod["metadata"]["name"]
    tell(f"{name}, container {container}")
    with in_words(prepared, pod, "shell"):
        channels = open_command(
            prepared.session.api,
            target.namespace,
            name,
            terminal.SHELL,
            container=container,
            stdin=True,
            tty=True,
        )
    result = terminal.lend(channels, sys.stdin.fileno(), sys.stdout.fileno())
    with in_words(prepared, pod, "shell"):
        _leave(result, f"shell in {name}", f"inv {call.platform.collection}.debug brings a shell along")


def execute(call: Call) -> None:
    """One command; its exit code is ours, its output goes where ours goes."""
    from allup.cluster.streams import drive, open_command
    from allup.cluster.websockets import V5

    command = remainder()
    if not command:
        raise InputError(
            "exec", "no command was given", next_step=f"Put it behind --: inv {call.verb.example[2:]}"
        )
    prepared = prepare(call)
    target = _target(prepared)
    pod = target.best(prepared.session.objects)
    container = pods.chosen_container(pod, str(call.given.get("container") or ""))
    name = pod["metadata"]["name"]
    limit = call.given.get("timeout")
    piped = is_piped(0)
    with in_words(prepared, pod, "command"):
        channels = open_command(
            prepared.session.api, target.namespace, name, command, container=container, stdin=piped
        )
    if piped and channels.subprotocol != V5:
        tell("warning: this server (older than 1.30) cannot be told that the input has ended")
    result = drive(
        channels,
        out=writer(sys.stdout),
        err=writer(sys.stderr),
        source=0 if piped else None,
        timeout=seconds("--timeout", limit, 60) if limit else None,
    )
    with in_words(prepared, pod, "command"):
        _leave(result, f"{command[0]} in {name}", "")


def debug(call: Call) -> None:
    """A shell beside a container, or in a copy of its pod."""
    from allup.cluster import streams
    from allup.daily import debugging, terminal

    _need_terminal("debug", "")
    prepared = prepare(call)
    session, platform = prepared.session, prepared.platform
    target = _target(prepared)
    found = pods.best(target.pods(session.objects))
    if found is None:
        raise AllupError(target.title, "has no pod", next_step=f"inv {call.platform.collection}.status")
    name, image = found["metadata"]["name"], str(call.given.get("image") or "")
    wanted = str(call.given.get("container") or "")
    runs = pods.runs(found, pods.chosen_container(found, wanted))
    copy = None
    simulated = is_simulated(prepared, found)
    patience = debugging.PATIENCE_SIMULATED if simulated else debugging.PATIENCE
    if runs:
        tell(f"{name} runs: adding a debugging container to it")
        with in_words(prepared, found, "debugging container"):
            container = debugging.add_ephemeral(session, found, image, wanted, patience)
        where = name
    else:
        tell(f"{name} does not run: making a copy that waits instead")
        copy, container = debugging.add_copy(
            session,
            found,
            container=wanted,
            image=image,
            platform=platform.name,
            instance=platform.instance,
        )
        where = copy.name
    try:
        channels = streams.open_command(
            session.api,
            target.namespace,
            where,
            terminal.SHELL,
            container=container,
            stdin=True,
            tty=True,
        )
        result = terminal.lend(channels, sys.stdin.fileno(), sys.stdout.fileno())
    finally:
        if copy is not None:
            session.objects.delete(copy)
            tell(f"the copy {where} is removed")
        else:
            _over(prepared, target.namespace, where, container)
    _leave(result, f"debugging {name}", "")


def _over(prepared: Prepared, namespace: str, pod: str, container: str) -> None:
    from allup.cluster import streams
    from allup.daily import debugging

    try:
        streams.execute(prepared.session.api, namespace, pod, debugging.OVER, container=container)
        tell(f"container {container} has ended; Kubernetes lists it as long as {pod} is there")
    except AllupError:
        tell(f"container {container} ends by itself within an hour")


def dns(call: Call) -> None:
    """What names resolve to inside a pod."""
    from allup.cluster import streams
    from allup.daily import resolving
    from allup.model import labels
    from allup.refs import ObjectRef

    prepared = prepare(call)
    session, platform = prepared.session, prepared.platform
    words = call.words if not call.given.get("pod") else ["", *call.words]
    target = _target(prepared)
    pod = target.best(session.objects)
    where = pod["metadata"]["name"]
    container = pods.chosen_container(pod, str(call.given.get("container") or ""))
    service = session.objects.resource(ObjectRef("", "Service", platform.namespace, "x"))
    there = {
        s["metadata"]["name"]: s["spec"].get("clusterIP", "")
        for s in session.objects.list(service, platform.namespace, "")
        if words[1:2] or s["metadata"].get("labels", {}).get(labels.INSTANCE) == platform.instance
    }
    names = words[1:2] or [*sorted(there), "kubernetes.default"]
    rows = []
    for name in names:
        with in_words(prepared, pod, "name resolution"):
            result = streams.execute(
                session.api,
                target.namespace,
                where,
                resolving.command(name),
                container=container,
                timeout=15.0,
            )
            if result.failure:
                raise AllupError(
                    f"dns from {where}",
                    f"cannot be looked up: {result.failure}",
                    next_step=f"inv {call.platform.collection}.debug --pod {where} brings a shell along",
                )
        found = resolving.read(name, result.stdout)
        good, verdict = resolving.verdict(found, there.get(name, ""))
        rows.append((name, good, verdict, found))
    if call.given.get("json"):
        say_json(
            {
                "schema": SCHEMA,
                "type": "dns",
                "pod": where,
                "names": [
                    {"name": n, "right": g, "verdict": v, "addresses": list(f.addresses), "tool": f.tool}
                    for n, g, v, f in rows
                ],
            }
        )
    else:
        say(f"From {where}:")
        for name, _, verdict, _ in rows:
            say(f"  {name} {verdict}")
    wrong = [name for name, good, _, _ in rows if not good]
    if wrong:
        raise AllupError(f"dns from {where}", f"{len(wrong)} of {len(rows)} names are not right")


def container_id(call: Call) -> None:
    """Node, runtime and id of each container, for whoever has to look on the node itself."""
    prepared = prepare(call)
    target = _target(prepared)
    rows = [row for pod in target.pods(prepared.session.objects) for row in pods.container_ids(pod)]
    if call.given.get("json"):
        keys = ("node", "pod", "container", "runtime", "id")
        entries = [dict(zip(keys, row, strict=True)) for row in rows]
        say_json({"schema": SCHEMA, "type": "container-id", "containers": entries})
        return
    if not rows:
        raise AllupError(target.title, "has no pod", next_step=f"inv {call.platform.collection}.status")
    shown = [(*row[:4], row[4] or "none yet") for row in rows]
    say(table(("NODE", "POD", "CONTAINER", "RUNTIME", "ID"), shown))


def _target(prepared: Prepared) -> Behind:
    """``COMPONENT`` or ``--pod``; raises InputError with a suggestion for a name that is not there."""
    call = prepared.call
    pod = call.given.get("pod")
    if pod:
        return named_pod(prepared, str(pod))
    name = call.words[0] if call.words else ""
    return component(prepared, name)


def component(prepared: Prepared, name: str) -> Behind:
    """The pods of a component, also of one that is no longer in the platform."""
    platform = prepared.platform
    known = [c.name for c in platform.components]
    target = pods.of_component(name, platform.instance, platform.namespace)
    if name in known or (name and target.pods(prepared.session.objects)):
        return target
    raise InputError(
        f"component {name!r}" if name else prepared.call.verb.name,
        f"is not part of {platform.name}{did_you_mean(name, known)}" if name else "of which component",
        next_step=f"Its components are {', '.join(known)}; --pod names a pod",
    )


def named_pod(prepared: Prepared, name: str) -> Behind:
    """That pod; raises InputError with a suggestion when it is not there."""
    from allup.refs import ObjectRef

    namespace = prepared.platform.namespace
    target = Behind(f"pod {name}", namespace, pod=name)
    objects = prepared.session.objects
    if not target.pods(objects):
        resource = objects.resource(ObjectRef("", "Pod", namespace, "x"))
        known = [p["metadata"]["name"] for p in objects.list(resource, namespace, "")]
        raise InputError(f"pod {name!r}", f"is not in namespace {namespace}{did_you_mean(name, known)}")
    return target


def _need_terminal(verb: str, instead: str) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError(verb, "needs a terminal, and this is none", next_step=instead)


def is_piped(descriptor: int) -> bool:
    """A pipe or a file, but neither a terminal nor /dev/null: only then does anybody mean it as input."""
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def writer(stream: Any) -> Any:
    """Writes bytes to *stream* as they come, past its buffer."""
    stream.flush()

    def write(data: bytes) -> None:
        while data:
            data = data[os.write(stream.fileno(), data) :]

    return write


def _leave(result: Any, subject: str, next_step: str) -> None:
    if result.exit_code is None:
        raise AllupError(subject, result.failure, next_step=next_step)
    if result.exit_code:
        raise Exit(code=result.exit_code)
