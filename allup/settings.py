"""What a person set, from where: flag, variable, settings files in order, default.

The files are read here and not by Invoke's configuration, so that a mistake is told with file and line.
An explicitly empty value counts as set: it turns an optional setting off and a text into ``""``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allup.errors import InputError, did_you_mean
from allup.model.settings import PlatformSettings, SettingSpec, setting_specs
from allup.quantities import Quantity

if TYPE_CHECKING:
    from allup.yamlfiles import MappingNode, Node

OWN_SECTION = "allup"
"""The top-level key of a settings file that is about allup itself."""

_INVOKES_OWN = frozenset({"debug", "run", "runners", "sudo", "tasks", "timeouts"})
_WORDS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


@dataclass(frozen=True)
class Origin:
    """Where a setting's value comes from: *kind* is flag, variable, file or default; *detail* the flag,
    the variable's name, or ``file:line``."""

    kind: str
    detail: str

    def __str__(self) -> str:
        if self.kind == "default":
            return self.kind
        return self.detail if self.kind == "file" else f"{self.kind} {self.detail}"


@dataclass(frozen=True)
class ResolvedSettings:
    """The settings of a platform and where each comes from, by name."""

    values: PlatformSettings
    origins: Mapping[str, Origin]


@dataclass(frozen=True)
class SettingsFile:
    """One settings file: *platforms* are its sections that hold settings, each setting with its line;
    *contexts* those that ``allup: {contexts: [...]}`` allows; *top_level* every first-level key's line.

    A number is kept as text when that says more than the number does (``1.10``).
    """

    label: str
    platforms: Mapping[str, Mapping[str, tuple[Any, int]]] = field(default_factory=dict)
    contexts: tuple[str, ...] = ()
    top_level: Mapping[str, int] = field(default_factory=dict)


def resolve(
    cls: type[PlatformSettings],
    *,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    files: Sequence[SettingsFile],
    platform_names: Sequence[str],
    chart: SettingsFile | None = None,
) -> ResolvedSettings:
    """The settings of *cls*: flag, *chart* (a chart's values, in the section ``""``), variable, *files*
    (the first that says it wins), default.

    *flags* are by setting name, None for one that was not given; ``no_x: True`` says False for the bool
    setting x. *platform_names* are the sections that count in a file, the first one before the others.

    Raises InputError for a value that does not fit its setting; its subject is the value's origin.
    """
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for spec in setting_specs(cls):
        found = (
            _from_flags(spec, flags)
            or _from_files(spec, [chart] if chart else (), ("",))
            or _from_environ(spec, environ)
            or _from_files(spec, files, platform_names)
        )
        if found is None:
            values[spec.name], origins[spec.name] = spec.default, Origin("default", "")
        else:
            raw, origin = found
            values[spec.name], origins[spec.name] = convert(spec, raw, str(origin)), origin
    return ResolvedSettings(cls(**values), origins)


def _from_flags(spec: SettingSpec, flags: Mapping[str, object]) -> tuple[object, Origin] | None:
    raw = flags.get(spec.name)
    if spec.kind is bool and flags.get(f"no_{spec.name}"):
        negative = "--no-" + spec.flag.removeprefix("--")
        if raw:
            raise InputError(f"flag {spec.flag}", f"contradicts {negative}", next_step="Give one of them")
        return False, Origin("flag", negative)
    return None if raw is None else (raw, Origin("flag", spec.flag))


def _from_environ(spec: SettingSpec, environ: Mapping[str, str]) -> tuple[object, Origin] | None:
    if spec.env is None or spec.env not in environ:
        return None
    return environ[spec.env], Origin("variable", spec.env)


def _from_files(
    spec: SettingSpec, files: Sequence[SettingsFile], sections: Sequence[str]
) -> tuple[object, Origin] | None:
    for file in files:
        for section in sections:
            found = file.platforms.get(section, {}).get(spec.name)
            if found is not None:
                raw, line = found
                return raw, Origin("file", f"{file.label}:{line}")
    return None


def convert(spec: SettingSpec, raw: object, where: str) -> Any:
    """*raw* (a text, or what YAML made of it) as the setting's type; None only for an optional setting.

    Raises InputError with *where* as its subject when it does not fit, or is none of the choices.
    """
    if raw is None or raw == "" or (spec.kind is not str and isinstance(raw, str) and not raw.strip()):
        if spec.optional:
            return None
        if spec.kind is not str:
            raise InputError(where, f"{spec.name} is empty but takes {_TAKES[spec.kind]}")
        raw = ""
    try:
        value = _CONVERSIONS[spec.kind](raw)
    except ValueError:
        fact = f"{spec.name} takes {_TAKES[spec.kind]}, not {_shown(raw)}"
        quotes = "Put it in quotes" if spec.kind is str and isinstance(raw, bool) else ""
        raise InputError(where, fact, next_step=quotes) from None
    if spec.choices is not None and str(value) not in map(str, spec.choices):
        raise InputError(
            where,
            f"{spec.name} cannot be {_shown(raw)}{did_you_mean(str(value), spec.choices)}",
            evidence=f"It is one of {', '.join(map(str, spec.choices))}",
        )
    return value


def _shown(raw: object) -> str:
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, list | dict):
        return "a list" if isinstance(raw, list) else "a mapping"
    return repr(raw)


def _to_bool(raw: object) -> bool:
    word = str(raw).strip().lower()
    if not isinstance(raw, bool | int | str) or word not in _WORDS:
        raise ValueError(raw)
    return _WORDS[word]


def _to_int(raw: object) -> int:
    if isinstance(raw, float) and raw.is_integer():
        return int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise ValueError(raw)
    return int(raw)


def _to_float(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise ValueError(raw)
    try:
        number = float(raw)
    except OverflowError:
        raise ValueError(raw) from None
    if not math.isfinite(number):
        raise ValueError(raw)
    return number


def _to_text(raw: object) -> str:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise ValueError(raw)
    return str(raw)


def _to_quantity(raw: object) -> Quantity:
    return Quantity(_to_text(raw))


_CONVERSIONS: dict[type, Callable[[object], Any]] = {
    bool: _to_bool,
    int: _to_int,
    float: _to_float,
    str: _to_text,
    Quantity: _to_quantity,
}
_TAKES: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Quantity: "a quantity such as 512Mi, 2Gi, 0.5 or 250m",
}


def read_settings_file(path: Path, label: str) -> SettingsFile:
    """The settings in the YAML file *path*, which messages call *label*; none when there is no such file.

    A first-level key with a mapping is a section (of a platform, or Invoke's own); which is which is for
    ``check_known`` to say. Raises InputError, ``label:line``, for what is not YAML or not a mapping.
    """
    try:
        if not path.exists():
            return SettingsFile(label)
    except OSError as error:
        raise InputError(label, f"cannot be read: {(error.strerror or 'I/O error').lower()}") from None
    from allup.yamlfiles import MappingNode, ScalarNode, load_documents

    documents = load_documents(path, label=label)
    if not documents:
        return SettingsFile(label)
    if len(documents) > 1:
        raise InputError(f"{label}:{documents[1].line}", "a second document begins; a settings file has one")
    root = documents[0].node
    if not isinstance(root, MappingNode):
        raise InputError(f"{label}:{root.line}", "is not a mapping of platforms to their settings")
    platforms: dict[str, Mapping[str, tuple[Any, int]]] = {}
    contexts: tuple[str, ...] = ()
    for key, line, node in root.entries:
        if key == OWN_SECTION:
            contexts = _contexts(node, label, line)
        elif isinstance(node, MappingNode):
            platforms[key] = {name: (raw_value(value), at) for name, at, value in node.entries}
        elif isinstance(node, ScalarNode) and node.data is None:
            platforms[key] = {}
    return SettingsFile(label, platforms, contexts, {key: line for key, line, _ in root.entries})


def _contexts(section: Node, label: str, line: int) -> tuple[str, ...]:
    from allup.yamlfiles import MappingNode, ScalarNode, SequenceNode

    if isinstance(section, ScalarNode) and section.data is None:
        return ()
    if not isinstance(section, MappingNode):
        raise InputError(
            f"{label}:{line}", "allup takes a mapping", next_step="Write allup: {contexts: [...]}"
        )
    _refuse_unknown(section, label)
    names = section.get("contexts")
    if names is None or (isinstance(names, ScalarNode) and names.data is None):
        return ()
    if not isinstance(names, SequenceNode):
        raise InputError(f"{label}:{names.line}", "contexts takes a list of the names of kubeconfig contexts")
    found = []
    for item in names.items:
        if not isinstance(item, ScalarNode) or not item.text or item.data is None:
            raise InputError(f"{label}:{item.line}", "is not the name of a kubeconfig context")
        found.append(item.text)
    return tuple(found)


def _refuse_unknown(section: MappingNode, label: str) -> None:
    for name, line, _ in section.entries:
        if name != "contexts":
            raise InputError(
                f"{label}:{line}", f"allup has no setting {name!r}{did_you_mean(name, ['contexts'])}"
            )


def raw_value(node: Node) -> Any:
    """What a setting's value means; the text of a plain number that only its spelling tells whole."""
    from allup.yamlfiles import ScalarNode, to_data

    if not isinstance(node, ScalarNode):
        return to_data(node)
    decimal = node.plain and "." in node.text and "e" not in node.text.lower()
    return node.text if decimal and isinstance(node.data, int | float) else node.data


def check_known(file: SettingsFile, known: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Sentences about first-level keys that look like a platform's name with a slip in it.

    *known* are the names of platforms and collections with their settings' names. Raises InputError,
    ``label:line``, for a setting that such a section does not have, or a section that is no mapping.
    """
    warnings = []
    for key, line in file.top_level.items():
        if key == OWN_SECTION:
            continue
        if key not in known:
            slip = "" if key in _INVOKES_OWN else did_you_mean(key, known)
            if slip:
                warnings.append(
                    f"{file.label}:{line}: {key!r} is not a platform{slip}; what it sets is not used"
                )
            continue
        if key not in file.platforms:
            raise InputError(f"{file.label}:{line}", f"{key} takes a mapping of its settings to their values")
        for name, (_, at) in file.platforms[key].items():
            if name not in known[key]:
                slip = did_you_mean(name, known[key])
                every = f"It has {', '.join(known[key])}" if known[key] else "It has none"
                raise InputError(
                    f"{file.label}:{at}",
                    f"{key} has no setting {name!r}{slip}",
                    evidence="" if slip else every,
                )
    return tuple(warnings)
