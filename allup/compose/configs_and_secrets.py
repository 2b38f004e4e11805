"""The ``configs`` and ``secrets`` of a service: files that somebody else writes, mounted one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from allup.compose import carried
from allup.compose.environment import relative, variable_name
from allup.compose.findings import Taking
from allup.compose.made import MadeKey, Making, Object
from allup.compose.naming import dns_label
from allup.compose.source import Place, Text, refuse, text
from allup.compose.storage import Mounting, file_key, is_external


@dataclass(frozen=True)
class _Kind:
    """What the two have in common, by other words."""

    section: str
    one: str
    object_kind: str
    target: Callable[[str], str]
    volume: Callable[[str], Object]
    create: str


_CONFIG = _Kind(
    "configs",
    "config",
    "ConfigMap",
    lambda name: f"/{name}",
    lambda name: {"configMap": {"name": name}},
    "kubectl create configmap",
)
_SECRET = _Kind(
    "secrets",
    "secret",
    "Secret",
    lambda name: f"/run/secrets/{name}",
    lambda name: {"secret": {"secretName": name}},
    "kubectl create secret generic",
)


@dataclass(frozen=True)
class _Entry:
    """One of a service's ``configs`` or ``secrets``, with what the top of the file says of it."""

    source: str
    declared: Taking
    target: str
    mode: int
    place: Place


def add_configs(mounting: Mounting, taking: Taking) -> None:
    """The service's ``configs``."""
    for entry in _entries(mounting, taking, _CONFIG):
        if is_external(entry.declared):
            _external(mounting, entry, _CONFIG, entry.source)
        else:
            _add_config(mounting, entry)


def add_secrets(mounting: Mounting, taking: Taking) -> None:
    """The service's ``secrets``."""
    for entry in _entries(mounting, taking, _SECRET):
        key = file_key(entry.source)
        if is_external(entry.declared):
            _external(mounting, entry, _SECRET, key)
            continue
        name = dns_label(entry.source)
        keys = mounting.making.secrets.setdefault(name, {})
        if key not in keys:
            keys[key] = _made_key(mounting, entry)
        mounting.mount_secret(name, key, entry.target, mode=entry.mode)


def _entries(mounting: Mounting, taking: Taking, kind: _Kind) -> Iterator[_Entry]:
    for item in taking.items(kind.section):
        source = item.text("source")
        node = mounting.making.project.sections[kind.section].get(source)
        declared = Taking(node, f"{kind.one} {source!r}", item.node.place)
        target = item.text("target") or source
        target = target if target.startswith("/") else kind.target(target)
        mode = _mode(item)
        _owner(mounting, item, kind.section, source)
        yield _Entry(source, declared, target, mode, node.place if node is not None else item.node.place)


def _external(mounting: Mounting, entry: _Entry, kind: _Kind, key: str) -> None:
    """Mounts what has to be there already."""
    name = dns_label(entry.declared.text("name") or entry.source)
    mounting.part.requires[f"{kind.object_kind}/{name}"] = (
        f"It is the external {kind.one} {entry.source}: make it first"
    )
    mounting.making.findings.to_do(
        mounting.service,
        kind.section,
        f"the {kind.one} {entry.source} is external: "
        f"{kind.object_kind} {name} with the key {key} has to be there",
        f"{kind.create} {name} --from-file={key}=FILE",
        entry.place,
    )
    volume = mounting.storage.volume(name, kind.volume(name))
    mounting.storage.mount(volume, entry.target, inside=key, file=True)


def _add_config(mounting: Mounting, entry: _Entry) -> None:
    making, declared = mounting.making, entry.declared
    content, file = declared.take("content"), declared.take("file")
    variable = declared.text("environment")
    key = Path(entry.target).name or entry.source
    if content is not None:
        words = text(content, "content")
    elif variable:
        words = making.project.variables.get(variable, "")
    elif file is not None:
        path = (file.place.source.folder / text(file, "file")).resolve()
        seen = carried.look(path)
        if not seen.files or seen.kind != "file":
            making.findings.left_out(
                mounting.service,
                "configs",
                f"the file of the config {entry.source} {seen.why_not or 'is not there'}",
                "Put it there and convert again",
                entry.place,
            )
            return
        words, key = next(iter(seen.files.values())), path.name
    else:
        return
    name = dns_label(f"{mounting.label}-{entry.source}")
    mounting.config({key: words}, name, entry.target, entry.place, file=key, mode=entry.mode)


def _made_key(mounting: Mounting, entry: _Entry) -> MadeKey:
    making, source = mounting.making, entry.source
    env = entry.declared.text("environment")
    file = entry.declared.take("file")
    made = MadeKey(env or variable_name(making.name, source))
    if file is not None:
        path = (file.place.source.folder / text(file, "file")).resolve()
        seen = carried.look(path)
        made.fallbacks.append(relative(making, str(path)))
        made.help = f"Set {made.env}, or put the file {made.fallbacks[0]} there"
        made.value = next(iter(seen.files.values()), "").strip() if seen.kind == "file" else ""
        missing = f"the file of the secret {source} {seen.why_not or 'is not there'}"
        next_step = f"Put a text there, or set {made.env}"
    else:
        made.fallbacks += _of_dotenv(making, env)
        made.help = f"Set {made.env}"
        made.value = making.project.variables.get(env, "")
        missing, next_step = f"the secret {source} comes from {env}", made.help
    if not made.value:
        making.findings.to_do(mounting.service, "secrets", missing, next_step, entry.place)
    return made


def _of_dotenv(making: Making, variable: str) -> list[str]:
    dotenv = making.project.folder / ".env"
    return [relative(making, f"{dotenv}#{variable}")] if dotenv.is_file() else []


def _mode(item: Taking) -> int:
    """A file's mode; ``0440`` without quotes was read as octal already. Raises InputError."""
    node = item.take("mode")
    if not isinstance(node, Text):
        return 0
    try:
        return int(node.text) if node.plain else int(node.value.removeprefix("0o"), 8)
    except ValueError:
        refuse(node.place, f"mode is {node.value!r} and has to be one such as 0440")


def _owner(mounting: Mounting, item: Taking, key: str, source: str) -> None:
    for owner in ("uid", "gid"):
        if item.text(owner):
            mounting.making.findings.left_out(
                mounting.service,
                f"{key}.{owner}",
                f"the file of {source} belongs to root; Kubernetes cannot give it to another user",
                "Let the container run with fsGroup, or make the file readable by all with mode",
                item.where(owner),
            )
