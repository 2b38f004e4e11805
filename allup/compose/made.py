"""What a conversion makes: components with their objects, settings, secrets, files, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from allup.compose.building import ImageBuild
from allup.compose.findings import Findings
from allup.compose.naming import Names
from allup.compose.project import Project

Object = dict[str, Any]
VolumesAs = Literal["persistentVolumeClaim", "emptyDir", "hostPath", "configMap"]
VOLUMES_AS: tuple[VolumesAs, ...] = ("persistentVolumeClaim", "emptyDir", "hostPath", "configMap")
CREDENTIALS = "credentials"
"""The component that holds every Secret, and the Secret of the variables."""
SHARED = "volumes"
"""The component of the claims that more than one service mounts."""


class Reference(str):
    """The name of a value: stands in a manifest as ``${name}``."""

    __slots__ = ()


class Mode(int):
    """A file's mode: written in octal."""


@dataclass(frozen=True)
class Options:
    """*folder* is where the platform will be: what it refers to is written relative to it. *images* are the
    names that built images have where nodes find them, by service."""

    folder: Path
    replicas: int | None = None
    volumes: VolumesAs = "persistentVolumeClaim"
    images: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Part:
    """A component: *configs* are ConfigMaps by name, each with the template of every key; *requires* are
    objects that must be there, with what to do when they are not."""

    name: str
    help: str = ""
    where: str = ""
    after: list[str] = field(default_factory=list)
    objects: list[Object] = field(default_factory=list)
    configs: dict[str, dict[str, str]] = field(default_factory=dict)
    requires: dict[str, str] = field(default_factory=dict)

    def comes_after(self, other: str) -> None:
        """Notes what has to be up first."""
        if other not in self.after and other != self.name:
            self.after.append(other)


@dataclass(frozen=True)
class MadeSetting:
    """A field of the platform's Settings; *kind* as Python writes it."""

    name: str
    kind: str
    default: Any
    help: str


@dataclass
class MadeKey:
    """A key of a Secret: the variable and the ``FILE`` or ``FILE#NAME``s it is given by. *value* is never
    written anywhere; it is there to look for it in what is."""

    env: str
    fallbacks: list[str] = field(default_factory=list)
    help: str = ""
    value: str = field(default="", repr=False)


@dataclass
class Making:
    """The platform in the making; what every step of the conversion adds to."""

    project: Project
    options: Options
    name: str
    names: Names
    findings: Findings = field(default_factory=Findings)
    parts: dict[str, Part] = field(default_factory=dict)
    settings: dict[str, MadeSetting] = field(default_factory=dict)
    secrets: dict[str, dict[str, MadeKey]] = field(default_factory=dict)
    secret_types: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    urls: list[tuple[str, str]] = field(default_factory=list)
    builds: list[ImageBuild] = field(default_factory=list)
    privileged: bool = False
    plain: set[str] = field(default_factory=set)

    def setting(self, name: str, kind: str, default: Any, help: str) -> Reference:
        """Adds a setting, unless it is there, and returns what stands for it in a manifest."""
        self.settings.setdefault(name, MadeSetting(name, kind, default, help))
        return Reference(name)

    def secret_values(self) -> Mapping[str, str]:
        """Secret values that can be looked for, with their variables: long enough, and no word that stands
        in the open elsewhere (a password may be the user's name)."""
        return {
            key.value: key.env
            for keys in self.secrets.values()
            for key in keys.values()
            if len(key.value) >= 6 and key.value not in self.plain
        }
