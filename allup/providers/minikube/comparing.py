"""What an existing profile was made with, beside what is wanted now.

minikube takes most flags of ``start`` only the first time: of some it warns, many it drops without a word,
and another container runtime it writes down and breaks. So they are compared here. Rules: minikube 1.38.1,
``cmd/minikube/cmd/start_flags.go``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from allup.errors import InputError
from allup.providers.interface import Wanted
from allup.providers.minikube.answers import Profile
from allup.providers.tools import numbers

_MEGABYTES = {"b": 1 / 1024**2, "k": 1 / 1024, "m": 1.0, "g": 1024.0}
_RUNTIMES = {"crio": "cri-o"}


@dataclass(frozen=True)
class Compared:
    """*flags* are what may still be passed on, *notes* what has no effect and why, *restart* whether a
    running profile has to be started again for it."""

    flags: Wanted
    notes: tuple[str, ...] = ()
    restart: bool = False


def compare(profile: Profile, wanted: Wanted) -> Compared:
    """What of *wanted* an existing profile can still take.

    Raises InputError for another driver or container runtime: that would be another cluster.
    """
    _same(profile, "driver", wanted.driver, profile.driver)
    _same(profile, "container runtime", _runtime(wanted.container_runtime), _runtime(profile.runtime))
    config = profile.config
    kubernetes = config.get("KubernetesConfig") or {}
    fixed = (
        ("cpus", wanted.cpus, str(config.get("CPUs", "")), "CPUs"),
        ("memory", wanted.memory, _memory(config.get("Memory")), "memory"),
        ("nodes", wanted.nodes, str(len(profile.nodes) or ""), "nodes"),
        ("mount", wanted.mount, str(config.get("MountString") or ""), "mount"),
        ("cni", wanted.cni, str(kubernetes.get("CNI") or ""), "CNI"),
    )
    notes = [
        f"{word} stays {has or 'as it is'}: a profile keeps what it was made with"
        for name, asked, has, word in fixed
        if asked is not None and not _equal(name, asked, has)
    ]
    had = set(config.get("InsecureRegistry") or ())
    lost = [registry for registry in wanted.insecure_registries if registry not in had]
    if lost:
        notes.append(f"no insecure registry {', '.join(lost)}: that is taken when a profile is made")
    if wanted.more:
        notes.append(
            f"{' '.join(wanted.more)} went to minikube start, which takes most only for a new profile"
        )
    version = wanted.kubernetes_version
    newer = version is not None and numbers(version) != numbers(profile.kubernetes_version)
    kept = replace(
        wanted,
        driver=None,
        container_runtime=None,
        cpus=None,
        memory=None,
        nodes=None,
        mount=None,
        cni=None,
        insecure_registries=(),
        kubernetes_version=version if newer else None,
    )
    return Compared(kept, tuple(notes), restart=newer or bool(wanted.more))


def megabytes(text: str) -> float | None:
    """``8g``, ``8192mb``, ``8192`` in MB as minikube reads them; None for ``max`` and ``no-limit``."""
    lower = text.strip().lower().removesuffix("ib").removesuffix("b") or text
    unit = lower[-1:] if lower[-1:] in _MEGABYTES else ""
    try:
        return float(lower.removesuffix(unit)) * _MEGABYTES.get(unit or "m", 1.0)
    except ValueError:
        return None


def _equal(name: str, asked: str, has: str) -> bool:
    if name == "memory":
        wanted = megabytes(asked)
        return wanted is None or f"{wanted:g} MB" == has
    if name in ("cpus", "nodes"):
        return not asked.isdigit() or asked == has
    return asked == has


def _memory(config: object) -> str:
    return f"{config} MB" if config else ""


def _same(profile: Profile, what: str, asked: str | None, has: str) -> None:
    if not asked or not has or asked == has:
        return
    raise InputError(
        f"minikube profile {profile.name}",
        f"has the {what} {has}, which cannot become {asked}",
        next_step=f"Leave it out, choose another --profile, or make it anew: inv cluster.delete --provider "
        f"minikube --profile {profile.name}",
    )


def _runtime(name: str | None) -> str:
    return _RUNTIMES.get(name or "", name or "")
