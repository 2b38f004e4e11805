"""One folder under ``k8s/``, with its ``platform.py`` loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from allup import Platform, PlatformSettings


@dataclass(frozen=True)
class PlatformFolder:
    """One folder under ``k8s/`` with its ``platform.py`` loaded.

    *aliases* are further names of verbs, from its ``ALIASES``: ``{"all-up": ["start"]}``. *chart_values*,
    *chart_refused* and *chart_unused* are the keys of a Helm chart's values that are settings, that are
    refused, and from which nothing follows, from its ``CHART_VALUES``, ``CHART_REFUSED``, ``CHART_UNUSED``.
    *namespace* is where every instance goes, from its ``NAMESPACE``; without it each goes into one of its own
    name.
    """

    collection: str
    folder: Path
    settings: type[PlatformSettings]
    build: Callable[[PlatformSettings], Platform]
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    chart_values: Mapping[str, str] = field(default_factory=dict)
    chart_refused: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""
    chart_unused: Mapping[str, str] = field(default_factory=dict)

    def with_defaults(self) -> Platform:
        """The platform as it is without any setting."""
        name = self.folder.name
        return self.build(self.settings(instance=name, namespace=self.namespace or name))
