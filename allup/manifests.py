"""Plain manifests and values to objects: ``${name}`` replaced after parsing, labels and namespaces added.

A scalar without quotes that is only ``${name}`` takes the value's type; in quotes, or inside text, it is
text; ``$${`` is a literal ``${``; a key or list item whose value is None disappears.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allup.errors import InputError, did_you_mean
from allup.model.labels import standard_labels
from allup.model.live import KnownLater
from allup.refs import ObjectRef, group_of
from allup.yamlfiles import Document, MappingNode, Node, ScalarNode, SequenceNode, find, to_data

Scope = Callable[[str, str], bool | None]
"""(group, kind) → namespaced? None when it is not known."""

_PLACEHOLDER = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_TEMPLATES: dict[tuple[str, str], tuple[str, ...]] = {
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("batch", "Job"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
}
_CLUSTER_SCOPED = frozenset(
    {
        *(("", kind) for kind in ("Namespace", "Node", "PersistentVolume")),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apiregistration.k8s.io", "APIService"),
        ("certificates.k8s.io", "CertificateSigningRequest"),
        ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
        ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
        ("networking.k8s.io", "IngressClass"),
        ("node.k8s.io", "RuntimeClass"),
        ("rbac.authorization.k8s.io", "ClusterRole"),
        ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
        ("scheduling.k8s.io", "PriorityClass"),
        *(("storage.k8s.io", kind) for kind in ("CSIDriver", "CSINode", "StorageClass", "VolumeAttachment")),
    }
)
# Named by what they are, so an instance cannot prefix them.
_FIXED_NAMES = frozenset({"CustomResourceDefinition", "APIService"})


@dataclass(frozen=True)
class Desired:
    """One object as it shall be. *source* is ``file:line``, or what made it."""

    ref: ObjectRef
    body: dict[str, Any]
    component: str
    source: str

    @property
    def known_later(self) -> bool:
        """True when a value in it is only known once something else is up."""
        return any(isinstance(text, KnownLater) for text in _texts(self.body))


def builtin_scope(group: str, kind: str) -> bool | None:
    """What is known of Kubernetes' own kinds: False for the cluster-scoped ones, None for all others."""
    return False if (group, kind) in _CLUSTER_SCOPED else None


def with_definitions(scope: Scope, documents: Sequence[Document]) -> Scope:
    """*scope*, and what CustomResourceDefinitions among the documents say of their kinds."""
    learned: dict[tuple[str, str], bool] = {}
    for document in documents:
        kind = find(document.node, "kind")
        if isinstance(kind, ScalarNode) and kind.text == "CustomResourceDefinition":
            spec = to_data(document.node).get("spec") or {}
            defined = (spec.get("names") or {}).get("kind")
            if defined:
                learned[(str(spec.get("group", "")), str(defined))] = spec.get("scope") == "Namespaced"

    def known(group: str, kind: str) -> bool | None:
        found = scope(group, kind)
        return learned.get((group, kind)) if found is None else found

    return known


def placeholders(node: Node) -> Iterator[str]:
    """The names that a tree asks for."""
    if isinstance(node, ScalarNode):
        yield from (m.group(1) for m in _PLACEHOLDER.finditer(node.text) if m.group(1) is not None)
    elif isinstance(node, MappingNode):
        for key, _, value in node.entries:
            yield from (m.group(1) for m in _PLACEHOLDER.finditer(key) if m.group(1) is not None)
            yield from placeholders(value)
    else:
        for item in node.items:
            yield from placeholders(item)


def render(
    documents: Sequence[Document],
    values: Mapping[str, Any],
    *,
    platform: str,
    instance: str,
    component: str,
    namespace: str,
    scope: Scope = builtin_scope,
) -> tuple[Desired, ...]:
    """The objects of a component's documents, decorated.

    Raises InputError with file and line for an unknown name and for whatever cannot be a manifest of ours.
    """
    known = {
        "instance": instance,
        "namespace": namespace,
        "platform": platform,
        "component": component,
        **values,
    }
    labels = standard_labels(platform, instance, component)
    scope = with_definitions(scope, documents)
    rendered: list[Desired] = []
    seen: dict[ObjectRef, str] = {}
    for document in documents:
        body = _Substitution(document.path, known).mapping(document.node)
        items = (
            body["items"] if body.get("kind") == "List" and isinstance(body.get("items"), list) else [body]
        )
        where = f"{document.path}:{document.line}"
        for item in items:
            desired = _decorated(item, where, labels, component, namespace, instance, scope)
            if desired.ref in seen:
                raise InputError(where, f"{desired.ref} is already in {seen[desired.ref]}")
            seen[desired.ref] = where
            rendered.append(desired)
    return tuple(rendered)


def decorate(
    body: dict[str, Any],
    labels: Mapping[str, str],
) -> None:
    """Adds labels to an object, its pod template and its volumeClaimTemplates; never to a selector."""
    _label(body, labels)
    path = _TEMPLATES.get((group_of(body["apiVersion"]), body["kind"]))
    if path is None:
        return
    template: Any = body
    for key in path:
        template = template.get(key) if isinstance(template, dict) else None
    if isinstance(template, dict):
        _label(template, labels)
    spec = body.get("spec")
    for claim in (spec.get("volumeClaimTemplates") or ()) if isinstance(spec, dict) else ():
        _label(claim, labels)


def pod_template(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The pod template of a workload, None for everything else."""
    path = _TEMPLATES.get((group_of(body["apiVersion"]), body["kind"]))
    template: Any = body
    for key in path or ():
        template = template.get(key) if isinstance(template, dict) else None
    return template if path and isinstance(template, dict) else None


def _label(obj: dict[str, Any], labels: Mapping[str, str]) -> None:
    metadata = obj.setdefault("metadata", {})
    if metadata is None:
        metadata = obj["metadata"] = {}
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}


def _decorated(
    body: Any,
    where: str,
    labels: Mapping[str, str],
    component: str,
    namespace: str,
    instance: str,
    scope: Scope,
) -> Desired:
    if not isinstance(body, dict):
        raise InputError(where, "is not an object with apiVersion, kind and metadata")
    for field in ("apiVersion", "kind"):
        if not isinstance(body.get(field), str) or not body[field]:
            raise InputError(where, f"has no {field}")
    metadata = body.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        raise InputError(where, f"{body['kind']} has no metadata.name")
    group, kind, name = group_of(body["apiVersion"]), body["kind"], metadata["name"]
    if isinstance(name, KnownLater):
        raise InputError(where, f"the name of a {kind} cannot be a live value")
    if (group, kind) == ("", "Namespace"):
        raise InputError(
            where,
            "the namespace is made by allup",
            next_step="Say what it needs in Platform(pod_security=…) and remove it here",
        )
    if "status" in body:
        raise InputError(where, f"{kind}/{name} has a status, which is not ours to write")
    spec = body.get("spec")
    if (group, kind) == ("batch", "Job") and isinstance(spec, dict) and "ttlSecondsAfterFinished" in spec:
        raise InputError(
            where,
            f"Job/{name} has ttlSecondsAfterFinished",
            evidence="Once it had vanished, the next up would run it again",
            next_step="Remove it",
        )
    namespaced = scope(group, kind) is not False
    if namespaced:
        if metadata.get("namespace") not in (None, namespace):
            raise InputError(
                where,
                f"{kind}/{name} names namespace {metadata['namespace']!r}, the platform's is {namespace!r}",
            )
        metadata["namespace"] = namespace
    elif "namespace" in metadata:
        raise InputError(where, f"{kind}/{name} is cluster-scoped and cannot have a namespace")
    elif kind not in _FIXED_NAMES and not name.startswith(f"{instance}-"):
        raise InputError(
            where,
            f"{kind}/{name} is cluster-scoped, so two instances would share it",
            next_step=f"Name it ${{instance}}-{name}",
        )
    decorate(body, labels)
    return Desired(ObjectRef(group, kind, namespace if namespaced else "", name), body, component, where)


class _Gone:
    """What a None placeholder leaves behind until its key or item is dropped."""


_GONE = _Gone()


class _Substitution:
    def __init__(self, path: str, values: Mapping[str, Any]) -> None:
        self._path = path
        self._values = values

    def mapping(self, node: Node) -> Any:
        """A whole document."""
        return self._node(node)

    def _node(self, node: Node) -> Any:
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if isinstance(node, SequenceNode):
            items = [self._node(item) for item in node.items]
            return [item for item in items if item is not _GONE]
        assert isinstance(node, MappingNode)
        entries = {}
        for key, line, value in node.entries:
            name = key if "$" not in key else self._text(key, line)
            data = self._node(value)
            if data is not _GONE:
                if name in entries:
                    raise InputError(f"{self._path}:{line}", f"the key {name!r} is there twice")
                entries[name] = data
        return entries

    def _scalar(self, node: ScalarNode) -> Any:
        if "$" not in node.text:
            return node.data
        whole = _PLACEHOLDER.fullmatch(node.text)
        if whole is not None and whole.group(1) is not None:
            value = self._value(whole.group(1), node.line)
            if value is None:
                return _GONE
            if node.plain or isinstance(value, KnownLater):
                return _copy(value)
            return self._as_text(value, whole.group(1), node.line)
        return self._text(node.text, node.line)

    def _text(self, text: str, line: int) -> str:
        later = False

        def replacement(match: re.Match[str]) -> str:
            nonlocal later
            if match.group(1) is None:
                return "${"
            value = self._value(match.group(1), line)
            later = later or isinstance(value, KnownLater)
            return self._as_text(value, match.group(1), line)

        replaced = _PLACEHOLDER.sub(replacement, text)
        return KnownLater(replaced) if later else replaced

    def _value(self, name: str, line: int) -> Any:
        if not _NAME.match(name):
            raise InputError(
                f"{self._path}:{line}",
                f"${{{name}}} is not a name",
                next_step="Write $${ for a literal ${",
            )
        if name not in self._values:
            raise InputError(
                f"{self._path}:{line}",
                f"nobody defines ${{{name}}}{did_you_mean(name, self._values)}",
                evidence=f"Known here are {', '.join(sorted(self._values))}",
            )
        return self._values[name]

    def _as_text(self, value: Any, name: str, line: int) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if value is None:
            return ""
        if isinstance(value, dict | list | tuple):
            raise InputError(
                f"{self._path}:{line}", f"${{{name}}} is a list or mapping and cannot stand inside text"
            )
        return str(value)


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _copy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(item) for item in value]
    if isinstance(value, str) and not isinstance(value, KnownLater):
        return str(value)  # a Quantity is a plain string from here on
    return value


def _texts(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield value
