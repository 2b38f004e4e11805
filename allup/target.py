"""Which cluster is meant. kubectl's current context is never used silently.

``--context``, else what ``inv cluster.use`` stored for this checkout, else the one running sandbox, else the
choices are listed. A context that is not local has to be allowed by name in invoke.yaml.

Local is a sandbox of ours, and what a provider confirms to be its own; an address proves nothing, since a
tunnel puts a far cluster on loopback. A choice keeps who confirmed it: its fingerprint is compared each time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType

from allup.errors import ClusterError, InputError, did_you_mean

_RENAMED = {"docker-for-desktop": "docker-desktop"}
"""Names of contexts that are not made any more, and what they are called today."""


@dataclass(frozen=True)
class SandboxAddress:
    """A sandbox of this checkout, as far as choosing needs to know it."""

    name: str
    context: str
    kubeconfig: str
    running: bool


@dataclass(frozen=True)
class ProvidedAddress:
    """A cluster of kind or minikube that this checkout has a kubeconfig of; *local*: on this machine."""

    provider: str
    kubeconfig: str
    local: bool


@dataclass(frozen=True)
class Target:
    """The cluster a run goes to. *sandbox* is the sandbox's name or ``""``; *fingerprint*, when stored, is
    what the cluster must still show; *origin* says why it is this one; *provider* is who on this machine
    confirmed that the cluster is its own, such as ``kind``, or ``""``."""

    kubeconfig: str
    context: str
    sandbox: str = ""
    fingerprint: str = ""
    origin: str = ""
    provider: str = ""


def resolve(
    *,
    context: str | None,
    kubeconfig: str | None,
    environ: Mapping[str, str],
    stored: Target | None,
    sandboxes: Sequence[SandboxAddress],
    allowed: Sequence[str],
    contexts: Callable[[str], Sequence[str]],
    made: Sequence[Target] = (),
    provided: Mapping[str, ProvidedAddress] = MappingProxyType({}),
    provider_of: Callable[[str, str], str] = lambda kubeconfig, context: "",
) -> Target:
    """The cluster that is meant. *contexts* reads the names of a kubeconfig's contexts; *provided* are the
    clusters that a provider made or lent to this checkout, by context; *provider_of* asks the providers
    whether a kubeconfig's context is one of theirs on this machine, and answers ``""`` if it is not.

    *made* are clusters far away that a task of this checkout made reachable (``remote.up``): whoever typed
    their host has allowed them, and yet they are asked about like every cluster that is not local.

    Raises ClusterError when it is not clear, or not allowed; InputError for a context that is not there.
    """
    files = kubeconfig or environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    if context:
        sandbox = next((s for s in sandboxes if s.context == context), None)
        if sandbox is not None and kubeconfig in (None, sandbox.kubeconfig):
            return _of_sandbox(sandbox, "flag --context")
        ours = next((one for one in made if one.context == context), None)
        if ours is not None and kubeconfig in (None, ours.kubeconfig):
            return ours
        own = provided.get(context)
        if own is not None and kubeconfig in (None, own.kubeconfig):
            provider = own.provider if own.local else ""
            return _allowed(
                Target(own.kubeconfig, context, origin="flag --context", provider=provider), allowed
            )
        if context in allowed:
            return Target(files, context, origin="flag --context")
        known = [*(s.context for s in sandboxes), *provided, *(one.context for one in made)]
        _refuse_unknown(context, files, contexts, known)
        provider = provider_of(files, context)
        return _allowed(Target(files, context, origin="flag --context", provider=provider), allowed)
    if stored is not None:
        if stored.sandbox:
            sandbox = next((s for s in sandboxes if s.name == stored.sandbox), None)
            if sandbox is None or not sandbox.running:
                raise ClusterError(
                    f"sandbox {stored.sandbox}",
                    "was chosen with cluster.use and is not running",
                    next_step=f"Start it (inv cluster.up --name {stored.sandbox}) or choose another",
                )
            return stored
        if any((one.context, one.kubeconfig) == (stored.context, stored.kubeconfig) for one in made):
            return stored
        return _allowed(stored if stored.fingerprint else replace(stored, provider=""), allowed)
    running = [sandbox for sandbox in sandboxes if sandbox.running]
    if len(running) == 1:
        return _of_sandbox(running[0], "the running sandbox")
    raise _unclear(
        [*(s.context for s in running), *(one.context for one in made)], bool(running), files, contexts
    )


def _refuse_unknown(
    context: str, files: str, contexts: Callable[[str], Sequence[str]], more: Sequence[str]
) -> None:
    """Allowing a context that is not there would help nobody: the name is wrong."""
    there = contexts(files) if any(Path(part).exists() for part in files.split(os.pathsep)) else ()
    if context in there:
        return
    known = [*there, *more]
    hint = did_you_mean(context, known)
    if context in _RENAMED and not hint:
        hint = f" (did you mean {_RENAMED[context]!r}?)"
    raise InputError(
        f"context {context!r}",
        f"is not in {files}{hint}",
        evidence=f"There are {', '.join(known)}" if known else "There is none at all",
        next_step="Name another with --context, or the file that has it with --kubeconfig",
    )


def _of_sandbox(sandbox: SandboxAddress, origin: str) -> Target:
    if not sandbox.running:
        raise ClusterError(
            f"sandbox {sandbox.name}",
            "is not running",
            next_step=f"Start it with inv cluster.up --name {sandbox.name}",
        )
    return Target(sandbox.kubeconfig, sandbox.context, sandbox=sandbox.name, origin=origin)


def _allowed(target: Target, allowed: Sequence[str]) -> Target:
    if target.context in allowed or target.provider:
        return target
    raise ClusterError(
        f"context {target.context!r}",
        "is not a sandbox of this checkout, no provider here says that it is its own, and it is not allowed",
        evidence=f"Allowed are {', '.join(allowed)}" if allowed else "",
        next_step="Allow it by name in invoke.yaml, under allup: contexts: "
        f"[{target.context}]{did_you_mean(target.context, allowed)}",
    )


def _unclear(
    choices: list[str], several: bool, files: str, contexts: Callable[[str], Sequence[str]]
) -> ClusterError:
    if any(Path(part).exists() for part in files.split(os.pathsep)):
        choices = [*choices, *contexts(files)]
    what = "several sandboxes are running" if several else "none is chosen and no sandbox is running"
    return ClusterError(
        "cluster",
        what,
        evidence=f"There are {', '.join(choices)}" if choices else "",
        next_step="Start the sandbox with inv cluster.up, choose one with inv cluster.use NAME, "
        "or name one with --context",
    )


def read_choice(file: Path) -> Target | None:
    """What ``cluster.use`` stored, None when nothing (or nothing readable) is there."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        return Target(**{**stored, "origin": "cluster.use"})
    except (OSError, ValueError, TypeError):
        return None


def write_choice(file: Path, target: Target) -> None:
    """Stores a choice for this checkout."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(target)), encoding="utf-8")
    partial.replace(file)
