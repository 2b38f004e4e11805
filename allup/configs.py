"""Config texts: Jinja2 templates gathered into ConfigMaps and Secrets, and the checksums that roll pods."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from allup.errors import InputError, did_you_mean
from allup.manifests import Desired, pod_template
from allup.model import labels
from allup.model.live import KnownLater
from allup.model.platform import Config
from allup.refs import ObjectRef

LARGEST = 1024 * 1024  # what etcd and the API server take for one object
_UNDEFINED = re.compile(r"'([^']+)' is undefined|has no attribute '([^']+)'")


def render_config(
    config: Config,
    templates: Mapping[str, str],
    values: Mapping[str, Any],
    *,
    secrets: Mapping[str, Mapping[str, str]],
    salt_key: bytes,
) -> dict[str, Any]:
    """The ConfigMap or Secret (without namespace and labels).

    Templates see *values*; those of a Secret also ``secrets["name"]["key"]`` and the filter ``ssha``.
    Raises InputError with file and line.
    """
    texts = {
        key: render_text(
            path,
            templates[path],
            values,
            secrets=secrets if config.kind == "Secret" else None,
            salt_key=salt_key,
        )
        for key, path in config.files.items()
    }
    size = sum(len(text.encode()) for text in texts.values())
    if size > LARGEST:
        raise InputError(f"{config.kind} {config.name}", f"has {size} bytes, more than an object may have")
    body: dict[str, Any] = {"apiVersion": "v1", "kind": config.kind, "metadata": {"name": config.name}}
    if config.kind == "Secret":
        body["metadata"]["annotations"] = {labels.RENDERED: "true"}
        body["type"] = "Opaque"
        body["data"] = {key: encoded(text) for key, text in texts.items()}
    else:
        body["data"] = texts
    return body


def render_text(
    path: str,
    template: str,
    values: Mapping[str, Any],
    *,
    secrets: Mapping[str, Mapping[str, str]] | None,
    salt_key: bytes,
) -> str:
    """One template. A text that holds a live value not known yet is KnownLater."""
    import jinja2

    compiled = _compiled(path, template)
    known: dict[str, Any] = dict(values)
    if secrets is not None:
        known["secrets"] = secrets
    later = [value for value in values.values() if isinstance(value, KnownLater)]
    for wanted in (secrets or {}).values():
        later += [value for value in wanted.values() if isinstance(value, KnownLater)]
    _SALT.key = salt_key
    try:
        text = compiled.render(known)
    except jinja2.UndefinedError as error:
        match = _UNDEFINED.search(str(error))
        name = (match.group(1) or match.group(2)) if match else ""
        fact = f"nobody defines {name!r}{did_you_mean(name, known)}" if name else str(error)
        if name == "secrets" and secrets is None:
            fact = "uses secrets, which only a template of a Secret may (config_secret)"
        raise InputError(f"{path}:{_line(error, path)}", fact) from None
    except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
        raise InputError(f"{path}:{_line(error, path)}", f"cannot be rendered: {error}") from None
    return KnownLater(text) if any(str(value) in text for value in later) else text


def ssha(password: str, key: bytes) -> str:
    """``{SSHA}`` of RFC 2307 practice: base64(sha1(password + salt) + salt). The salt is an HMAC of the
    password with *key*, so that a second run writes the same text."""
    if isinstance(password, KnownLater):
        return password
    salt = hmac.new(key, password.encode(), hashlib.sha256).digest()[:8]
    digest = hashlib.sha1(password.encode() + salt, usedforsecurity=False).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


def encoded(text: str) -> str:
    """Base64 for a Secret's data; KnownLater stays what it is."""
    return text if isinstance(text, KnownLater) else base64.b64encode(text.encode()).decode()


def checksummed(
    desired: Sequence[Desired], contents: Mapping[ObjectRef, Mapping[str, Any]], key: bytes | None
) -> tuple[Desired, ...]:
    """Every pod template that uses a ConfigMap or Secret in *contents* gets an annotation over its data.

    An HMAC with *key*; without one (a plan before the first up) the annotation is KnownLater.
    """
    return tuple(_with_checksum(each, contents, key) for each in desired)


def _with_checksum(
    desired: Desired, contents: Mapping[ObjectRef, Mapping[str, Any]], key: bytes | None
) -> Desired:
    template = pod_template(desired.body)
    if template is None:
        return desired
    namespace = desired.ref.namespace
    used = sorted(
        {
            ref
            for kind, name in _references(template.get("spec") or {})
            if (ref := ObjectRef("", kind, namespace, name)) in contents
        }
    )
    if not used:
        return desired
    canonical = json.dumps([[str(ref), contents[ref]] for ref in used], sort_keys=True)
    unknown = key is None or any(isinstance(v, KnownLater) for ref in used for v in contents[ref].values())
    checksum = (
        KnownLater("known once the configuration is there")
        if unknown or key is None
        else hmac.new(key, canonical.encode(), hashlib.sha256).hexdigest()[:32]
    )
    metadata = template.setdefault("metadata", {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), labels.CHECKSUM: checksum}
    return replace(desired, body=desired.body)


def _references(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for volume in spec.get("volumes") or ():
        yield from _volume_references(volume)
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield from _volume_references(source)
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        for source in container.get("envFrom") or ():
            if "configMapRef" in source:
                yield "ConfigMap", source["configMapRef"].get("name", "")
            if "secretRef" in source:
                yield "Secret", source["secretRef"].get("name", "")
        for variable in container.get("env") or ():
            value_from = variable.get("valueFrom") or {}
            if "configMapKeyRef" in value_from:
                yield "ConfigMap", value_from["configMapKeyRef"].get("name", "")
            if "secretKeyRef" in value_from:
                yield "Secret", value_from["secretKeyRef"].get("name", "")


def _volume_references(volume: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "configMap" in volume:
        yield "ConfigMap", volume["configMap"].get("name", "")
    if "secret" in volume:
        yield "Secret", volume["secret"].get("secretName") or volume["secret"].get("name", "")


class _Salt:
    """The key behind ``ssha`` for the template being rendered: a filter takes no argument of ours."""

    import threading

    _local = threading.local()

    @property
    def key(self) -> bytes:
        key: bytes = self._local.key
        return key

    @key.setter
    def key(self, key: bytes) -> None:
        self._local.key = key


_SALT = _Salt()


@lru_cache(maxsize=512)
def _compiled(path: str, template: str) -> Any:
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters["ssha"] = lambda password: ssha(password, _SALT.key)
    try:
        return environment.from_string(environment.parse(template, filename=path))
    except jinja2.TemplateSyntaxError as error:
        raise InputError(f"{path}:{error.lineno}", f"is not a template: {error.message}") from None


def _line(error: BaseException, path: str) -> int:
    """The template's line in a traceback that Jinja2 rewrote."""
    line = 1
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in (path, "<template>", "<unknown>"):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
