"""The evidence of a run that did not end well, in a folder: what a colleague needs to see why.

Objects, Events, and the logs of what is not ready, of this life and the one before; secrets masked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from allup.cluster import streams
from allup.cluster.store import Store
from allup.errors import AllupError, InputError
from allup.readiness import NoNeighbours, judge
from allup.refs import ObjectRef
from allup.run.session import Session

LOG_LINES = 1000


def write_bundle(folder: Path, session: Session, store: Store, namespace: str) -> tuple[Path, ...]:
    """Writes the files and returns their paths.

    ``objects.json`` has every object of the instance as last seen, ``events.json`` the namespace's Events,
    ``logs/POD.CONTAINER[.previous].log`` the end of each log of a pod that is not ready. What may not be read
    is left out. Raises InputError when the folder cannot be written.
    """
    files = {
        "objects.json": _json(session, [obj for _, obj in sorted(store.all(), key=lambda pair: pair[0])]),
        "events.json": _json(session, _events(session, namespace)),
    }
    for ref, obj in store.all():
        if ref.kind == "Pod" and not judge(obj, NoNeighbours(), session.clock.now()).ready:
            files |= _logs(session, ref, obj)
    written = []
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    except OSError as error:
        raise InputError(f"--bundle {folder}", f"cannot be written ({error.strerror})") from None
    return tuple(written)


def _json(session: Session, value: Sequence[Mapping[str, Any]]) -> str:
    masked = session.redactor.mask_object(list(value))
    return session.redactor.mask(json.dumps(masked, indent=1, ensure_ascii=False)) + "\n"


def _events(session: Session, namespace: str) -> Sequence[Mapping[str, Any]]:
    resource = session.discovery.find("", "Event")
    try:
        return session.objects.list(resource, namespace) if resource else ()
    except AllupError:
        return ()


def _logs(session: Session, ref: ObjectRef, obj: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for container in obj["spec"].get("containers", ()):
        for previous in (False, True):
            try:
                text = streams.logs(
                    session.api,
                    ref.namespace,
                    ref.name,
                    container=container["name"],
                    tail=LOG_LINES,
                    previous=previous,
                )
            except AllupError:
                continue
            life = ".previous" if previous else ""
            found[f"logs/{ref.name}.{container['name']}{life}.log"] = session.redactor.mask(text)
    return found
