"""The values file of a Helm chart, read as settings. What is not known is refused; Helm ignores it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allup.errors import InputError, did_you_mean
from allup.settings import SettingsFile, raw_value

if TYPE_CHECKING:
    from allup.yamlfiles import Node


@dataclass(frozen=True)
class ChartValues:
    """*settings* as a settings file has them, in the section ``""``; *variables* are those of Secrets;
    *warnings* name the keys that are there and not used, a sentence per reason."""

    settings: SettingsFile
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()


def read(
    path: Path,
    label: str,
    known: Mapping[str, str],
    refused: Mapping[str, str],
    unused: Mapping[str, str] | None = None,
) -> ChartValues:
    """What the values file *path* sets. *known* maps a dotted key to a setting; to ``:setting``, when it is
    the tag of the image in that setting; or (in capitals) to the variable of a Secret. *refused* says of a
    key why it is not taken, *unused* of one that may stand there why nothing follows from it.

    Empty values count as not said. A list or mapping becomes its JSON. Raises InputError, ``label:line``.
    """
    from allup.yamlfiles import MappingNode, load_documents

    if not path.is_file():
        raise InputError(label, "there is no such file", next_step="Name a values file with --values")
    documents = load_documents(path, label=label)
    found: dict[str, tuple[Any, int]] = {}
    variables: dict[str, str] = {}
    tags: dict[str, tuple[Any, int]] = {}
    idle: dict[str, list[str]] = {}
    taken = known if unused is None else {**known, **dict.fromkeys(unused, "")}
    for document in documents[:1]:
        if not isinstance(document.node, MappingNode):
            raise InputError(f"{label}:{document.node.line}", "is not a mapping of values")
        for key, line, value in _leaves(document.node, "", label, taken, refused):
            setting = taken[key]
            if not setting:
                idle.setdefault((unused or {})[key], []).append(key)
            elif setting.isupper():
                if str(value).strip():
                    variables[setting] = str(value)
            elif setting.startswith(":"):
                tags[setting[1:]] = (value, line)
            elif found.get(setting, (value, line))[0] != value:
                other = found[setting][1]
                fact = f"{key} sets {setting} otherwise than line {other} does"
                raise InputError(f"{label}:{line}", fact, next_step="Leave one of them out")
            else:
                found.setdefault(setting, (value, line))
    for setting, (tag, line) in tags.items():
        if setting not in found:
            raise InputError(f"{label}:{line}", f"is the tag of {setting}, and its repository is not given")
        if str(tag).strip():
            found[setting] = (f"{found[setting][0]}:{tag}", line)
    warnings = tuple(f"{label}: not used: {', '.join(keys)}. {why}" for why, keys in idle.items())
    return ChartValues(SettingsFile(label, {"": found}), variables, warnings)


def _leaves(
    node: Node, prefix: str, label: str, known: Mapping[str, str], refused: Mapping[str, str]
) -> Iterator[tuple[str, int, Any]]:
    from allup.yamlfiles import MappingNode, ScalarNode, to_data

    assert isinstance(node, MappingNode)
    for name, line, value in node.entries:
        key = f"{prefix}{name}"
        data = to_data(value)
        if data in (None, {}, []):
            if (
                key not in known
                and not _begins(key, known)
                and not _begins(key, refused)
                and key not in refused
            ):
                raise _unknown(f"{label}:{line}", key, known)
        elif key in known:
            yield key, line, raw_value(value) if isinstance(value, ScalarNode) else json.dumps(data)
        elif key in refused:
            raise InputError(f"{label}:{line}", f"{key} is not taken", evidence=refused[key])
        elif isinstance(value, MappingNode) and (_begins(key, known) or _begins(key, refused)):
            yield from _leaves(value, f"{key}.", label, known, refused)
        else:
            raise _unknown(f"{label}:{line}", key, known)


def _begins(key: str, keys: Mapping[str, str]) -> bool:
    return any(known.startswith(f"{key}.") for known in keys)


def _unknown(where: str, key: str, known: Mapping[str, str]) -> InputError:
    slip = did_you_mean(key, known)
    return InputError(
        where,
        f"there is no value {key!r}{slip}",
        evidence="" if slip else f"There are {', '.join(known)}",
    )
