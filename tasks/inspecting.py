"""Verbs that look at objects: describe, events, get, orphans, urls, check."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allup import InputError
from allup.errors import Differences, RunFailed, did_you_mean
from allup.refs import ObjectRef
from allup.report.tables import table
from tasks.looking import component_flag, kinds_of, known_component, look
from tasks.output import SCHEMA, as_json, ref_json, say, say_json, warned
from tasks.preparing import Prepared, prepare, seconds
from tasks.verb import Call

if TYPE_CHECKING:
    from allup.daily.checking import Checked
    from allup.daily.describing import Description
    from allup.diagnosis.event_list import EventLine
    from allup.run.progress import CheckOutcome, ComponentMoved
    from allup.run.seeing import Sight


def describe(call: Call) -> None:
    """The objects of a component, or one pod, with all that is worth knowing of them."""
    from allup.daily import describing

    prepared = prepare(call)
    sight = look(prepared)
    found = _described(prepared, sight)
    mask = prepared.redactor.mask
    if call.given.get("json"):
        say_json(
            {
                "schema": SCHEMA,
                "type": "describe",
                "instance": prepared.platform.instance,
                "objects": [_described_json(one, mask) for one in found],
            }
        )
        return
    now = prepared.session.clock.now()
    for number, one in enumerate(found):
        if number:
            say("")
        for line, warning in describing.lines(one, now):
            say(warned(mask(line), warning))
    if not found:
        say(f"{component_flag(prepared) or prepared.platform.instance}: nothing of it is there.")


def _described(prepared: Prepared, sight: Sight) -> Sequence[Description]:
    from allup.daily import describing
    from allup.daily.events_now import list_events
    from allup.diagnosis.event_list import Claimants, event_lines
    from allup.errors import ApiError
    from allup.readiness import judge
    from allup.run.beside import Beside

    session, store = prepared.session, sight.watches.store
    ours, now = sight.ours(), session.clock.now()
    try:
        events = event_lines(list_events(session, prepared.platform.namespace, ours), Claimants(ours))
    except ApiError as error:
        sys.stderr.write(f"warning: Events cannot be read ({error.fact})\n")
        events = ()
    wanted, pod = _component(prepared, sight), prepared.call.given.get("pod")
    found = []
    for name in sight.graph().order():
        if wanted not in ("", name):
            continue
        beside = Beside(store, name)
        if pod:
            objects: Mapping[ObjectRef, Mapping[str, Any]] = {
                ref: obj for ref, obj in store.of_component(name, ("Pod",)) if ref.name == pod
            }
        else:
            objects = sight.objects(name)
        for ref, obj in sorted(objects.items()):
            found.append(
                describing.describe(ref, obj, name, judge(obj, beside, now), sight.pods_of(obj), events, now)
            )
    if pod and not found:
        known = [ref.name for ref in ours if ref.kind == "Pod"]
        raise InputError(f"pod {pod!r}", f"is not there{did_you_mean(pod, known)}")
    return found


def _described_json(one: Description, mask: Any) -> dict[str, Any]:
    return {
        "object": ref_json(one.ref),
        "component": one.component,
        "state": str(one.readiness.state),
        "message": mask(one.readiness.message),
        "facts": [{"name": name, "value": mask(value)} for name, value in one.facts],
        "conditions": [
            {"type": c.type, "status": c.status, "reason": c.reason, "message": mask(c.message)}
            for c in one.conditions
        ],
        "pods": [
            {
                "name": pod.name,
                "node": pod.node,
                "address": pod.address,
                "phase": pod.phase,
                "containers": [
                    {"name": c.name, "image": c.image, "state": mask(c.state)} for c in pod.containers
                ],
                "events": [_event_json(event, mask) for event in pod.events],
            }
            for pod in one.pods
        ],
        "events": [_event_json(event, mask) for event in one.events],
    }


def events(call: Call) -> None:
    """Kubernetes Events about our objects and their pods, oldest first."""
    from allup.daily.events_now import follow_events, list_events
    from allup.diagnosis.event_list import Claimants, event_lines

    prepared = prepare(call)
    sight = look(prepared)
    session, wanted = prepared.session, _component(prepared, sight)
    since = call.given.get("since")
    oldest = session.clock.now() - timedelta(seconds=seconds("--since", since, 1)) if since else None
    mask, ours = prepared.redactor.mask, sight.ours()
    claimants, pod = Claimants(ours), call.given.get("pod")

    def lines_of(events: Iterable[Mapping[str, Any]]) -> Sequence[EventLine]:
        lines = event_lines(events, claimants, component=wanted, since=oldest)
        return [line for line in lines if not pod or line.about == f"Pod/{pod}"]

    found = lines_of(list_events(session, prepared.platform.namespace, ours))
    if call.given.get("watch"):
        shown: dict[tuple[str, ...], int] = {}
        for line in found:
            _say_event(prepared, line)
            shown[_same(line)] = line.count
        for event in follow_events(session, prepared.platform.namespace):
            for line in lines_of([event]):
                if shown.get(_same(line)) != line.count:
                    _say_event(prepared, line)
                    shown[_same(line)] = line.count
        return
    if call.given.get("json"):
        say_json(
            {
                "schema": SCHEMA,
                "type": "events",
                "instance": prepared.platform.instance,
                "events": [_event_json(line, mask) for line in found],
            }
        )
        return
    now = session.clock.now()
    rows = [
        (
            line.age(now),
            f"{line.count}×",
            "warning" if line.warning else "normal",
            *(line.component, line.about, line.reason, mask(line.message)),
        )
        for line in found
    ]
    headers = ("AGE", "COUNT", "TYPE", "COMPONENT", "OBJECT", "REASON", "MESSAGE")
    if not rows:
        say("No Events." if not since else f"No Events within {since}.")
        return
    head, *lines = table(headers, rows).splitlines()
    say(head)
    for text, line in zip(lines, found, strict=True):
        say(warned(text, line.warning))


def _same(line: EventLine) -> tuple[str, ...]:
    return line.about, line.reason, line.message


def _say_event(prepared: Prepared, line: EventLine) -> None:
    mask = prepared.redactor.mask
    if prepared.call.given.get("json"):
        say_json({"schema": SCHEMA, "type": "event", **_event_json(line, mask)})
        return
    at = line.last.astimezone().strftime("%H:%M:%S") if line.last else "        "
    often = f" ({line.count}×)" if line.count > 1 else ""
    kind = "warning" if line.warning else "normal"
    text = f"{at}  {kind:<7}  {line.component}  {line.about}  {line.reason}: {line.message}{often}"
    say(warned(mask(text), line.warning))


def _event_json(line: EventLine, mask: Any) -> dict[str, Any]:
    return {
        "about": line.about,
        "component": line.component,
        "event_type": "Warning" if line.warning else "Normal",
        "reason": line.reason,
        "message": mask(line.message),
        "count": line.count,
        "last": line.last.isoformat() if line.last else None,
    }


def get(call: Call) -> None:
    """A jq expression on the list of our objects, secrets masked."""
    from allup import expressions

    prepared = prepare(call)
    sight = look(prepared)
    objects = sight.in_full(_component(prepared, sight), call.given.get("kind") or "")
    masked = prepared.redactor.mask_object(objects)
    expression = call.given["expression"]
    try:
        results = expressions.all_results(expression, masked)
    except ValueError as error:
        reason = prepared.redactor.mask(str(error).splitlines()[0])
        raise InputError(f"jq expression {expression!r}", f"does not apply ({reason})") from None
    mask = prepared.redactor.mask
    if call.given.get("json"):
        say(mask(as_json({"schema": SCHEMA, "type": "get", "results": results})))
        return
    for result in results:
        raw = call.given.get("raw") and isinstance(result, str)
        say(mask(result if raw else json.dumps(result, indent=2, ensure_ascii=False)))


def orphans(call: Call) -> None:
    """Objects with our labels that no component claims."""
    from allup.run import orphans as judging
    from allup.run.workers import Pool

    prepared = prepare(call)
    platform, session = prepared.platform, prepared.session
    sight = look(prepared)
    pool = Pool(prepared.options(60).jobs)
    try:
        refused: list[str] = []
        everything = judging.labelled(
            session,
            platform.namespace,
            platform.instance,
            pool,
            on_refused=lambda resource: refused.append(resource.plural),
        )
    finally:
        pool.close()
    if refused:
        sys.stderr.write(f"warning: left out, since we may not list them: {', '.join(sorted(refused))}\n")
    kinds = kinds_of(prepared) | (sight.inventory.group_kinds if sight.inventory else frozenset())
    known = {one.name for one in platform.components} | set(sight.inventory.graph if sight.inventory else ())
    found = judging.judge(everything, instance=platform.instance, components=known, kinds=kinds)
    if call.given.get("json"):
        say_json(
            {
                "schema": SCHEMA,
                "type": "orphans",
                "instance": platform.instance,
                "orphans": [
                    {
                        "object": ref_json(one.ref),
                        "component": one.component,
                        "created": one.created,
                        "reason": one.reason,
                    }
                    for one in found
                ],
            }
        )
    elif found:
        say(table(("OBJECT", "CREATED", "WHY"), [(str(o.ref), o.created, o.reason) for o in found]))
    else:
        say(f"{platform.instance}: no orphans.")
    if call.given.get("check") and found:
        raise Differences(
            platform.instance,
            f"{len(found)} {'objects are' if len(found) > 1 else 'object is'} claimed by no component",
            next_step=f"Remove what is not needed: inv {platform.collection}.kubectl -- delete …",
        )


def urls(call: Call) -> None:
    """Where to click, and how to get there."""
    from allup.daily.reaching import ways
    from allup.model.checks import CheckTarget
    from allup.model.platform import url_parts

    prepared = prepare(call).as_last_up()
    platform, session = prepared.platform, prepared.session
    sight = look(prepared)
    objects = {(ref.kind, ref.name): (ref, obj) for ref, obj in sight.watches.store.all()}
    ingresses = [obj for (kind, _), (_, obj) in objects.items() if kind == "Ingress"]
    entries, rows = [], []
    for title, where in platform.urls:
        where, path = url_parts(where)
        target = CheckTarget.parse(where)
        ref, service = objects.get((target.kind, target.name), (None, None))
        component = sight.ours().get(ref, "") if ref else ""
        with_nodes = any(p.get("nodePort") for p in ((service or {}).get("spec") or {}).get("ports") or ())
        found = ways(
            target,
            service,
            ingresses,
            _nodes(prepared) if with_nodes else (),
            collection=platform.collection,
            component=component,
            path=path,
        )
        entries.append({"title": title, "target": str(target), "ways": [vars(way) for way in found]})
        rows += [(title, str(target), way.kind, way.text) for way in found]
        if not found:
            rows.append((title, str(target), "not up", f"inv {platform.collection}.all-up"))
    session.stop.set()
    if call.given.get("json"):
        say_json({"schema": SCHEMA, "type": "urls", "urls": entries})
    else:
        say(table(("WHAT", "SERVICE", "BY", ""), rows) if rows else f"{platform.name} shows no URL.")


def _nodes(prepared: Prepared) -> Sequence[Mapping[str, Any]]:
    from allup.errors import ApiError

    resource = prepared.session.discovery.find("", "Node")
    try:
        return prepared.session.objects.list(resource) if resource else ()
    except ApiError:
        return ()


def check(call: Call) -> None:
    """The platform's health checks, now."""
    from allup.daily.checking import check_now
    from allup.run.progress import CheckOutcome

    prepared = prepare(call).as_last_up()
    session, platform = prepared.session, prepared.platform
    began = session.clock.monotonic()
    sight = look(prepared)
    wanted = _component(prepared, sight)
    found = check_now(session, platform, sight, component=wanted)
    mask = prepared.redactor.mask
    if call.given.get("junit"):
        _junit(prepared, found, began)
    if call.given.get("json"):
        say_json(
            {
                "schema": SCHEMA,
                "type": "check",
                "instance": platform.instance,
                "checks": [
                    {
                        "component": one.component,
                        "name": one.check,
                        "outcome": str(one.outcome),
                        "detail": mask(one.detail),
                    }
                    for one in found
                ],
            }
        )
    else:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        rows = [(one.component, one.check, str(one.outcome), mask(one.detail)) for one in found]
        say(table(("COMPONENT", "CHECK", "OUTCOME", "DETAIL"), rows, colour=colour))
        counts = [f"{sum(c.outcome is o for c in found)} {o}" for o in CheckOutcome]
        say(f"{platform.instance}: {', '.join(counts)}." if found else "There are no checks.")
    failed = [one for one in found if one.outcome is CheckOutcome.FAILED]
    if failed:
        raise RunFailed(
            platform.instance,
            f"{len(failed)} of {len(found)} health checks failed",
            next_step=f"inv {platform.collection}.why tells what is not ready",
        )


def _junit(prepared: Prepared, found: Sequence[Checked], began: float) -> None:
    from allup.report.junit import JUnitReport
    from allup.run.progress import CheckDone, CheckOutcome, RunFinished

    session, platform = prepared.session, prepared.platform
    now, mask = session.clock.monotonic(), prepared.redactor.mask
    with JUnitReport(Path(prepared.call.given["junit"]), wall=session.clock.now) as report:
        report(replace(session.begins("check", platform, ()), at=began))
        for one in found:
            report(
                CheckDone(
                    at=now,
                    component=one.component,
                    check=one.check,
                    outcome=one.outcome,
                    detail=mask(one.detail),
                )
            )
        for component in dict.fromkeys(one.component for one in found):
            report(_as_a_whole(now, component, {o.outcome for o in found if o.component == component}))
        bad = any(one.outcome is CheckOutcome.FAILED for one in found)
        report(
            RunFinished(
                at=now,
                verb="check",
                outcome="failed" if bad else "done",
                seconds=now - began,
                components=(),
                requests=session.api.requests,
            )
        )


def _as_a_whole(at: float, component: str, outcomes: set[CheckOutcome]) -> ComponentMoved:
    """A component whose checks were all skipped is not called ready."""
    from allup.run.progress import CheckOutcome, ComponentMoved, Phase

    if CheckOutcome.FAILED in outcomes:
        return ComponentMoved(at=at, component=component, phase=Phase.FAILED, message="a check failed")
    if CheckOutcome.PASSED in outcomes:
        return ComponentMoved(at=at, component=component, phase=Phase.READY)
    return ComponentMoved(at=at, component=component, phase=Phase.SKIPPED, message="no check could be asked")


def _component(prepared: Prepared, sight: Sight) -> str:
    """What ``--component`` names; also one that is only in the cluster."""
    wanted = str(prepared.call.given.get("component") or "")
    if wanted:
        known_component(prepared, sight, wanted)
    return wanted
