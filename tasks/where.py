"""From flags, the stored choice and the sandboxes to a session with the cluster that is meant."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allup.target import ProvidedAddress, SandboxAddress, Target, read_choice, resolve, write_choice
from tasks.checkout import CHECKOUT

if TYPE_CHECKING:
    from allup.redaction import Redactor
    from allup.run.session import Session
    from allup.settings import SettingsFile


def target(given: Mapping[str, Any], allowed: Sequence[str]) -> Target:
    """The cluster that is meant."""
    return resolve(
        context=given.get("context"),
        kubeconfig=given.get("kubeconfig"),
        environ=os.environ,
        stored=stored(),
        sandboxes=sandboxes(),
        allowed=allowed,
        contexts=_contexts,
        made=remotes(),
        provided=provided(),
        provider_of=_provider_of,
    )


def open_target(found: Target, redactor: Redactor) -> Session:
    """A session with it."""
    from allup.run.session import open_session

    return open_session(
        found.kubeconfig,
        found.context,
        redactor=redactor,
        sandbox=bool(found.sandbox),
        expected_fingerprint=found.fingerprint,
    )


def choose(found: Target) -> Target:
    """Stores *found* with its fingerprint for this checkout."""
    from dataclasses import replace

    from allup.redaction import Redactor

    session = open_target(replace(found, fingerprint=""), Redactor())
    chosen = replace(found, fingerprint=session.fingerprint)
    write_choice(choice_file(), chosen)
    return chosen


def stored() -> Target | None:
    """What ``cluster.use`` chose."""
    return read_choice(choice_file())


def allowed() -> Sequence[str]:
    """The contexts that the settings files allow by name."""
    return [name for file in settings_files() for name in file.contexts]


def settings_files(asked: Path | None = None) -> Sequence[SettingsFile]:
    """``-f FILE`` when *asked*, the project's invoke.yaml, the user's."""
    from allup.settings import read_settings_file

    found = [read_settings_file(asked, str(asked))] if asked else []
    project, user = CHECKOUT / "invoke.yaml", Path("~/.invoke.yaml").expanduser()
    return [*found, read_settings_file(project, "invoke.yaml"), read_settings_file(user, "~/.invoke.yaml")]


def sandboxes() -> Sequence[SandboxAddress]:
    """The sandboxes of this checkout."""
    from allup.sandbox import Sandboxes

    return [
        SandboxAddress(s.name, s.context, str(s.kubeconfig), s.running)
        for s in Sandboxes(CHECKOUT, os.environ).list()
    ]


def remotes() -> Sequence[Target]:
    """The far clusters of this checkout's remotes."""
    from allup.remote import record

    return [
        Target(str(folder.kubeconfig), remote.context, origin=f"remote {remote.name}")
        for folder, remote in record.remotes(remotes_home(), os.environ)
        if folder.kubeconfig.exists()
    ]


def remotes_home() -> Path:
    """The folder of this checkout's remotes."""
    return choice_file().parent / "remotes"


def provided() -> Mapping[str, ProvidedAddress]:
    """The clusters of kind and minikube that this checkout has a kubeconfig of, by context."""
    from allup.providers import records

    return {
        kept.context: ProvidedAddress(kept.kind, str(kept.kubeconfig), kept.local)
        for kept in records.kept(records.folder(CHECKOUT, os.environ))
    }


def choice_file() -> Path:
    """Where the chosen cluster is remembered."""
    from allup.sandbox.paths import checkout_key, state_home

    return state_home(os.environ) / checkout_key(CHECKOUT) / "chosen.json"


def _provider_of(kubeconfig: str, context: str) -> str:
    from tasks.providing import providers

    return providers(kubeconfig).owner(kubeconfig, context)


def _contexts(kubeconfig: str) -> Sequence[str]:
    from allup.cluster.connect import contexts

    return contexts(kubeconfig)
