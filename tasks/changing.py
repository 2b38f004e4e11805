"""Verbs that make a small change: restart, scale, rotate, secret-from-file."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

from allup import AllupError, InputError
from allup.run.options import RunOptions
from tasks.looking import known_component, look
from tasks.output import SCHEMA, ref_json, say, say_json, tell
from tasks.preparing import Prepared, prepare
from tasks.questions import confirm
from tasks.running import UP_TIMEOUT, leave, reporting
from tasks.verb import Call

_MOST_REPLICAS = 2**31 - 1


def restart(call: Call) -> None:
    """New pods for what a component runs, or for one pod."""
    from allup.daily.rollout import Rollout, pod_restart, restarts

    component, pod = "".join(call.words), call.given.get("pod") or ""
    if bool(component) == bool(pod):
        raise InputError(
            f"{call.platform.collection}.restart",
            "which one?" if not component else "a component and a pod are one too many",
            next_step="Name a component, or a pod with --pod",
        )
    prepared = prepare(call)
    options = prepared.options(UP_TIMEOUT)
    sight = look(prepared)
    if pod:
        component, changes = pod_restart(sight, pod)
    else:
        known_component(prepared, sight, component)
        _must_be_up(prepared, component, bool(sight.objects(component)))
        changes = restarts(sight, component, prepared.session.clock.now().isoformat(timespec="microseconds"))
    with reporting(prepared) as report:
        run = Rollout(prepared.session, prepared.platform, component, "restart", changes, options, report)
        finished = run.run()
    leave(finished)


def scale(call: Call) -> None:
    """Another number of pods, until the next up."""
    from allup.daily.rollout import Rollout, scaling

    wanted = call.given["replicas"]
    if not re.fullmatch(r"[0-9]{1,10}", wanted) or int(wanted) > _MOST_REPLICAS:
        raise InputError("replicas", f"{wanted!r} is not a number of pods")
    prepared = prepare(call)
    options = prepared.options(UP_TIMEOUT)
    sight = look(prepared)
    component = call.given["component"]
    known_component(prepared, sight, component)
    _must_be_up(prepared, component, bool(sight.objects(component)))
    change, before, goes_back = scaling(sight, component, int(wanted), call.given.get("workload") or "")
    with reporting(prepared) as report:
        run = Rollout(prepared.session, prepared.platform, component, "scale", [change], options, report)
        finished = run.run()
    out = tell if call.given.get("json") else say
    back = (
        f"the next inv {call.platform.collection}.all-up goes back to its own number"
        if goes_back
        else "the platform sets no number, so it stays"
    )
    if finished.outcome == "done":
        out(f"{change.ref}: {before} → {wanted}; {back}.")
    leave(finished)


def rotate(call: Call) -> None:
    """New values for a generated Secret; then all-up's own mechanism for whoever uses it."""
    from allup.daily.rotation import plan_rotation, write_rotation
    from allup.run.up import Up
    from tasks import where

    now = prepare(call)
    prepared = now.as_last_up()
    options = prepared.options(UP_TIMEOUT)
    session, loaded, given = prepared.session, prepared.loaded, prepared.given
    rotation = plan_rotation(session, loaded, call.given["name"], given)
    mask, json = prepared.redactor.mask, call.given.get("json")
    out = tell if json else say
    warnings = [rotation.breaks] if rotation.breaks else []
    warnings += [
        f"{claim}: its data was made with the values until now and does not follow. Change them inside it, "
        "or what uses it will not open it"
        for claim in rotation.claims
    ]
    if json:
        say_json(
            {
                "schema": SCHEMA,
                "type": "rotation",
                "secret": ref_json(rotation.ref),
                "component": rotation.component,
                "rolls": [ref_json(ref) for ref in rotation.rolls],
                "rendered": [ref_json(ref) for ref in rotation.rendered],
                "claims": [ref_json(ref) for ref in rotation.claims],
                "warnings": [mask(text) for text in warnings],
            }
        )
    out(f"{rotation.ref} gets new values.")
    out("Its pods are replaced: " + (", ".join(map(str, rotation.rolls)) or "none") + ".")
    for text in warnings:
        out(mask(f"warning: {text.rstrip('.')}."))
    if not session.sandbox:
        confirm(f"Rotate {rotation.ref} on {session.context}.", call.given.get("yes"))
    write_rotation(session, loaded, rotation, options.lock_timeout)
    only: RunOptions = replace(options, only=rotation.components, no_deps=True, prune=False)
    session.stop.set()
    again = where.open_target(prepared.target, prepared.redactor)
    with reporting(prepared) as report:
        finished = Up(again, loaded, only, report, given, told_as=f"rotate {rotation.ref.name}").run()
    leave(finished)


def secret_from_file(call: Call) -> None:
    """A Secret made or filled from files."""
    from allup.daily.filling import fill

    if len(call.words) < 2:
        raise InputError(
            f"{call.platform.collection}.secret-from-file",
            "which Secret, from which files?",
            next_step="Write NAME KEY=FILE …",
        )
    prepared = prepare(call)
    name, *files = call.words
    values = {key: _read(key, file) for key, file in _files(files).items()}
    if not re.fullmatch(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?", name):
        raise InputError(f"Secret {name!r}", "is not a name Kubernetes takes (RFC 1123)")
    options = prepared.options(UP_TIMEOUT)
    filled = fill(prepared.session, prepared.platform, name, values, options.lock_timeout)
    if call.given.get("json"):
        say_json(
            {
                "schema": SCHEMA,
                "type": "secret",
                "secret": ref_json(filled.ref),
                "component": filled.component,
                "action": str(filled.written),
                "keys": list(filled.keys),
            }
        )
        return
    say(f"{filled.ref} {filled.written}: {', '.join(filled.keys)}.")
    if filled.component:
        say(f"inv {call.platform.collection}.all-up replaces the pods that use it.")
    else:
        say(f"It is not part of {prepared.platform.name}; nothing here removes it.")


def _files(words: list[str]) -> dict[str, str]:
    """``KEY=FILE`` words as a mapping; raises InputError."""
    found: dict[str, str] = {}
    for word in words:
        key, equals, file = word.partition("=")
        if not equals or not file or not re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key):
            raise InputError(repr(word), "is not KEY=FILE", next_step="Write key=path, or key=- for stdin")
        if key in found:
            raise InputError(f"key {key!r}", "is given twice")
        found[key] = file
    if list(found.values()).count("-") > 1:
        raise InputError("standard input", "can fill one key only")
    return found


def _read(key: str, file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).expanduser().read_bytes()
    except OSError as error:
        raise InputError(f"{key}={file}", f"cannot be read ({error.strerror})") from None


def _must_be_up(prepared: Prepared, component: str, there: bool) -> None:
    if not there:
        raise AllupError(
            f"component {component}",
            "nothing of it is there",
            next_step=f"Bring it up first: inv {prepared.call.platform.collection}.status tells what is",
        )
