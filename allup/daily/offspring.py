"""The children of a component: what its own processes made. Listed, and ended by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allup import expressions
from allup.cluster.discovery import Resource
from allup.errors import InputError, did_you_mean
from allup.model.extras import ListChildren
from allup.model.platform import Children, Platform
from allup.refs import ObjectRef
from allup.run.session import Session

Object = Mapping[str, Any]


def listed(session: Session, platform: Platform, task: ListChildren) -> Sequence[Object]:
    """The children that the task lists, by name."""
    found = [
        obj
        for child in _children(platform, task)
        if child.kind.rpartition("/")[2] == task.kind
        for obj in _of(session, platform, child)
    ]
    return sorted(found, key=lambda obj: str(obj["metadata"]["name"]))


def columns(task: ListChildren, obj: Object) -> tuple[str, ...]:
    """What the task's columns say of one child; an expression that does not apply says nothing."""
    return tuple(_value(expression, obj) for expression in task.columns.values())


def end(session: Session, platform: Platform, task: ListChildren, names: Sequence[str]) -> list[ObjectRef]:
    """Ends the children of those names (``all``: every one) and what belongs to them; returns what was
    deleted.

    Raises InputError, before anything is touched, for a name that is not among them.
    """
    there = {str(obj["metadata"]["name"]): obj for obj in listed(session, platform, task)}
    names = list(there) if "all" in names else names
    for name in names:
        if name not in there:
            raise InputError(f"{task.noun} {name!r}", f"is not there{did_you_mean(name, there)}")
    doomed = [there[name] for name in names]
    for child in _children(platform, task):
        if task.belongs and child.kind.rpartition("/")[2] != task.kind:
            doomed += [o for o in _of(session, platform, child) if _value(task.belongs, o) in names]
    gone = []
    for obj in doomed:
        ref = ObjectRef.of(obj)
        if session.objects.delete(ref, uid=obj["metadata"]["uid"], foreground=True):
            gone.append(ref)
    return gone


def _children(platform: Platform, task: ListChildren) -> Sequence[Children]:
    return platform.component(task.component).children


def _of(session: Session, platform: Platform, child: Children) -> Sequence[Object]:
    resource = _resource(session, child)
    return session.objects.list(resource, platform.namespace, child.selector) if resource else ()


def _resource(session: Session, child: Children) -> Resource | None:
    group, _, kind = child.kind.rpartition("/")
    found = session.discovery.find(group, kind) if group else None
    return found or next(iter(session.discovery.of_kind(kind)), None)


def _value(expression: str, obj: Object) -> str:
    try:
        value = expressions.first(expression, dict(obj))
    except ValueError:
        return ""
    return "" if value is None else str(value)
