"""Config texts: Jinja2 templates into ConfigMaps and Secrets, and the checksums that make pods follow them.

A template sees the platform's values with the component's over them, ``instance``, ``namespace`` and
``platform``; in a Secret also ``secrets["<name>"]["<key>"]``. An unknown name is an error, booleans print
as ``true`` and ``false``, and a None that would be printed is an error. ``{{ password | ssha }}`` is an
LDAP hash whose salt follows from the password and a key, so that a second run renders the same text;
``{{ password | jupyter_hash }}`` is the same for Jupyter.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from allup.errors import InputError, did_you_mean
from allup.manifests import Desired, pod_template_paths
from allup.model.labels import CHECKSUM, RENDERED, standard_labels
from allup.model.live import KnownLater, later_texts
from allup.model.platform import Config
from allup.refs import ObjectRef
from allup.substitution import as_text, contains_known_later

if TYPE_CHECKING:
    import jinja2

SIZE_LIMIT = 1024 * 1024
"""Bytes that the values of one ConfigMap or Secret may have together (Kubernetes, ``MaxSecretSize``)."""

Secrets = Mapping[str, Mapping[str, str]]


def render_config(
    config: Config,
    templates: Mapping[str, str],
    values: Mapping[str, Any],
    *,
    platform: str,
    instance: str,
    component: str,
    namespace: str,
    secrets: Secrets,
    salt_key: bytes,
    label: str = "config/",
) -> Desired:
    """The ConfigMap or Secret of *config*; *templates* maps paths to texts, messages prefix them by *label*.

    A text into which a KnownLater goes is one KnownLater itself. Raises InputError with file and line for
    what a template gets wrong, and when the result is over ``SIZE_LIMIT``.
    """
    secret = config.kind == "Secret"
    names = {**values, "instance": instance, "namespace": namespace, "platform": platform}
    texts = {
        key: _render(label + path, templates[path], names, secrets if secret else None, salt_key)
        for key, path in config.files.items()
    }
    size = sum(len(text.encode()) for text in texts.values())
    if size > SIZE_LIMIT:
        raise InputError(
            f"{config.kind}/{config.name}",
            f"has {size} bytes, and Kubernetes takes {SIZE_LIMIT} at most",
            next_step="Split it, or put the data on a volume",
        )
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": config.kind,
        "metadata": {
            "name": config.name,
            "namespace": namespace,
            "labels": standard_labels(platform, instance, component),
            **({"annotations": {RENDERED: "true"}} if secret else {}),
        },
        **({"type": "Opaque"} if secret else {}),
        "data": {key: encoded(text) for key, text in texts.items()} if secret else texts,
    }
    sources = ", ".join(label + path for path in config.files.values()) or f"{config.kind}/{config.name}"
    return Desired(ObjectRef("", config.kind, namespace, config.name), body, component, sources)


def encoded(text: str) -> str:
    """*text* as a Secret's ``data`` holds it (base64); a KnownLater stays what it is."""
    return text if isinstance(text, KnownLater) else base64.b64encode(text.encode()).decode()


def template_names(text: str, path: str) -> frozenset[str]:
    """The names a template looks for outside itself; raises InputError when it is not sound."""
    return _compiled(path, text).names


# ── one template ─────────────────────────────────────────────────────────────────────────────────────


class _Refused(Exception):
    """What is wrong inside a template; the place is found in the traceback."""


@dataclass(frozen=True)
class _Compiled:
    template: jinja2.Template
    names: frozenset[str]
    secrets_line: int


_SALT_KEY = " salt key"  # a name with a blank: no template can spell it


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    @jinja2.pass_context
    def ssha(context: jinja2.runtime.Context, password: str) -> str:
        return ssha_hash(password, context[_SALT_KEY])

    @jinja2.pass_context
    def jupyter(context: jinja2.runtime.Context, password: str) -> str:
        return jupyter_hash(password, context[_SALT_KEY])

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        finalize=_printed,
    )
    environment.filters["ssha"] = ssha
    environment.filters["jupyter_hash"] = jupyter
    return environment


def _printed(value: object) -> object:
    if value is None:
        raise _Refused("an expression is None; say what to print instead, or leave it out with {% if … %}")
    return as_text(value) if isinstance(value, bool) else value


def ssha_hash(password: str, salt_key: bytes) -> str:
    """``{SSHA}`` + base64(SHA-1(password + salt) + salt), the salt 8 bytes of HMAC-SHA256 by *salt_key*.

    SHA-1 because that is what the scheme is (OpenLDAP Administrator's Guide, "SSHA password storage
    scheme"). A KnownLater stays what it is.
    """
    if isinstance(password, KnownLater):
        return password
    plain = str(password).encode()
    salt = hmac.digest(salt_key, plain, "sha256")[:8]
    digest = hashlib.sha1(plain + salt).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


def jupyter_hash(password: str, salt_key: bytes) -> str:
    """``sha256:<salt>:<digest>``, both hexadecimal, the salt 12 digits of HMAC-SHA256 by *salt_key*.

    Source: jupyter_server.auth.security, ``passwd_check``. A KnownLater stays what it is.
    """
    if isinstance(password, KnownLater):
        return password
    plain = str(password).encode()
    salt = hmac.digest(salt_key, b"jupyter:" + plain, "sha256").hex()[:12]
    return f"sha256:{salt}:{hashlib.sha256(plain + salt.encode()).hexdigest()}"


@lru_cache(maxsize=1024)
def _compiled(path: str, text: str) -> _Compiled:
    import jinja2
    from jinja2 import meta, nodes

    environment = _environment()
    try:
        tree = environment.parse(text, filename=path)
        names = frozenset(meta.find_undeclared_variables(tree))
        line = next((name.lineno for name in tree.find_all(nodes.Name) if name.name == "secrets"), 0)
        code = environment.compile(tree, name=path, filename=path)
    except jinja2.TemplateSyntaxError as error:
        known = ""
        unknown = re.match(r"No (?:filter|test) named '(\w+)'", error.message or "")
        if unknown:
            known = did_you_mean(unknown.group(1), [*environment.filters, *environment.tests])
        raise InputError(
            f"{path}:{error.lineno}", f"is not a sound template: {_lowered(error.message)}{known}"
        ) from None
    template = environment.template_class.from_code(environment, code, environment.globals)
    return _Compiled(template, names, line if "secrets" in names else 0)


def _render(path: str, text: str, values: Mapping[str, Any], secrets: Secrets | None, salt_key: bytes) -> str:
    import jinja2

    compiled = _compiled(path, text)
    if secrets is None and compiled.secrets_line:
        raise InputError(
            f"{path}:{compiled.secrets_line}",
            "a ConfigMap must not quote a secret",
            next_step="Declare it with config_secret(…) instead of config_map(…)",
        )
    seen = _Seen()
    context: dict[str, Any] = {**values, _SALT_KEY: salt_key}
    if secrets is not None:
        context["secrets"] = _SecretTable(secrets, seen)
    try:
        rendered = compiled.template.render(context)
    except jinja2.UndefinedError as error:
        known = [*values, *_environment().globals, *(["secrets"] if secrets is not None else [])]
        raise _misfit(path, error, _undefined(str(error.message), known)) from None
    except _Refused as error:
        raise _misfit(path, error, str(error)) from None
    except jinja2.TemplateError as error:
        raise _misfit(path, error, _lowered(error.message)) from None
    except Exception as error:
        raise _misfit(path, error, f"{type(error).__name__}: {error}") from error
    # Jinja joins plain strings, so a KnownLater is traced by the names a template looks for.
    said = seen.later.union(*(later_texts(values[name]) for name in compiled.names if name in values))
    return KnownLater(rendered, "; ".join(sorted(said))) if said else rendered


def _misfit(path: str, error: Exception, fact: str) -> InputError:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return InputError(f"{path}:{lines[-1]}" if lines and lines[-1] else path, fact)


def _undefined(message: str, known: Iterable[str]) -> str:
    """Jinja's message in our words; ``'x' is undefined`` gets a suggestion."""
    name = re.fullmatch(r"'(\w+)' is undefined", message)
    if name:
        return f"{name.group(1)!r} is not a known value{did_you_mean(name.group(1), known)}"
    return re.sub(r"'[\w.]+ object' has no attribute", "there is no", message)


def _lowered(message: str | None) -> str:
    return (message[:1].lower() + message[1:]).rstrip(".") if message else "not understood"


class _Seen:
    """What the secrets that a template quoted say, as far as they are known later."""

    def __init__(self) -> None:
        self.later: set[str] = set()


class _SecretTable:
    """``secrets`` in a template: two look-ups deep, and unknown names are refused with a suggestion."""

    def __init__(self, secrets: Secrets, seen: _Seen) -> None:
        self._secrets = secrets
        self._seen = seen

    def __getitem__(self, name: str) -> _SecretKeys:
        if name not in self._secrets:
            raise _Refused(f"there is no Secret {name!r}{did_you_mean(name, self._secrets)}")
        return _SecretKeys(name, self._secrets[name], self._seen)

    def __str__(self) -> str:
        raise _Refused('secrets lacks a name and a key: write secrets["…"]["…"]')

    def __repr__(self) -> str:
        return "secrets"


class _SecretKeys:
    def __init__(self, name: str, keys: Mapping[str, str], seen: _Seen) -> None:
        self._name = name
        self._keys = keys
        self._seen = seen

    def __getitem__(self, key: str) -> str:
        if key not in self._keys:
            raise _Refused(f"the Secret {self._name!r} has no key {key!r}{did_you_mean(key, self._keys)}")
        value = self._keys[key]
        self._seen.later |= later_texts(value)
        return value

    def __str__(self) -> str:
        raise _Refused(f'secrets[{self._name!r}] lacks its key: write secrets[{self._name!r}]["…"]')

    def __repr__(self) -> str:
        return f"secrets[{self._name!r}]"


# ── checksums ────────────────────────────────────────────────────────────────────────────────────────


def contents_of(desired: Iterable[Desired]) -> dict[ObjectRef, dict[str, str]]:
    """The data of the ConfigMaps and Secrets among *desired*, in the form ``checksummed`` compares.

    ``stringData`` counts as the ``data`` it becomes in the API server, and wins over it.
    """
    contents = {}
    for one in desired:
        if one.ref.group == "" and one.ref.kind in ("ConfigMap", "Secret"):
            data = {**(one.body.get("data") or {}), **(one.body.get("binaryData") or {})}
            data |= {key: encoded(text) for key, text in (one.body.get("stringData") or {}).items()}
            contents[one.ref] = data
    return contents


def checksummed(
    desired: Sequence[Desired], contents: Mapping[ObjectRef, Mapping[str, str]], key: bytes | None
) -> tuple[Desired, ...]:
    """*desired*, with the annotation ``CHECKSUM`` on every pod template that uses something in *contents*.

    *contents* has the data of all ConfigMaps and Secrets of the platform (see ``contents_of``); what
    others own is not in it and does not count. The checksum is an HMAC: a plain hash of a password could
    be guessed. Without a *key* (a plan before the first up) or with data that is known later, the
    annotation is a KnownLater. The objects given are left as they are.
    """
    return tuple(_with_checksum(one, contents, key) for one in desired)


def _with_checksum(
    one: Desired, contents: Mapping[ObjectRef, Mapping[str, str]], key: bytes | None
) -> Desired:
    paths = pod_template_paths(one.ref.group, one.ref.kind)
    if not paths:
        return one
    template: Any = one.body
    for step in paths[-1]:
        template = template.get(step) if isinstance(template, dict) else None
    if not isinstance(template, dict):
        return one
    used = sorted(
        {
            ref
            for kind, name in config_references(template.get("spec"))
            if (ref := ObjectRef("", kind, one.ref.namespace, name)) in contents
        }
    )
    if not used:
        return one
    checksum = _checksum(used, contents, key)
    return replace(one, body=_set(one.body, (*paths[-1], "metadata", "annotations", CHECKSUM), checksum))


def _checksum(
    used: Sequence[ObjectRef], contents: Mapping[ObjectRef, Mapping[str, str]], key: bytes | None
) -> str:
    later = [ref for ref in used if contains_known_later(contents[ref])]
    if key is None or later:
        what = str(later[0]) if later else "the first up"
        return KnownLater(f"known after {what}")
    canonical = json.dumps(
        [[ref.kind, ref.name, dict(contents[ref])] for ref in used], sort_keys=True, separators=(",", ":")
    )
    return hmac.digest(key, canonical.encode(), "sha256").hex()[:32]


def config_references(pod_spec: object) -> Iterator[tuple[str, str]]:
    """Kind and name of every ConfigMap and Secret that a pod spec mounts or reads into its environment."""
    if not isinstance(pod_spec, Mapping):
        return
    for volume in _mappings(pod_spec.get("volumes")):
        yield from _named(volume.get("configMap"), "ConfigMap", "name")
        yield from _named(volume.get("secret"), "Secret", "secretName")
        projected = volume.get("projected")
        for source in _mappings(projected.get("sources") if isinstance(projected, Mapping) else None):
            yield from _named(source.get("configMap"), "ConfigMap", "name")
            yield from _named(source.get("secret"), "Secret", "name")
    for field in ("initContainers", "containers"):
        for container in _mappings(pod_spec.get(field)):
            for source in _mappings(container.get("envFrom")):
                yield from _named(source.get("configMapRef"), "ConfigMap", "name")
                yield from _named(source.get("secretRef"), "Secret", "name")
            for variable in _mappings(container.get("env")):
                origin = variable.get("valueFrom")
                if isinstance(origin, Mapping):
                    yield from _named(origin.get("configMapKeyRef"), "ConfigMap", "name")
                    yield from _named(origin.get("secretKeyRef"), "Secret", "name")


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, Mapping))


def _named(source: object, kind: str, field: str) -> Iterator[tuple[str, str]]:
    name = source.get(field) if isinstance(source, Mapping) else None
    if isinstance(name, str):
        yield kind, name


def _set(body: Mapping[str, Any], path: Sequence[str], value: object) -> dict[str, Any]:
    """A copy of *body* with *value* at *path*; what is not on the path is shared."""
    if len(path) == 1:
        return {**body, path[0]: value}
    return {**body, path[0]: _set(body.get(path[0]) or {}, path[1:], value)}
