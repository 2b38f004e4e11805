"""The platforms of the house on simulated nodes, the pods of each component ready after a time of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

from allup.loading import LoadedPlatform, load
from allup.manifests import identities
from allup.model import labels
from tasks import platforms

_WITH_PODS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "Pod")


def every_platform() -> Iterator[tuple[str, LoadedPlatform]]:
    """The group of tasks and the files of each platform, with its default settings."""
    for folder in platforms.folders():
        found = platforms.load(folder)
        yield found.collection, load(found.with_defaults(), folder)


def delays(platform: LoadedPlatform) -> dict[str, float]:
    """Seconds until a component's pods are ready, between 2 and 10, always the same; 0 without pods."""
    made: dict[str, float] = {}
    for component in platform.enabled:
        values = {**platform.platform.values, **component.values}
        kinds = {ref.kind for ref in identities(platform.documents[component.name], values)}
        chosen = crc32(f"{platform.platform.name}/{component.name}".encode()) % 81
        made[component.name] = 2 + chosen / 10 if kinds.intersection(_WITH_PODS) else 0.0
    return made


def stages(ready: Mapping[str, Any], found: Sequence[LoadedPlatform]) -> list[dict[str, Any]]:
    """*ready*, the Stage that makes pods ready at once, anew for each component, after its delay.

    Of two Stages that match a pod, kwok takes the one with the greater weight; *ready* has none.
    """
    return [
        {
            **ready,
            "metadata": {"name": f"{one.platform.name}-{name}"},
            "spec": {
                **ready["spec"],
                "weight": 1,
                "delay": {"durationMilliseconds": int(delay * 1000)},
                "selector": {
                    **ready["spec"]["selector"],
                    "matchLabels": {labels.PART_OF: one.platform.name, labels.COMPONENT: name},
                },
            },
        }
        for one in found
        for name, delay in delays(one).items()
        if delay
    ]


def written_stages(kwok_stages: Path, file: Path) -> Path:
    """Writes the Stages of every platform to *file*, which it returns; *kwok_stages* are kwok's own."""
    import yaml

    ready = yaml.safe_load((kwok_stages / "pod-ready.yaml").read_text())
    file.write_text(yaml.safe_dump_all(stages(ready, [one for _, one in every_platform()])))
    return file
