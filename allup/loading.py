"""A platform's files, read once; and one component's objects, put together from them.

``load`` is the only function here that touches the disk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allup.configs import encoded, render_config, template_names
from allup.errors import InputError, did_you_mean
from allup.manifests import Desired, Scope, identities, refuse_twice, render
from allup.model.labels import EVALUATION, KEEP, standard_labels
from allup.model.live import KnownLater, Live
from allup.model.platform import Component, Platform
from allup.model.secrets import Secret
from allup.refs import ObjectRef
from allup.substitution import mentioned
from allup.yamlfiles import Document, load_documents, read_text

CONFIG_FOLDER = "config"
GENERATED = "generated"
"""The value of the annotation ``KEEP`` on a Secret whose values were made here."""


@dataclass(frozen=True)
class LoadedPlatform:
    """A platform and the text of its files: *documents* by enabled component, *templates* by path."""

    platform: Platform
    folder: Path
    documents: Mapping[str, tuple[Document, ...]]
    templates: Mapping[str, str]

    @property
    def instance(self) -> str:
        """The installation's name: the platform's, unless another was given."""
        return self.platform.instance or self.platform.name

    @property
    def namespace(self) -> str:
        """Where its objects go: a namespace called as the instance, unless another was given."""
        return self.platform.namespace or self.instance

    @property
    def enabled(self) -> tuple[Component, ...]:
        """The components that are switched on, in the platform's order."""
        return tuple(component for component in self.platform.components if component.enabled)


def load(platform: Platform, folder: Path) -> LoadedPlatform:
    """Reads the manifests and templates of every enabled component.

    Manifests are relative to *folder*, templates to its ``config/``. Raises InputError for a file that is
    missing (with a suggestion from the files that are there) or not sound.
    """
    documents: dict[str, tuple[Document, ...]] = {}
    templates: dict[str, str] = {}
    for component in platform.components:
        if not component.enabled:
            continue
        documents[component.name] = tuple(
            document
            for file in component.files
            for document in load_documents(
                _existing(folder, file, component, "manifest"), label=_label(folder, file)
            )
        )
        for config in component.configs:
            for path in config.files.values():
                if path not in templates:
                    file = _existing(folder / CONFIG_FOLDER, path, component, "template")
                    templates[path] = read_text(file, label=_label(folder, f"{CONFIG_FOLDER}/{path}"))
    return LoadedPlatform(platform, folder, documents, templates)


def assemble(
    loaded: LoadedPlatform,
    component_name: str,
    *,
    live: Mapping[Live, object],
    secrets: Mapping[str, Mapping[str, str]],
    salt_key: bytes,
    scope: Scope,
    evaluation: Collection[str] = (),
) -> tuple[Desired, ...]:
    """The objects of one component: its Secrets, its configs, then its manifests; no checksums yet.

    *live* must hold every Live of ``live_values`` that stands in a value (KeyError otherwise): what was
    read, or a KnownLater in a plan. A Secret or key missing from *secrets* is a KnownLater. *evaluation*
    names the Secrets to be marked as stand-ins for a sandbox.
    """
    platform = loaded.platform
    component = platform.component(component_name)
    place: dict[str, str] = {
        "platform": platform.name,
        "instance": loaded.instance,
        "component": component.name,
        "namespace": loaded.namespace,
    }
    values = {name: _filled(value, live) for name, value in _values_in_sight(loaded, component).items()}
    table = {
        secret.name: _secret_values(secret, secrets.get(secret.name, {}))
        for one in loaded.enabled
        for secret in one.secrets
    }
    desired = (
        *(
            _secret_object(secret, table[secret.name], secret.name in evaluation, place)
            for secret in component.secrets
        ),
        *(
            render_config(
                config,
                loaded.templates,
                values,
                secrets=table,
                salt_key=salt_key,
                label=_label(loaded.folder, f"{CONFIG_FOLDER}/"),
                **place,
            )
            for config in component.configs
        ),
        *render(loaded.documents.get(component.name, ()), values, scope=scope, **place),
    )
    refuse_twice(desired)
    return desired


def live_values(loaded: LoadedPlatform, component: str) -> tuple[Live, ...]:
    """What must be read before *component* is assembled or its pinned objects are made again, each once.

    From the component's values, those of the platform's values that its files mention, and the
    ``recreate_from`` of its pins.
    """
    found = loaded.platform.component(component)
    pins = (pin.recreate_from for pin in found.pins if pin.recreate_from is not None)
    return tuple(dict.fromkeys((*_lives_in(_values_in_sight(loaded, found)), *pins)))


def dependencies(loaded: LoadedPlatform) -> dict[str, frozenset[str]]:
    """For every enabled component the enabled ones it comes after: ``after``, and who makes what it reads.

    Only a Live without a default counts, and no pin: its value is looked for, not waited for. Raises
    InputError when no other component makes the object of such a Live.
    """
    enabled = {component.name for component in loaded.enabled}
    needed = {component.name: set(component.after) & enabled for component in loaded.enabled}
    required = [
        (component.name, one)
        for component in loaded.enabled
        for one in dict.fromkeys(_lives_in(_values_in_sight(loaded, component)))
        if one.required
    ]
    if required:
        made = makers(loaded)
        for name, one in required:
            needed[name] |= _makers_of(one, name, made, loaded.namespace)
    return {name: frozenset(others) for name, others in needed.items()}


# ── files ────────────────────────────────────────────────────────────────────────────────────────────


def _label(folder: Path, file: str) -> str:
    """How messages call a file of the platform: from where the command runs, if that is above it."""
    here = Path.cwd()
    shown = folder.relative_to(here) if folder.is_relative_to(here) else folder
    return f"{shown.as_posix()}/{file}" if shown != Path() else file


def _existing(base: Path, file: str, component: Component, what: str) -> Path:
    path = base / file
    if path.is_file():
        return path
    there = sorted(
        one.relative_to(base).as_posix()
        for one in base.rglob("*")
        if one.is_file() and (what == "template" or one.suffix in (".yaml", ".yml"))
    )
    folder = base.parent if what == "template" else base
    shown = f"{CONFIG_FOLDER}/{file}" if what == "template" else file
    raise InputError(
        f"component {component.name!r} in {_label(folder, 'platform.py')}",
        f"names the {what} {shown!r}, which is not there{did_you_mean(file, there)}",
    )


# ── values ───────────────────────────────────────────────────────────────────────────────────────────


def _values_in_sight(loaded: LoadedPlatform, component: Component) -> dict[str, Any]:
    """The component's values over the platform's, without those Lives of the platform it never mentions.

    What is not mentioned need not be known, so it must not hold the component up.
    """
    common = loaded.platform.values
    with_lives = {name for name, value in common.items() if any(_lives_in(value))}
    unused = with_lives - _mentioned(loaded, component) if with_lives else set()
    return {name: value for name, value in common.items() if name not in unused} | dict(component.values)


def _mentioned(loaded: LoadedPlatform, component: Component) -> frozenset[str]:
    names = mentioned(loaded.documents.get(component.name, ()))
    for config in component.configs:
        for path in config.files.values():
            if path in loaded.templates:
                label = _label(loaded.folder, f"{CONFIG_FOLDER}/{path}")
                names |= template_names(loaded.templates[path], label)
    return names


def _lives_in(value: object) -> Iterator[Live]:
    if isinstance(value, Live):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _lives_in(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _lives_in(inner)


def _filled(value: Any, live: Mapping[Live, object]) -> Any:
    if isinstance(value, Live):
        return live[value]
    if isinstance(value, Mapping):
        return {key: _filled(inner, live) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(inner, live) for inner in value]
    return value


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────────


def _secret_values(secret: Secret, known: Mapping[str, str]) -> dict[str, str]:
    later = KnownLater(f"{'generated' if secret.generated else 'given'} at the first up")
    return {key: known.get(key, later) for key in secret.keys}


def _secret_object(
    secret: Secret, values: Mapping[str, str], evaluation: bool, place: Mapping[str, str]
) -> Desired:
    annotations = {KEEP: GENERATED} if secret.generated else {}
    if evaluation:
        annotations[EVALUATION] = "true"
    metadata: dict[str, Any] = {
        "name": secret.name,
        "namespace": place["namespace"],
        "labels": standard_labels(place["platform"], place["instance"], place["component"]),
    }
    if annotations:
        metadata["annotations"] = annotations
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": secret.type,
        "data": {key: encoded(value) for key, value in values.items()},
    }
    ref = ObjectRef("", "Secret", place["namespace"], secret.name)
    return Desired(ref, body, place["component"], f"secrets of {place['component']!r}")


# ── who makes what ───────────────────────────────────────────────────────────────────────────────────


def makers(loaded: LoadedPlatform) -> list[tuple[ObjectRef, str]]:
    """Every object of the enabled components, without its namespace, and the component that makes it."""
    made = []
    for component in loaded.enabled:
        later = _AllLater()
        values = {
            name: _filled(value, later) for name, value in _values_in_sight(loaded, component).items()
        } | {
            "platform": loaded.platform.name,
            "instance": loaded.instance,
            "component": component.name,
            "namespace": loaded.namespace,
        }
        refs = [
            *identities(loaded.documents.get(component.name, ()), values),
            *(ObjectRef("", config.kind, "", config.name) for config in component.configs),
            *(ObjectRef("", "Secret", "", secret.name) for secret in component.secrets),
        ]
        made += [(ref, component.name) for ref in refs]
    return made


class _AllLater(dict[Live, object]):
    def __missing__(self, key: Live) -> KnownLater:
        return KnownLater(f"known after {key.ref}")


def _makers_of(one: Live, component: str, makers: list[tuple[ObjectRef, str]], namespace: str) -> set[str]:
    # The makers' refs carry no namespace: all of a platform stands in the same one, or in none.
    found = {
        maker
        for ref, maker in makers
        if (ref.kind, ref.name) == (one.ref.kind, one.ref.name)
        and one.ref.group in ("", ref.group)
        and one.ref.namespace in ("", namespace)
    }
    if found - {component}:
        return found - {component}
    subject = f"component {component!r}: the live value {one.expression!r} of {one.ref}"
    if found:
        raise InputError(
            subject,
            "belongs to an object of the same component, which is not there before it",
            next_step="Move the object to a component of its own, or give live(…) a default",
        )
    known = [f"{ref.kind}/{ref.name}" for ref, _ in makers]
    raise InputError(
        subject,
        f"has no object: no enabled component makes it{did_you_mean(str(one.ref), known)}",
        next_step="Give live(…) a default when the object may come from elsewhere",
    )
