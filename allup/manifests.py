"""Manifests and values into the objects we want: pure, and every refusal names file and line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from allup.errors import InputError
from allup.model.labels import standard_labels
from allup.model.live import KnownLater
from allup.refs import ObjectRef, group_of
from allup.scopes import NAMED_BY_OTHERS, Scope, builtin_scope
from allup.substitution import contains_known_later, substitute
from allup.yamlfiles import Document, MappingNode, Node, ScalarNode, SequenceNode, find, to_data

__all__ = [
    "Desired",
    "Scope",
    "builtin_scope",
    "contains_known_later",
    "identities",
    "pod_template_paths",
    "refuse_twice",
    "render",
    "with_crds",
]


@dataclass(frozen=True)
class Desired:
    """An object as it should be: *source* is the ``file:line`` (or the config, the Secret) it comes from."""

    ref: ObjectRef
    body: dict[str, Any]
    component: str
    source: str

    @property
    def known_later(self) -> bool:
        """True when a value inside is not known before another component is up."""
        return contains_known_later(self.body)


def render(
    documents: Iterable[Document],
    values: Mapping[str, Any],
    *,
    platform: str,
    instance: str,
    component: str,
    namespace: str,
    scope: Scope,
) -> tuple[Desired, ...]:
    """The objects of *documents* in their order, with values, namespace and labels filled in.

    ``instance``, ``namespace``, ``platform`` and ``component`` are always among the values. Items of a
    ``List`` come as objects of their own. Raises InputError for what cannot be applied or would not be safe.
    """
    place = _Place(platform, instance, component, namespace, scope)
    names = {**values, "instance": instance, "namespace": namespace}
    names |= {"platform": platform, "component": component}
    desired = tuple(
        place.desired(_Item(item, names)) for document in documents for item in _flattened(document)
    )
    refuse_twice(desired)
    return desired


def refuse_twice(desired: Iterable[Desired]) -> None:
    """Raises InputError, naming both places, when the same object is described twice."""
    seen: dict[ObjectRef, Desired] = {}
    for one in desired:
        first = seen.setdefault(one.ref, one)
        if first is not one:
            raise InputError(one.source, f"{one.ref} is described twice", evidence=f"Also in {first.source}")


def identities(documents: Iterable[Document], values: Mapping[str, Any]) -> Iterator[ObjectRef]:
    """Who the objects are, without rendering them; the namespace is left empty.

    What cannot be told yet (a name that is known later, an unsound document) is left out: ``render``
    has the words for it.
    """
    for document in documents:
        for item in _flattened(document):
            try:
                version, kind, name = (
                    substitute(node, values, item.path) if node else None
                    for node in (
                        find(item.node, "apiVersion"),
                        find(item.node, "kind"),
                        find(item.node, "metadata", "name"),
                    )
                )
            except InputError:
                continue
            if (
                isinstance(version, str)
                and isinstance(kind, str)
                and isinstance(name, str)
                and not any(isinstance(part, KnownLater) for part in (version, kind, name))
            ):
                yield ObjectRef(group_of(version), kind, "", name)


# ── documents into objects ───────────────────────────────────────────────────────────────────────────


def _flattened(document: Document) -> Iterator[Document]:
    """The document, or the items when it is a ``v1`` List."""
    node = document.node
    kind, items = find(node, "kind"), find(node, "items")
    if isinstance(kind, ScalarNode) and kind.text == "List" and isinstance(items, SequenceNode):
        for item in items.items:
            yield from _flattened(Document(document.path, item, item.line))
    else:
        yield document


class _Item:
    """One document with its values filled in, and its lines to blame."""

    def __init__(self, document: Document, values: Mapping[str, Any]) -> None:
        self.document = document
        self.source = f"{document.path}:{document.line}"
        self.data = substitute(document.node, values, document.path)

    def refuse(self, fact: str, *path: str | int, next_step: str = "") -> NoReturn:
        """Raises InputError at the line of the node under *path*, or of what is nearest to it."""
        line = self.document.line
        for length in range(1, len(path) + 1):
            line = _line_of(self.document.node, path[:length]) or line
        raise InputError(f"{self.document.path}:{line}", fact, next_step=next_step)

    def text(self, *path: str) -> str:
        """The text under *path*, refused when it is missing, no text, or known later only."""
        value: Any = self.data
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        field = ".".join(path)
        if value is None or value == "":
            self.refuse(f"an object has no {field}", *path[:-1])
        if isinstance(value, KnownLater):
            self.refuse(f"{field} would only be known later ({value}); who an object is must be known", *path)
        if not isinstance(value, str):
            self.refuse(f"{field} is {value!r} and not a text", *path, next_step="Put it in quotes")
        return value

    def mapping(self, parent: dict[str, Any], field: str, *path: str | int) -> dict[str, Any]:
        """The mapping in *field* of *parent*, made when it is missing."""
        if parent.get(field) is None:
            parent[field] = {}
        found = parent[field]
        if not isinstance(found, dict):
            self.refuse(f"{'.'.join(map(str, (*path, field)))} is not a mapping", *path, field)
        return found


def _line_of(node: Node, path: Sequence[str | int]) -> int:
    """The line of the key or item at *path*, 0 when it is not in the file (it came with a value)."""
    parent = find(node, *path[:-1])
    if isinstance(parent, MappingNode):
        return next((line for key, line, _ in parent.entries if key == path[-1]), 0)
    found = find(parent, path[-1])
    return found.line if found else 0


@dataclass(frozen=True)
class _Place:
    """Where the objects go, and the rules they have to keep there."""

    platform: str
    instance: str
    component: str
    namespace: str
    scope: Scope

    def desired(self, item: _Item) -> Desired:
        body = item.data
        if not isinstance(body, dict):
            item.refuse("is not an object: a mapping with apiVersion, kind and metadata")
        version, kind, name = item.text("apiVersion"), item.text("kind"), item.text("metadata", "name")
        group = group_of(version)
        self._refuse_what_we_do_not_apply(item, group, kind)
        namespace = self._namespace(item, group, kind, name)
        labels = standard_labels(self.platform, self.instance, self.component)
        _label(item, body, labels)
        for path in pod_template_paths(group, kind):
            _label_inside(item, path, labels)
        claims = _VOLUME_CLAIM_TEMPLATES.get((group, kind), ())
        templates = _at(body, claims) if claims else None
        for index, template in enumerate(templates if isinstance(templates, list) else ()):
            if isinstance(template, dict):
                _label(item, template, labels, *claims, index)
        return Desired(ObjectRef(group, kind, namespace, name), body, self.component, item.source)

    def _refuse_what_we_do_not_apply(self, item: _Item, group: str, kind: str) -> None:
        body = item.data
        if "status" in body:
            item.refuse("status is written by the cluster, not by a manifest", "status")
        if (group, kind) == ("", "Namespace"):
            item.refuse(
                "a manifest must not hold a Namespace", "kind", next_step="The namespace is made by all-up"
            )
        job = body.get("spec") if (group, kind) == ("batch", "Job") else None
        if isinstance(job, dict) and "ttlSecondsAfterFinished" in job:
            item.refuse(
                "ttlSecondsAfterFinished makes a finished Job vanish, and the next up would run it again",
                "spec",
                "ttlSecondsAfterFinished",
                next_step="Leave it out",
            )

    def _namespace(self, item: _Item, group: str, kind: str, name: str) -> str:
        metadata = item.data["metadata"]
        given = metadata.get("namespace")
        if isinstance(given, KnownLater):
            item.refuse(f"metadata.namespace would only be known later ({given})", "metadata", "namespace")
        if self.scope(group, kind) is not False:
            if given is not None and given != self.namespace:
                item.refuse(
                    f"{kind}/{name} names the namespace {given!r}, but everything goes to {self.namespace!r}",
                    "metadata",
                    "namespace",
                    next_step="Leave it out or write ${namespace}",
                )
            metadata["namespace"] = self.namespace
            return self.namespace
        if given is not None:
            item.refuse(f"a {kind} is cluster-scoped and has no namespace", "metadata", "namespace")
        if not name.startswith(f"{self.instance}-") and (group, kind) not in NAMED_BY_OTHERS:
            item.refuse(
                f"{kind}/{name} is cluster-scoped, so its name must begin with {self.instance + '-'!r}",
                "metadata",
                "name",
                next_step=f'Write name: "${{instance}}-{name}", so that two installations do not collide',
            )
        return ""


_TEMPLATE = ("spec", "template")
_POD_TEMPLATES: dict[tuple[str, str], tuple[tuple[str, ...], ...]] = {
    ("apps", "Deployment"): (_TEMPLATE,),
    ("apps", "StatefulSet"): (_TEMPLATE,),
    ("apps", "DaemonSet"): (_TEMPLATE,),
    ("apps", "ReplicaSet"): (_TEMPLATE,),
    ("", "ReplicationController"): (_TEMPLATE,),
    ("batch", "Job"): (_TEMPLATE,),
    ("batch", "CronJob"): (("spec", "jobTemplate"), ("spec", "jobTemplate", *_TEMPLATE)),
}
_VOLUME_CLAIM_TEMPLATES: dict[tuple[str, str], tuple[str, ...]] = {
    ("apps", "StatefulSet"): ("spec", "volumeClaimTemplates"),
}


def pod_template_paths(group: str, kind: str) -> tuple[tuple[str, ...], ...]:
    """Where a kind keeps what it stamps its pods (last) and Jobs from; empty for most kinds."""
    return _POD_TEMPLATES.get((group, kind), ())


def _at(body: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = body
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _label_inside(item: _Item, path: tuple[str, ...], labels: Mapping[str, str]) -> None:
    template = _at(item.data, path)
    if isinstance(template, dict):
        _label(item, template, labels, *path)


def _label(item: _Item, owner: dict[str, Any], labels: Mapping[str, str], *path: str | int) -> None:
    """Adds *labels*; another value of one of them is refused, since a selector may rely on it."""
    metadata = item.mapping(owner, "metadata", *path)
    written = item.mapping(metadata, "labels", *path, "metadata")
    for label, value in labels.items():
        if written.get(label, value) != value:
            item.refuse(
                f"the label {label} is {written[label]!r} here, but allup has to set it to {value!r}",
                *path,
                "metadata",
                "labels",
                label,
                next_step="Use a label of your own, such as app, for selectors",
            )
    written.update(labels)


def with_crds(documents: Iterable[Document], scope: Scope = builtin_scope) -> Scope:
    """*scope*, and besides it what the CustomResourceDefinitions among *documents* say."""
    learned: dict[tuple[str, str], bool] = {}
    for document in documents:
        for item in _flattened(document):
            kind = find(item.node, "kind")
            if isinstance(kind, ScalarNode) and kind.text == "CustomResourceDefinition":
                spec = find(item.node, "spec")
                data = to_data(spec) if spec else None
                names = data.get("names") if isinstance(data, dict) else None
                if isinstance(data, dict) and isinstance(names, dict):
                    learned[(str(data.get("group")), str(names.get("kind")))] = data.get("scope") != "Cluster"

    def extended(group: str, kind: str) -> bool | None:
        known = scope(group, kind)
        return learned.get((group, kind)) if known is None else known

    return extended
