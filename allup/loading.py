"""Reads a platform's manifests and templates (the one place of the model that reads files), and assembles the
objects of a component from them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allup.configs import encoded, render_config
from allup.errors import InputError, did_you_mean
from allup.manifests import (
    Desired,
    Scope,
    builtin_scope,
    decorate,
    placeholders,
    render,
    with_definitions,
)
from allup.model import labels
from allup.model.live import KnownLater, Live
from allup.model.platform import Component, Platform
from allup.model.secrets import Secret
from allup.refs import ObjectRef, ShortRef, group_of
from allup.yamlfiles import Document, ScalarNode, find, load_documents, read_text

GENERATED_LATER = KnownLater("generated at the first up")


@dataclass(frozen=True)
class LoadedPlatform:
    """A platform with the files of its enabled components: documents by component, templates by path."""

    platform: Platform
    folder: Path
    documents: Mapping[str, tuple[Document, ...]]
    templates: Mapping[str, str]


def load(platform: Platform, folder: Path) -> LoadedPlatform:
    """Reads every file that an enabled component names; raises InputError for a missing or broken one."""
    documents: dict[str, tuple[Document, ...]] = {}
    templates: dict[str, str] = {}
    for component in platform.components:
        if not component.enabled:
            continue
        found: list[Document] = []
        for file in component.files:
            found += load_documents(_existing(folder, file, component.name), label=_label(folder, file))
        documents[component.name] = tuple(found)
        for config in component.configs:
            for path in config.files.values():
                file = f"config/{path}"
                text = read_text(_existing(folder, file, component.name), label=_label(folder, file))
                templates[path] = text
    return LoadedPlatform(platform, folder, documents, templates)


def assemble(
    loaded: LoadedPlatform,
    component_name: str,
    *,
    live: Mapping[Live, object],
    secrets: Mapping[str, Mapping[str, str]],
    salt_key: bytes,
    scope: Scope,
) -> tuple[Desired, ...]:
    """The objects of one component: manifests, configs, Secrets; without checksums.

    *live* has a value for each of ``live_values``. A declared Secret missing from *secrets* gets values that
    are known later. Raises InputError with file and line.
    """
    platform = loaded.platform
    component = platform.component(component_name)
    values = {name: live[v] if isinstance(v, Live) else v for name, v in _values(platform, component).items()}
    around = {"instance": platform.instance, "namespace": platform.namespace, "platform": platform.name}
    every = [document for documents in loaded.documents.values() for document in documents]
    desired = list(
        render(
            loaded.documents.get(component_name, ()),
            values,
            platform=platform.name,
            instance=platform.instance,
            component=component_name,
            namespace=platform.namespace,
            scope=with_definitions(lambda g, k: _first(scope(g, k), builtin_scope(g, k)), every),
        )
    )
    known_secrets = {
        secret.name: secrets.get(secret.name) or dict.fromkeys(secret.keys, GENERATED_LATER)
        for other in platform.components
        for secret in other.secrets
    }
    own = labels.standard_labels(platform.name, platform.instance, component_name)
    for secret in component.secrets:
        desired.append(_own(_secret_body(secret, known_secrets[secret.name]), component_name, platform, own))
    for config in component.configs:
        body = render_config(
            config,
            {path: loaded.templates[path] for path in config.files.values()},
            {**around, "component": component_name, **values},
            secrets=known_secrets,
            salt_key=salt_key,
        )
        desired.append(_own(body, component_name, platform, own))
    return tuple(desired)


def live_values(loaded: LoadedPlatform, component_name: str) -> tuple[Live, ...]:
    """The live values of a component: in its values, in platform values its files name, in its pins."""
    component = loaded.platform.component(component_name)
    used = _names_used(loaded, component)
    found: list[Live] = []
    for name, value in _values(loaded.platform, component).items():
        if isinstance(value, Live) and (name in component.values or name in used):
            found.append(value)
    found += [pin.recreate_from for pin in component.pins if pin.recreate_from is not None]
    # A platform value that nothing here uses is still looked up when a template is rendered with it.
    found += [v for v in loaded.platform.values.values() if isinstance(v, Live) and v not in found]
    return tuple(dict.fromkeys(found))


def dependencies(loaded: LoadedPlatform) -> dict[str, frozenset[str]]:
    """What each enabled component needs: its ``after``, and the makers of the live values it requires."""
    enabled = [component for component in loaded.platform.components if component.enabled]
    makers = {ref: name for name, documents in loaded.documents.items() for ref in _refs(loaded, documents)}
    needs: dict[str, frozenset[str]] = {}
    for component in enabled:
        used = _names_used(loaded, component)
        needed = set(component.after)
        for name, value in _values(loaded.platform, component).items():
            if isinstance(value, Live) and value.required and (name in component.values or name in used):
                maker = next((c for ref, c in makers.items() if _same(value.ref, ref)), None)
                if maker is not None and maker != component.name:
                    needed.add(maker)
        needs[component.name] = frozenset(needed)
    return needs


def makers(loaded: LoadedPlatform) -> dict[ShortRef, str]:
    """The component that makes each object of the manifests."""
    return {ref: name for name, documents in loaded.documents.items() for ref in _refs(loaded, documents)}


def _values(platform: Platform, component: Component) -> dict[str, Any]:
    return {**platform.values, **component.values}


def _names_used(loaded: LoadedPlatform, component: Component) -> frozenset[str]:
    used = {name for d in loaded.documents.get(component.name, ()) for name in placeholders(d.node)}
    for config in component.configs:
        for path in config.files.values():
            used |= set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", loaded.templates.get(path, "")))
    return frozenset(used)


def _refs(loaded: LoadedPlatform, documents: Sequence[Document]) -> list[ShortRef]:
    refs = []
    for document in documents:
        kind = find(document.node, "kind")
        name = find(document.node, "metadata", "name")
        version = find(document.node, "apiVersion")
        if isinstance(kind, ScalarNode) and isinstance(name, ScalarNode) and isinstance(version, ScalarNode):
            spelled = name.text.replace("${instance}", loaded.platform.instance)
            refs.append(ShortRef(group_of(version.text), kind.text, spelled))
    return refs


def _same(wanted: ShortRef, made: ShortRef) -> bool:
    return wanted.kind == made.kind and wanted.name == made.name and wanted.group in ("", made.group)


def _own(body: dict[str, Any], component: str, platform: Platform, own: Mapping[str, str]) -> Desired:
    body["metadata"]["namespace"] = platform.namespace
    decorate(body, own)
    ref = ObjectRef("", body["kind"], platform.namespace, body["metadata"]["name"])
    return Desired(ref, body, component, f"component {component}")


def _secret_body(secret: Secret, values: Mapping[str, str]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": secret.name}
    if secret.generated:
        metadata["annotations"] = {labels.KEEP: "generated"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": secret.type,
        "data": {key: encoded(values[key]) for key in secret.keys},
    }


def _existing(folder: Path, file: str, component: str) -> Path:
    path = folder / file
    if path.is_file():
        return path
    there = [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"]
    raise InputError(
        _label(folder, file),
        f"is not there, and component {component!r} names it{did_you_mean(file, there)}",
    )


def _label(folder: Path, file: str) -> str:
    return f"{folder.parent.name}/{folder.name}/{file}"


def _first(*answers: bool | None) -> bool | None:
    return next((answer for answer in answers if answer is not None), None)
