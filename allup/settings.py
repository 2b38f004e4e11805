"""What a person set, and where: flag, variable, ``-f FILE``, project file, user file, default, in this order.

A source that sets a value to nothing has set it: an empty text, or None where the setting is optional.
Values mean the same in every source: in a file it is the text as written that counts, so a version
``1.10`` stays ``1.10`` with and without quotes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from allup.errors import InputError, did_you_mean
from allup.model.settings import PlatformSettings, SettingSpec, setting_specs
from allup.quantities import Quantity
from allup.yamlfiles import MappingNode, Node, ScalarNode, SequenceNode, load_documents

S = TypeVar("S", bound=PlatformSettings)

OUR_KEY = "allup"
_OUR_KEYS = ("contexts",)
_INVOKE_KEYS = frozenset(("debug", "run", "runners", "sudo", "tasks", "timeouts"))


@dataclass(frozen=True)
class Origin:
    """Where a value comes from; prints as ``flag --worker-replicas`` or ``invoke.yaml:12``."""

    kind: Literal["flag", "variable", "file", "default"]
    detail: str = ""

    def __str__(self) -> str:
        return {"file": self.detail, "default": "default"}.get(self.kind, f"{self.kind} {self.detail}")


DEFAULT = Origin("default")


@dataclass(frozen=True)
class ResolvedSettings(Generic[S]):
    """The settings of a platform with the origin of each."""

    values: S
    origins: Mapping[str, Origin]


@dataclass(frozen=True)
class SettingsFile:
    """A settings file: *sections* by top-level key, *contexts* that may be used though they are not local.

    *label* is how messages call the file. A section is judged only by ``check_known`` and ``resolve``:
    the file is Invoke's as well, and most of its keys are not ours.
    """

    label: str
    sections: Mapping[str, tuple[int, Node]]
    contexts: tuple[str, ...] = ()

    def values_of(self, names: Sequence[str]) -> dict[str, ScalarNode]:
        """What the file sets for the platform called any of *names* (its own name, its collection's).

        Raises InputError when a section is not a mapping of single values, or two set the same.
        """
        values: dict[str, ScalarNode] = {}
        for name in dict.fromkeys(names):
            line, section = self.sections.get(name, (0, None))
            if section is None or (isinstance(section, ScalarNode) and section.data is None):
                continue
            if not isinstance(section, MappingNode):
                raise InputError(f"{self.label}:{line}", f"{name!r} is not a mapping of settings")
            for key, key_line, value in section.entries:
                where = f"{self.label}:{key_line}"
                if not isinstance(value, ScalarNode):
                    kind = "a list" if isinstance(value, SequenceNode) else "a mapping"
                    raise InputError(where, f"{name}.{key} is {kind}; a setting is one value")
                if key in values:
                    raise InputError(where, f"{key!r} is also set in line {values[key].line}")
                values[key] = value._replace(line=key_line)
        return values


def read_settings_file(path: Path, label: str = "", *, required: bool = False) -> SettingsFile:
    """The settings file at *path*; one that is missing is empty, unless it is *required* (``-f FILE``).

    Raises InputError when it is not one YAML mapping, or its section ``allup`` is not as it should be.
    """
    label = label or str(path)
    if not required and not path.exists():
        return SettingsFile(label, {})
    documents = load_documents(path, label=label)
    if not documents:
        return SettingsFile(label, {})
    if len(documents) > 1:
        raise InputError(
            f"{label}:{documents[1].line}", "a settings file has one document, and here begins another"
        )
    root = documents[0].node
    if not isinstance(root, MappingNode):
        raise InputError(f"{label}:{documents[0].line}", "is not a mapping from platforms to their settings")
    sections = {key: (line, value) for key, line, value in root.entries}
    ours = sections.pop(OUR_KEY, None)
    return SettingsFile(label, sections, _contexts(label, *ours) if ours else ())


def _contexts(label: str, line: int, node: Node) -> tuple[str, ...]:
    if isinstance(node, ScalarNode) and node.data is None:
        return ()
    if not isinstance(node, MappingNode):
        raise InputError(
            f"{label}:{line}", f"{OUR_KEY!r} is not a mapping", next_step="Write contexts: [name, …]"
        )
    contexts: list[str] = []
    for key, key_line, value in node.entries:
        if key not in _OUR_KEYS:
            raise InputError(
                f"{label}:{key_line}",
                f"{OUR_KEY}.{key} is not a known key{did_you_mean(key, _OUR_KEYS)}",
                next_step=f"Known is {', '.join(_OUR_KEYS)}",
            )
        items = value.items if isinstance(value, SequenceNode) else (value,)
        for item in items:
            if not isinstance(value, SequenceNode) or not isinstance(item, ScalarNode) or not item.text:
                raise InputError(
                    f"{label}:{item.line}",
                    f"{OUR_KEY}.contexts is not a list of context names",
                    next_step="Write contexts: [name, …]",
                )
            contexts.append(item.text)
    return tuple(contexts)


def check_known(file: SettingsFile, platforms: Mapping[str, Sequence[SettingSpec]]) -> tuple[str, ...]:
    """Holds *file* against the settings of all platforms, by platform and collection name.

    Returns warnings: top-level keys that look like a platform's name and are not. Raises InputError for
    a setting that its platform does not have.
    """
    warnings = []
    for name, (line, _) in file.sections.items():
        if name not in platforms:
            near = "" if name in _INVOKE_KEYS else did_you_mean(name, [*platforms, OUR_KEY])
            if near:
                warnings.append(f"{file.label}:{line}: {name!r} is not a platform{near}; it is left alone.")
            continue
        known = [spec.name for spec in platforms[name]]
        for key, value in file.values_of([name]).items():
            if key not in known:
                raise InputError(
                    f"{file.label}:{value.line}",
                    f"{name} has no setting {key!r}{did_you_mean(key, known)}",
                    next_step=f"Its settings are {', '.join(known)}" if known else "It has none",
                )
    return tuple(warnings)


def resolve(
    settings: type[S],
    *,
    names: Sequence[str],
    flags: Mapping[str, str | bool | None],
    environ: Mapping[str, str],
    files: Sequence[SettingsFile],
    instance: str = "",
    namespace: str = "",
) -> ResolvedSettings[S]:
    """Every setting of the class *settings* from the first source that has it, with its origin.

    *names* are the platform's keys in a file; *flags* is by setting, None meaning not given; *files* come
    in falling precedence. *instance* and *namespace* are handed through. Raises InputError, naming the
    source, when a value does not fit its setting.
    """
    sections = [(file.label, file.values_of(names)) for file in files]
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for spec in setting_specs(settings):
        origin, raw = _first(spec, flags, environ, sections)
        origins[spec.name] = origin
        values[spec.name] = spec.default if origin is DEFAULT else convert(spec, raw, origin=origin)
    resolved = settings(instance=instance, namespace=namespace, **values)
    return ResolvedSettings(resolved, origins)


def _first(
    spec: SettingSpec,
    flags: Mapping[str, str | bool | None],
    environ: Mapping[str, str],
    sections: Sequence[tuple[str, Mapping[str, ScalarNode]]],
) -> tuple[Origin, str | bool | None]:
    flag = flags.get(spec.name)
    if flag is not None:
        return Origin("flag", spec.flag.replace("--", "--no-", 1) if flag is False else spec.flag), flag
    if spec.env is not None and spec.env in environ:
        return Origin("variable", spec.env), environ[spec.env]
    for label, section in sections:
        if spec.name in section:
            found = section[spec.name]
            null = found.plain and found.data is None
            return Origin("file", f"{label}:{found.line}"), "" if null else found.text
    return DEFAULT, None


_TRUE = frozenset(("true", "yes", "on", "1"))
_FALSE = frozenset(("false", "no", "off", "0"))


def convert(spec: SettingSpec, raw: str | bool | None, *, origin: Origin | None = None) -> Any:
    """*raw* as the type of the setting; nothing (``""`` or None) is None where the setting is optional.

    Raises InputError naming the setting and *origin* when it does not fit.
    """
    subject = f"setting {spec.name}" + (f" ({origin})" if origin else "")
    if raw is None or raw == "":
        if spec.optional:
            return None
        raw = ""
    value = _typed(spec, raw, subject)
    if spec.choices is not None and str(value) not in spec.choices:
        raise InputError(
            subject,
            f"{str(value)!r} is none of {', '.join(spec.choices)}{did_you_mean(str(value), spec.choices)}",
        )
    return value


def _typed(spec: SettingSpec, raw: str | bool, subject: str) -> Any:
    if spec.kind is bool:
        word = str(raw).strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise InputError(subject, f"{raw!r} is neither true nor false", next_step="Write true or false")
    text = ("true" if raw else "false") if isinstance(raw, bool) else raw
    if spec.kind is str:
        return text
    text = text.strip()
    if spec.kind is int:
        if re.fullmatch(r"[+-]?[0-9]+", text):
            return int(text)
        raise InputError(
            subject, f"{text!r} is not a whole number" if text else "is empty, not a whole number"
        )
    if spec.kind is float:
        if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
            return float(text)
        raise InputError(subject, f"{text!r} is not a number" if text else "is empty, not a number")
    try:
        return Quantity(text)
    except ValueError as error:
        raise InputError(subject, str(error)) from None
