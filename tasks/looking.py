"""Verbs that look: plan, diff, render, status, why, settings, graph, secrets, history."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allup import AllupError, InputError
from allup.errors import Differences, did_you_mean
from allup.loading import dependencies
from allup.refs import GroupKind, ObjectRef
from allup.report.tables import table
from allup.run.options import RunOptions
from tasks.output import SCHEMA, as_json, ref_json, say, say_json
from tasks.preparing import Prepared, names, prepare
from tasks.verb import Call

if TYPE_CHECKING:
    from allup.diagnosis import Finding
    from allup.manifests import Desired
    from allup.run.planning import Plan
    from allup.run.seeing import Sight


def plan(call: Call) -> None:
    """What an up would do."""
    prepared = prepare(call)
    show_plan(prepared, prepared.options(900))


def diff(call: Call) -> None:
    """The same, field by field."""
    prepared = prepare(call)
    show_plan(prepared, prepared.options(900), fields=True)


def show_plan(prepared: Prepared, options: RunOptions, *, fields: bool = False) -> None:
    """Prints the plan; raises Differences when asked to by ``--check``."""
    from allup.run.planning import make_plan

    loaded = prepared.loaded
    made = make_plan(prepared.session, loaded, options, prepared.given)
    prepared.session.stop.set()
    _show(prepared, made, fields)
    if prepared.call.given.get("check") and made.changes:
        raise Differences(
            made.instance,
            f"{len(made.changes)} objects would be created, changed or removed",
            next_step=f"Do it with inv {prepared.call.platform.collection}.all-up",
        )


def show_down(prepared: Prepared, kinds: frozenset[GroupKind], options: RunOptions) -> None:
    """Prints what a down would do."""
    from allup.run.previewing import preview_down

    made = preview_down(prepared.session, prepared.platform, kinds, options)
    prepared.session.stop.set()
    _show(prepared, made)


def _show(prepared: Prepared, made: Plan, fields: bool = False) -> None:
    if prepared.call.given.get("json"):
        say_json(_plan_json(made))
    else:
        _say_plan(prepared, made, fields)


def _say_plan(prepared: Prepared, made: Plan, fields: bool) -> None:
    from allup.drift import render

    mask = prepared.redactor.mask
    shown = [e for e in made.entries if e.action != "unchanged"]
    if fields:
        for entry in shown:
            say(mask(f"{entry.action} {entry.ref}" + (f" ({entry.note})" if entry.note else "")))
            for line in render(entry.differences):
                say(mask(f"  {line}"))
    elif shown:
        rows = [(e.action, e.component, str(e.ref), mask(_note(e.note, len(e.differences)))) for e in shown]
        say(table(("ACTION", "COMPONENT", "OBJECT", "NOTE"), rows))
    for name, reason in made.off:
        say(f"{name} is off: {mask(reason)}")
    for change in made.settings:
        before, after = (_shown(value) or "not set" for value in (change.before, change.after))
        say(mask(f"setting {change.name}: {before} → {after} (last up: {change.before_origin})"))
    for warning in made.warnings:
        say(f"warning: {mask(warning)}")
    counts = {
        a: sum(e.action == a for e in made.entries) for a in dict.fromkeys(e.action for e in made.entries)
    }
    if made.changes:
        what = ", ".join(f"{n} {_BECOMES[action]}" for action, n in counts.items())
        say(f"{made.instance}: {what}. Nothing was touched.")
    else:
        same = "unchanged" if "unchanged" in counts or "keep" not in counts else "keep"
        say(f"{made.instance}: nothing would change ({counts.get(same, 0)} objects {_BECOMES[same]}).")


_BECOMES = {
    "create": "to create",
    "change": "to change",
    "replace": "to replace",
    "prune": "to prune",
    "delete": "to delete",
    "keep": "kept",
    "unchanged": "unchanged",
    "conflict": "in conflict",
}


def _note(note: str, changed: int) -> str:
    return note or (f"{changed} field{'s' if changed != 1 else ''}" if changed else "")


def _plan_json(made: Plan) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "type": "plan",
        "instance": made.instance,
        "entries": [
            {
                "component": e.component,
                "object": ref_json(e.ref),
                "action": e.action,
                "note": e.note,
                "differences": [
                    {"path": d.path, "before": d.before, "after": d.after} for d in e.differences
                ],
            }
            for e in made.entries
        ],
        "off": [{"component": name, "reason": reason} for name, reason in made.off],
        "settings": [
            {"name": c.name, "before": c.before, "after": c.after, "origin": c.before_origin}
            for c in made.settings
        ],
        "warnings": list(made.warnings),
    }


def render(call: Call) -> None:
    """The final manifests without a cluster."""
    import yaml

    prepared = prepare(call)
    only = names(call.given.get("only"))
    for name in only:
        prepared.platform.component(name)
    out = call.given.get("out")
    texts: list[tuple[str, str]] = []
    for name, desired in offline(prepared):
        if only and name not in only:
            continue
        text = yaml.safe_dump(_plain(desired.body), sort_keys=False, allow_unicode=True, width=110)
        file = f"{name}.{desired.ref.kind.lower()}.{desired.ref.name}.yaml"
        texts.append((file, f"# {desired.source}\n{text}"))
    if not out:
        say("---\n".join(text for _, text in texts).rstrip("\n"))
        return
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in texts:
        (folder / file).write_text(text, encoding="utf-8")
    say(f"{len(texts)} manifests are in {folder}.")


def offline(prepared: Prepared) -> Iterator[tuple[str, Desired]]:
    """The objects of every component as far as they are known without a cluster."""
    from allup.loading import assemble, live_values
    from allup.manifests import builtin_scope
    from allup.model.live import KnownLater
    from allup.ordering import in_apply_order

    loaded = prepared.loaded
    for component in prepared.platform.components:
        if not component.enabled:
            continue
        live: dict[Any, object] = {
            value: KnownLater(f"known after {value.ref} is there") if value.required else value.default
            for value in live_values(loaded, component.name)
        }
        desired = assemble(
            loaded, component.name, live=live, secrets={}, salt_key=b"\0" * 32, scope=builtin_scope
        )
        for each in in_apply_order(desired, lambda d: d.ref):
            yield component.name, each


def kinds_of(prepared: Prepared) -> frozenset[GroupKind]:
    """The kinds in the platform's manifests, as far as they can be told without up's flags."""
    try:
        return frozenset(desired.ref.group_kind for _, desired in offline(prepared))
    except AllupError:
        return frozenset()  # the inventory knows them


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def status(call: Call) -> None:
    """A table of the components; with ``--watch`` again whenever it has changed."""
    prepared = prepare(call)
    sight = look(prepared)
    if call.given.get("watch"):
        from tasks.watching import watch

        watch(prepared, sight, lambda: _status_text(prepared, sight))
        return
    say(_status_text(prepared, sight))
    wanted = component_flag(prepared)
    states = [s for s in sight.components() if wanted in ("", s.name)]
    wrong = [s for s in states if s.state not in ("ready", "disabled")]
    if call.given.get("check") and wrong:
        raise Differences(
            prepared.platform.instance,
            f"{len(wrong)} of {len(states)} components are not ready",
            next_step=f"inv {call.platform.collection}.why tells why",
        )


def _status_text(prepared: Prepared, sight: Sight) -> str:
    wanted = component_flag(prepared)
    states = [s for s in sight.components() if wanted in ("", s.name)]
    mask = prepared.redactor.mask
    if not prepared.call.given.get("json"):
        rows = [(s.name, s.state, len(s.pods), s.created, mask(s.message)) for s in states]
        return table(("COMPONENT", "STATE", "PODS", "CREATED", ""), rows)
    return as_json(
        {
            "schema": SCHEMA,
            "type": "status",
            "instance": prepared.platform.instance,
            "components": [
                {
                    "name": s.name,
                    "state": s.state,
                    "message": mask(s.message),
                    "pods": list(s.pods),
                    "objects": [
                        {"object": ref_json(ref), "state": str(r.state), "message": mask(r.message)}
                        for ref, r in s.objects
                    ],
                }
                for s in states
            ],
        }
    )


def why(call: Call) -> None:
    """Why what is not right is not right."""
    from allup.report.summary import facts

    prepared = prepare(call)
    sight = look(prepared)
    wanted = component_flag(prepared)
    found: Sequence[tuple[str, Finding]]
    if pod := call.given.get("pod"):
        component, finding = sight.finding_of_pod(str(pod))
        found, down, kept = [(component, finding)] if finding else [], [], []
        wanted = f"pod {pod}"
    else:
        found = sight.findings(wanted)
        states = [(s.name, s.state) for s in sight.components() if wanted in ("", s.name)]
        down, kept = ([n for n, state in states if state == which] for which in ("down", "kept"))
    mask = prepared.redactor.mask
    if call.given.get("json"):
        say_json(
            {
                "schema": SCHEMA,
                "type": "why",
                "instance": prepared.platform.instance,
                "down": down,
                "findings": [
                    {
                        "component": component,
                        "object": ref_json(f.ref),
                        "cause": f.cause,
                        "message": mask(f.message),
                        "hopeless": f.hopeless,
                        "culprit": ref_json(f.culprit) if f.culprit else None,
                        "evidence": mask(f.evidence),
                        "consequences": [mask(line) for line in f.consequences],
                        "last_event": mask(f.last_event),
                        "log_lines": [mask(line) for line in f.log_lines],
                        "previous_lines": [mask(line) for line in f.previous_lines],
                        "next_step": f.next_step,
                    }
                    for component, f in found
                ],
            }
        )
        return
    for component, f in found:
        say(mask(f"{component}: {f.ref}: {f.message}"))
        for label, line in facts(f):
            say(mask(f"    {label:<10}  {line}"))
    if down:
        say(f"Not up: {', '.join(down)}.")
    if kept:
        say(f"Taken down, with their data kept: {', '.join(kept)}.")
    if not found and not down and not kept:
        say(f"{wanted or prepared.platform.instance}: everything is as it should be.")


def settings(call: Call) -> None:
    """The settings with their origins."""
    from allup.model.settings import setting_specs

    prepared = prepare(call)
    found = prepared.settings
    specs = setting_specs(call.platform.settings)
    if call.given.get("json"):
        say_json(
            {
                "schema": SCHEMA,
                "type": "settings",
                "settings": [
                    {
                        "name": s.name,
                        "value": _json_value(getattr(found.values, s.name)),
                        "origin": str(found.origins[s.name]),
                        "variable": s.env or "",
                        "help": s.help,
                    }
                    for s in specs
                ],
            }
        )
        return
    rows = [
        (s.name, _shown(getattr(found.values, s.name)), str(found.origins[s.name]), s.env or "", s.help)
        for s in specs
    ]
    say(table(("SETTING", "VALUE", "FROM", "VARIABLE", ""), rows))


def graph(call: Call) -> None:
    """Which component needs which."""
    from allup.graph import Graph

    prepared = prepare(call)
    made = Graph(dependencies(prepared.loaded))
    say((made.mermaid() if call.given.get("mermaid") else made.text()).rstrip("\n"))


def secrets(call: Call) -> None:
    """Names, keys, origins, ages; one value with --reveal."""
    import base64

    from allup.model import labels

    prepared = prepare(call)
    session, platform = prepared.session, prepared.platform
    name = call.given.get("name") or ""
    declared = {s.name: (c, s) for c in platform.components for s in c.secrets}
    reveal = call.given.get("reveal")
    if reveal:
        if not name:
            raise InputError(
                "--reveal",
                f"{reveal!r} is a key of which Secret?",
                next_step=f"Name one: inv {call.platform.collection}.secrets NAME --reveal {reveal}",
            )
        found = session.objects.get(ObjectRef("", "Secret", platform.namespace, name))
        if found is None:
            raise InputError(f"Secret {name}", f"is not there{did_you_mean(name, declared)}")
        data = found.get("data") or {}
        if reveal not in data:
            raise InputError(f"Secret {name}", f"has no key {reveal!r}{did_you_mean(reveal, data)}")
        sys.stdout.write(base64.b64decode(data[reveal]).decode("utf-8", "replace") + "\n")
        return
    resource = session.discovery.find("", "Secret")
    assert resource is not None  # every server has Secrets
    there = session.objects.list(resource, platform.namespace, labels.instance_selector(platform.instance))
    rows, entries = [], []
    for obj in there:
        found_name = obj["metadata"]["name"]
        if name not in ("", found_name) or found_name == labels.inventory_name(platform.instance):
            continue
        annotations = obj["metadata"].get("annotations") or {}
        origin = "provided" if labels.KEEP not in annotations else "generated, kept"
        if labels.EVALUATION in annotations:
            origin = "evaluation value"
        if labels.RENDERED in annotations:
            origin = "rendered from a template"
        component = (obj["metadata"].get("labels") or {}).get(labels.COMPONENT, "")
        for key in sorted(obj.get("data") or {}):
            rows.append((found_name, key, component, origin, obj["metadata"]["creationTimestamp"]))
    for found_name, (component, secret) in declared.items():
        if name in ("", found_name) and not any(row[0] == found_name for row in rows):
            for key in secret.keys:
                rows.append((found_name, key, component.name, "not there yet", ""))
    if name and not rows:
        raise InputError(f"Secret {name}", f"is not part of {platform.name}{did_you_mean(name, declared)}")
    if call.given.get("json"):
        entries = [
            dict(zip(("name", "key", "component", "origin", "created"), row, strict=True)) for row in rows
        ]
        say_json({"schema": SCHEMA, "type": "secrets", "secrets": entries})
        return
    say(table(("SECRET", "KEY", "COMPONENT", "ORIGIN", "CREATED"), rows))


def history(call: Call) -> None:
    """The last runs."""
    prepared = prepare(call)
    sight = look(prepared)
    runs = sight.inventory.runs if sight.inventory else ()
    if call.given.get("json"):
        say_json({"schema": SCHEMA, "type": "history", "runs": [vars(r) for r in runs]})
        return
    rows = [(r.started, r.verb, r.outcome, f"{r.seconds:.1f} s") for r in runs]
    say(table(("STARTED", "VERB", "OUTCOME", "TOOK"), rows) if rows else "No run is remembered.")


def look(prepared: Prepared) -> Sight:
    """One look at the instance."""
    from allup.run.seeing import Sight

    return Sight(prepared.session, prepared.platform, kinds_of(prepared))


def component_flag(prepared: Prepared) -> str:
    """What ``--component`` names, ``""`` without it; raises InputError for no component."""
    wanted = prepared.call.given.get("component") or ""
    if wanted:
        prepared.platform.component(wanted)
    return str(wanted)


def known_component(prepared: Prepared, sight: Sight, name: str) -> None:
    """Raises InputError, with a suggestion, for what is no component in the code nor in the cluster."""
    known = sight.graph().order()
    if name not in known:
        raise InputError(
            f"component {name!r}",
            f"is not part of {prepared.platform.name}{did_you_mean(name, known)}",
            next_step=f"Its components are {', '.join(known)}",
        )


def _json_value(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
