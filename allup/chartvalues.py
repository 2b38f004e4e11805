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
    """*settings* as a settings file has them, in the section ``""``; *variables* are those of Secrets."""

    settings: SettingsFile
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


def read(path: Path, label: str, known: Mapping[str, str], refused: Mapping[str, str]) -> ChartValues:
    """What the values file *path* sets. *known* maps a dotted key to a setting, or (in capitals) to the
    variable of a Secret; *refused* says of a key why it is not taken.

    Empty values count as not said. A list or mapping becomes its JSON. Raises InputError, ``label:line``.
    """
    from allup.yamlfiles import MappingNode, load_documents

    if not path.is_file():
        raise InputError(label, "there is no such file", next_step="Name a values file with --values")
    documents = load_documents(path, label=label)
    found: dict[str, tuple[Any, int]] = {}
    variables: dict[str, str] = {}
    for document in documents[:1]:
        if not isinstance(document.node, MappingNode):
            raise InputError(f"{label}:{document.node.line}", "is not a mapping of values")
        for key, line, value in _leaves(document.node, "", label, known, refused):
            setting = known[key]
            if setting.isupper():
                variables[setting] = str(value)
            else:
                found[setting] = (value, line)
    return ChartValues(SettingsFile(label, {"": found}), variables)


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
