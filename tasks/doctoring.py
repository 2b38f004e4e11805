"""What inv cluster.doctor does."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from invoke.context import Context

from allup.commands import Here
from allup.doctor.looking import Doctor, Wants
from allup.errors import AllupError, Differences
from allup.refs import GroupKind
from allup.report.tables import table
from allup.sandbox.doctor import Finding, State
from allup.sandbox.doctor import examine as examine_sandbox
from tasks.checkout import CHECKOUT
from tasks.output import SCHEMA, say, say_json


def examine(
    c: Context, given: Mapping[str, Any], platform: str | None, *, as_json: bool, strict: bool
) -> None:
    """Looks at this machine and at the cluster that is meant; prints a table, or JSON.

    With *strict* leaves with 5 when something will not work.
    """
    wants = _wants(c, platform) if platform else None
    doctor = Doctor(Here(os.environ), os.environ, sys.platform)
    sections = {
        "sandbox": examine_sandbox(CHECKOUT, os.environ),
        "machine": doctor.machine(),
        "cluster": _cluster(doctor, given, wants),
    }
    if as_json:
        findings = [{"about": about, **asdict(f)} for about, found in sections.items() for f in found]
        say_json({"schema": SCHEMA, "type": "doctor", "findings": findings})
    else:
        rows = [(f.state, f.name, f.fact, f.remedy) for found in sections.values() for f in found]
        say(table(("STATE", "WHAT", "FOUND", "DO"), rows))
    wrong = [f.name for found in sections.values() for f in found if f.state == "fail"]
    if strict and wrong:
        raise Differences("cluster.doctor", f"not right: {', '.join(dict.fromkeys(wrong))}")


def _cluster(doctor: Doctor, given: Mapping[str, Any], wants: Wants | None) -> Sequence[Finding]:
    from tasks import where

    try:
        found = where.target(given, where.allowed())
    except AllupError as error:
        state: State = "fail" if given.get("context") or wants else "note"
        evidence = f" {error.evidence}" if error.evidence else ""
        return [Finding("cluster", state, f"{error.subject}: {error.fact}.{evidence}", error.next_step)]
    first = Finding("cluster", "ok", f"{found.context}, {found.origin or 'chosen'}")
    return [first, *doctor.cluster(found, wants)]


def _wants(c: Context, name: str) -> Wants:
    from tasks.materials import bodies, prepared

    loaded = prepared(c, name).loaded
    kinds = frozenset(_kind(body) for body in bodies(loaded))
    return Wants(name, loaded.namespace, kinds)


def _kind(body: Mapping[str, Any]) -> GroupKind:
    group, slash, _ = str(body.get("apiVersion") or "").rpartition("/")
    return GroupKind(group if slash else "", str(body.get("kind") or ""))
