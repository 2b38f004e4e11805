"""What a person may say about a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Seconds where it is about time. *only* empty means every component.

    *no_deps*: exactly the components in *only*. *adopt*: objects, as Kind/namespace/name, that exist and
    shall become ours. *cascade*: take dependants down first. *purge*: data too.
    *bundle*: the folder for the evidence of a run that does not end well. *grace*: how long a
    cause that may heal (a crash loop) is given, for all components; None is what each one says.
    """

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    no_deps: bool = False
    timeout: float = 900.0
    grace: float | None = None
    jobs: int = 16
    force_conflicts: bool = False
    adopt: tuple[str, ...] = ()
    prune: bool = True
    wait: bool = True
    lock_timeout: float = 30.0
    cascade: bool = False
    purge: bool = False
    bundle: Path | None = None
