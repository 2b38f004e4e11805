"""A platform by its name, and what it is made of, for tasks that are no verb of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from invoke.context import Context

from allup.errors import InputError, did_you_mean
from allup.loading import LoadedPlatform
from allup.model.live import Live
from allup.substitution import substitute
from tasks import platforms
from tasks.preparing import Prepared, prepare
from tasks.verb import Call, Verb


def prepared(c: Context, name: str) -> Prepared:
    """The platform whose folder under k8s/ is *name*, or whose tasks begin with it. Raises InputError."""
    folders = platforms.folders()
    loaded = [(folder, platforms.load(folder)) for folder in folders]
    found = next((p for folder, p in loaded if name in (folder.name, p.collection)), None)
    if found is None:
        known = [folder.name for folder in folders]
        raise InputError(
            f"platform {name!r}",
            f"is not there{did_you_mean(name, known)}",
            next_step=f"There are {', '.join(known)}",
        )
    return prepare(Call(c, found, Verb("check", "", "", "imaging:check"), {}))


def bodies(loaded: LoadedPlatform) -> Iterator[Mapping[str, Any]]:
    """Every object of the enabled components' manifests, with the platform's values put in; a live value
    is an address that leads nowhere."""
    platform = loaded.platform
    for component in loaded.enabled:
        values = {**platform.values, **component.values, "component": component.name}
        values |= {"instance": loaded.instance, "namespace": loaded.namespace, "platform": platform.name}
        for document in loaded.documents.get(component.name, ()):
            body = substitute(document.node, _plain(values), document.path)
            if isinstance(body, Mapping):
                yield body


def _plain(value: Any) -> Any:
    if isinstance(value, Live):
        return "0.0.0.0"
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return value
