"""A service's variables: merged, secrets put aside, renamed hosts followed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allup.compose import envfiles
from allup.compose.findings import Taking
from allup.compose.lookup import environment, service_at
from allup.compose.made import CREDENTIALS, MadeKey, Making, Part
from allup.compose.naming import followed, looks_like_address, mentions
from allup.compose.source import Fields, Place, Text, boolean, parse, refuse, text
from allup.yamlfiles import read_text

_WORDS = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|"
    r"(?:API|APP|PRIVATE|ACCESS|ENCRYPTION|SIGNING|MASTER|LICENSE|LICENCE|AUTH)_?KEY|(?:^|_)(?:PASS|PWD)(?:_|$)"
)
_NO_SECRET = re.compile(
    r"(?:FILE|PATH|DIR|URL|URI|HOST|NAME|TTL|EXPIR\w*|LIFETIME|AGE|LENGTH|POLICY|METHOD|HEADER|TYPE|"
    r"REQUIRED|ENABLED?|DISABLED?|PLUGIN|ALGORITHM|FORMAT)$"
)
_DULL = re.compile(r"(?i)true|false|yes|no|on|off|null|none|\d{0,5}|/.*")
_IN_URL = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
_WHOLE = re.compile(r"\$(?:(?P<bare>\w+)|\{(?P<braced>\w+)(?::?[-?+].*)?\})", re.DOTALL)
_VALID = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")


@dataclass(frozen=True)
class Variable:
    """One variable with its value; *origin* is ``FILE#NAME`` where the value is written, *asked* the variable
    of the shell that it is wholly taken from."""

    name: str
    value: str
    place: Place
    origin: str = ""
    asked: str = ""

    @property
    def secret(self) -> bool:
        """Whether nobody should read it: by its name, or because it is an address with a password."""
        if not self.value.strip():
            return False
        if _IN_URL.search(self.value):
            return True
        name = self.name.upper()
        return bool(_WORDS.search(name)) and not _NO_SECRET.search(name) and not _DULL.fullmatch(self.value)


def variables(making: Making, service: str, taking: Taking) -> list[Variable]:
    """The service's variables: those of its files, and over them its environment. Raises InputError for a
    file that is required and not there."""
    own = taking.mapping("environment")
    known = dict(making.project.variables)
    said = {name: node.text for name, node in own.items() if not node.null}
    found: dict[str, Variable] = {}
    for item in taking.items("env_file"):
        found |= {one.name: one for one in _of_file(item, {**known, **said})}
    for name, node in own.items():
        found.pop(name, None)
        if not node.null:
            found[name] = _of_compose(name, node)
        elif name in known:
            dotenv = making.project.folder / ".env"
            origin = f"{dotenv}#{name}" if dotenv.is_file() else ""
            found[name] = Variable(name, known[name], node.place, origin, name)
        else:
            making.findings.changed(
                service,
                "environment",
                f"{name} is to come from the shell, where it is not set now, so it is not set",
                f"Set {name} and convert again, or add it to the manifest",
                node.place,
            )
    return list(found.values())


def _of_file(item: Taking, known: dict[str, str]) -> Iterator[Variable]:
    node = item.take("path")
    if node is None:
        refuse(item.node.place, "an env_file names no path")
    path = (node.place.source.folder / text(node, "path of env_file")).resolve()
    required = boolean(item.take("required"), "required of env_file", True)
    form = item.text("format")
    if not path.is_file():
        if required:
            refuse(
                node.place, f"the env_file {text(node, 'path')} is not there", next_step="Or required: false"
            )
        return
    label = str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
    for name, value in envfiles.parse(read_text(path, label=label), label, known, raw=form == "raw").items():
        yield Variable(name, value, node.place, f"{path}#{name}")


def _of_compose(name: str, node: Text) -> Variable:
    source = node.place.source
    tree = parse(read_text(source.path, label=source.label), source)
    service = service_at(tree, name, node.place)
    if service is None:
        return Variable(name, node.text, node.place)
    raw = _raw(tree, service, name)
    whole = _WHOLE.fullmatch(raw) if raw else None
    asked = (whole["bare"] or whole["braced"]) if whole else ""
    return Variable(name, node.text, node.place, f"{source.path}#{service}.{name}", asked)


def _raw(tree: Fields, service: str, name: str) -> str:
    return next((node.value for found, node in environment(tree, service) if found == name), "")


def env_entries(making: Making, part: Part, service: str, found: list[Variable]) -> list[dict[str, Any]]:
    """The container's ``env``; a secret one refers to a key of the Secret *credentials*."""
    entries: list[dict[str, Any]] = []
    for one in found:
        if not _VALID.fullmatch(one.name):
            making.findings.left_out(
                service,
                "environment",
                f"{one.name!r} cannot be a variable's name in Kubernetes",
                "Use letters, digits, '_', '-' and '.', and no digit first",
                one.place,
            )
        elif one.secret:
            reference = _put_aside(making, service, one)
            part.comes_after(CREDENTIALS)
            entries.append({"name": one.name, "valueFrom": {"secretKeyRef": reference}})
        else:
            making.plain.add(one.value)
            entries.append({"name": one.name, "value": escaped(renamed(making, service, one))})
    return entries


def escaped(value: str) -> str:
    """``$(NAME)`` is a reference in Kubernetes, and was none in Compose."""
    return value.replace("$(", "$$(")


def renamed(making: Making, service: str, one: Variable) -> str:
    """The value with renamed services followed, which is told."""
    hosts = making.names.hosts
    value = followed(one.value, hosts, whole=looks_like_address(one.name))
    if value != one.value:
        making.findings.changed(
            service, "environment", f"{one.name} is {value!r}, since a service is renamed", "", one.place
        )
    for old, new in hosts.items():
        if mentions(value, old):
            making.findings.changed(
                service,
                "environment",
                f"{one.name} says {old!r}, which may be the service that is now {new!r}; it is left as it is",
                f"If it is the host, write {new} in the manifest",
                one.place,
            )
    return value


def _put_aside(making: Making, service: str, one: Variable) -> dict[str, str]:
    keys = making.secrets.setdefault(CREDENTIALS, {})
    shared = keys.get(one.asked) if one.asked else None
    name = one.asked if one.asked and (shared is None or shared.value == one.value) else ""
    name = name or f"{making.names.objects[service]}.{one.name}"
    env = one.asked or variable_name(making.name, service, one.name)
    key = keys.setdefault(name, MadeKey(env, value=one.value))
    broken = [old for old in making.names.hosts if mentions(one.value, old)]
    reference = relative(making, one.origin) if one.origin else ""
    if broken:
        new = making.names.hosts[broken[0]]
        key.help = f"It names {broken[0]}, which is now {new}: set {env}"
        making.findings.to_do(
            service,
            "environment",
            f"{one.name} is a secret that names {broken[0]!r}, which is now {new!r}",
            f"Set {env} to the value with the new name before the up",
            one.place,
        )
    elif reference:
        if not key.fallbacks:  # another service may have brought it already
            key.fallbacks.append(reference)
        key.help = f"Set {env}, or keep it where it was: {reference}"
        making.findings.changed(
            service,
            "environment",
            f"{one.name} is in the Secret {CREDENTIALS}; the value stays in {reference.rpartition('/')[2]}",
            f"The variable {env} gives another",
            one.place,
        )
    else:
        key.help = f"Set {env}"
        making.findings.to_do(
            service,
            "environment",
            f"{one.name} is a secret whose place is not known",
            f"Set {env} before the up",
            one.place,
        )
    return {"name": CREDENTIALS, "key": name}


def variable_name(*parts: str) -> str:
    """A variable's name from several parts: ``SHOP_DB_PASSWORD``."""
    return re.sub(r"\W+", "_", "_".join(parts)).upper()


def relative(making: Making, path: str) -> str:
    """A path as the platform's folder sees it."""
    return Path(os.path.relpath(path, making.options.folder)).as_posix()
