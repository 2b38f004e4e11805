"""One folder under ``k8s/``, with its ``platform.py`` loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from allup import Platform, PlatformSettings


@dataclass(frozen=True)
class PlatformFolder:
    """One folder under ``k8s/`` with its ``platform.py`` loaded."""

    collection: str
    folder: Path
    settings: type[PlatformSettings]
    build: Callable[[PlatformSettings], Platform]

    def with_defaults(self) -> Platform:
        """The platform as it is without any setting."""
        return self.build(self.settings(instance=self.folder.name, namespace=self.folder.name))
