"""Settings of a platform: each field is a flag, an environment variable and a key of invoke.yaml."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from allup.quantities import Quantity


def setting(
    default: Any, *, env: str | None = None, help: str = "", choices: Sequence[str] | None = None
) -> Any:
    """A field of a PlatformSettings class: its default, its one environment variable, its help."""
    metadata = {"env": env, "help": help, "choices": tuple(choices) if choices else None}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class PlatformSettings:
    """The settings every platform has. ``instance`` and ``namespace`` are fixed flags, not settings.

    ``instance`` is one installation of the platform, the default namespace, and the prefix of every
    cluster-scoped name.
    """

    instance: str = ""
    namespace: str = ""


@dataclass(frozen=True)
class SettingSpec:
    """One setting as the command line, the environment and the files see it."""

    name: str
    kind: type[bool] | type[int] | type[float] | type[str] | type[Quantity]
    default: Any
    env: str | None
    help: str
    choices: tuple[str, ...] | None
    optional: bool

    @property
    def flag(self) -> str:
        """``--worker-replicas`` of ``worker_replicas``."""
        return "--" + self.name.replace("_", "-")


def setting_specs(settings: type[PlatformSettings]) -> tuple[SettingSpec, ...]:
    """The settings of a class in the order they are written.

    Raises TypeError for a field whose type is none of bool, int, float, str, Quantity (or one of them
    and None): that is a mistake in the platform, not in what a person typed.
    """
    hints = typing.get_type_hints(settings)
    common = {f.name for f in dataclasses.fields(PlatformSettings)}
    specs = []
    for f in dataclasses.fields(settings):
        if f.name in common:
            continue
        kind, optional = _kind(hints[f.name])
        if kind not in (bool, int, float, str, Quantity):
            raise TypeError(f"{settings.__qualname__}.{f.name}: a setting cannot be a {kind}")
        default: Any = f.default
        if kind is Quantity and default is not None:
            default = Quantity(default)
        specs.append(
            SettingSpec(
                name=f.name,
                kind=kind,
                default=default,
                env=f.metadata.get("env"),
                help=f.metadata.get("help", ""),
                choices=f.metadata.get("choices"),
                optional=optional,
            )
        )
    return tuple(specs)


def _kind(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kinds = [a for a in typing.get_args(hint) if a is not type(None)]
        return (kinds[0] if len(kinds) == 1 else hint), True
    return hint, False
