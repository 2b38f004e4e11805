"""Compose files in a temporary folder, and what they become."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from allup import Platform
from allup.compose.conversion import convert
from allup.compose.findings import Finding, Grade
from allup.compose.made import Making, Options, VolumesAs
from allup.compose.printing import texts
from allup.compose.project import Project, load_project
from allup.compose.source import Fields, Items, Node, Text
from allup.loading import LoadedPlatform, assemble, load
from allup.manifests import Desired, builtin_scope

DATA = Path(__file__).parents[2] / "data" / "compose"
SHAPES: Mapping[str, tuple[str, ...]] = {
    "web-db": ("compose.yaml",),
    "wordpress": ("docker-compose.yml",),
    "voting": ("compose.yaml",),
    "monitoring": ("compose.yml",),
    "kafka": ("compose.yaml",),
    "jobs": ("compose.yaml",),
    "profiles": ("compose.yaml", "compose.override.yaml"),
    "qed": ("docker-compose.yml",),
}
"""The eight files of different shapes."""


def project(folder: Path, *files: str, environ: Mapping[str, str] | None = None, **more: Any) -> Project:
    """The project of *files*, texts that are written to *folder* as 1.yaml, 2.yaml …"""
    paths = []
    for number, text in enumerate(files, 1):
        path = folder / f"{number}.yaml"
        path.write_text(text)
        paths.append(path)
    return load_project(paths, environ=environ or {}, name=more.pop("name", "demo"), **more)


def plain(node: Node | None) -> Any:
    """A tree as plain data, every scalar as text."""
    if isinstance(node, Text):
        return None if node.null else node.text
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, value in node.entries.items()} if isinstance(node, Fields) else None


def service(found: Project, name: str = "a") -> Any:
    """A service of it as plain data."""
    return plain(found.services[name])


@dataclass(frozen=True)
class Made:
    """A converted project, with its objects as they are written."""

    making: Making
    files: Mapping[str, str]

    def objects(self, part: str) -> dict[str, Any]:
        """The objects of a component by kind/name."""
        found = yaml.safe_load_all(self.files[f"{part}.yaml"])
        return {f"{one['kind']}/{one['metadata']['name']}": one for one in found}

    def pod(self, name: str, kind: str = "Deployment") -> dict[str, Any]:
        """The pod's spec of a service."""
        spec: dict[str, Any] = self.objects(name)[f"{kind}/{name}"]["spec"]["template"]["spec"]
        return spec

    def container(self, name: str, kind: str = "Deployment") -> dict[str, Any]:
        """Its container."""
        found: dict[str, Any] = self.pod(name, kind)["containers"][0]
        return found

    def env(self, name: str, kind: str = "Deployment") -> dict[str, Any]:
        """Its variables: values, and references to keys."""
        return {e["name"]: e.get("value", e.get("valueFrom")) for e in self.container(name, kind)["env"]}

    def found(self, grade: Grade | None = None) -> list[Finding]:
        """What was found."""
        return [one for one in self.making.findings if grade in (None, one.grade)]

    def says(self, service: str, key: str) -> str:
        """Reasons and ways out about a key of a service, and fails when there is none."""
        said = [
            f"{f.grade}: {f.reason}. {f.next_step}"
            for f in self.found()
            if (f.service, f.key) == (service, key)
        ]
        assert said, [f"{f.service}.{f.key}" for f in self.found()]
        return "\n".join(said)

    def after(self, part: str) -> list[str]:
        """What a component comes after."""
        return self.making.parts[part].after


def made(
    found: Project, folder: Path, *, replicas: int | None = None, volumes: VolumesAs = "persistentVolumeClaim"
) -> Made:
    """*found*, converted for a platform in *folder*."""
    making = convert(found, Options(folder, replicas, volumes))
    return Made(making, texts(making))


def converted(tmp_path: Path, *files: str, environ: Mapping[str, str] | None = None, **more: Any) -> Made:
    """The compose files (texts), converted."""
    options = {key: more.pop(key) for key in ("replicas", "volumes") if key in more}
    return made(project(tmp_path, *files, environ=environ, **more), tmp_path / "k8s" / "demo", **options)


def one(tmp_path: Path, body: str, rest: str = "", **more: Any) -> Made:
    """One service ``a`` with *body*, its lines, converted; *rest* follows at the top level."""
    lines = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
    head = "" if "image:" in body or "build:" in body else "    image: example.org/a:1\n"
    return converted(tmp_path, f"services:\n  a:\n{head}{lines}{rest}", **more)


def shape(name: str, folder: Path) -> Made:
    """One of the eight, converted for *folder*."""
    files = [DATA / name / file for file in SHAPES[name]]
    return made(load_project(files, environ={}, name=name), folder)


def written(shape: Made, folder: Path) -> LoadedPlatform:
    """Writes it and loads it as all-up does."""
    for path, text in shape.files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    module = module_of(folder / "platform.py")
    platform: Platform = module.platform(module.Settings(instance=shape.making.name))
    return load(platform, folder)


def module_of(path: Path) -> ModuleType:
    """``platform.py``, imported."""
    name = f"compose_{path.parent.name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def rendered(loaded: LoadedPlatform) -> list[Desired]:
    """Every object of it, as far as it is known without a cluster."""
    return [
        each
        for component in loaded.enabled
        for each in assemble(
            loaded, component.name, live={}, secrets={}, salt_key=b"\0" * 32, scope=builtin_scope
        )
    ]
