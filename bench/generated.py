"""Platforms made for a measurement: plain Deployments of one replica, written as files that allup and its
peers both read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from allup import Component, Platform, PlatformSettings

NAME = "bench"
DELAY = "bench.allup.invalid/delay"
"""The annotation that bench/stages/delayed.yaml reads: how long a pod takes to be ready, as Go writes it."""

_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  replicas: 1
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}{fault}}}
      annotations: {{{annotations}}}
    spec:
      containers:
      - name: main
        image: registry.invalid/bench:1
        resources:
          requests: {{cpu: 10m, memory: 16Mi}}
"""


@dataclass(frozen=True)
class Part:
    """A component: the names of its Deployments, what it comes after, seconds until a pod of it is ready."""

    name: str
    deployments: tuple[str, ...]
    after: tuple[str, ...] = ()
    delay: float = 0.0


@dataclass(frozen=True)
class Shape:
    """A platform as parts; ``written`` in a folder, and ``read`` from there by another process."""

    parts: tuple[Part, ...] = field(default_factory=tuple)

    @property
    def deployments(self) -> int:
        """How many Deployments there are."""
        return sum(len(part.deployments) for part in self.parts)

    def written(self, folder: Path) -> Path:
        """Writes a manifest file per part, and the shape itself; returns *folder*."""
        folder.mkdir(parents=True, exist_ok=True)
        for part in self.parts:
            text = "---\n".join(deployment(name, part.delay) for name in part.deployments)
            (folder / f"{part.name}.yaml").write_text(text)
        (folder / "shape.json").write_text(json.dumps([asdict(part) for part in self.parts]))
        return folder

    @classmethod
    def read(cls, folder: Path) -> Shape:
        """The shape that was written in *folder*."""
        parts = json.loads((folder / "shape.json").read_text())
        return cls(
            tuple(Part(p["name"], tuple(p["deployments"]), tuple(p["after"]), p["delay"]) for p in parts)
        )

    def platform(self, settings: PlatformSettings) -> Platform:
        """The platform, as a ``platform.py`` would make it."""
        components = [Component(p.name, f"{p.name}.yaml", after=p.after) for p in self.parts]
        return Platform(NAME, components, namespace=settings.namespace, instance=settings.instance)


def deployment(name: str, delay: float = 0.0) -> str:
    """The manifest of one Deployment whose pod is ready *delay* seconds after it is made."""
    fault = ", allup-fault: delayed" if delay else ""
    annotations = f'{DELAY}: "{delay:g}s"' if delay else ""
    return _DEPLOYMENT.format(name=name, fault=fault, annotations=annotations)


def together(number: int) -> Shape:
    """One component with *number* Deployments."""
    return Shape((Part("apps", tuple(f"app-{index:04}" for index in range(number))),))


def apart(number: int) -> Shape:
    """*number* components of one Deployment each; none needs another."""
    return Shape(tuple(Part(f"app-{index:04}", (f"app-{index:04}",)) for index in range(number)))


def delayed(delays: Mapping[str, float], after: Mapping[str, Sequence[str]] | None = None) -> Shape:
    """A component of one Deployment for each name, its pod ready after so many seconds."""
    needs = after or {}
    return Shape(tuple(Part(name, (name,), tuple(needs.get(name, ())), d) for name, d in delays.items()))
