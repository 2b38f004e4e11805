"""``inv`` in a copy of this checkout that tests may break, alone or beside the session's sandbox."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from allup.cluster.connect import connect
from allup.cluster.requests import Api
from allup.redaction import Redactor
from allup.sandbox import SandboxStatus
from allup.sandbox.paths import cache_home, checkout_key, state_home
from tests.cli.invoking import ROOT, Inv, copied

# What a person's own shell may hold and no test wants.
_NOT_INHERITED = ("KUBECONFIG", "ALLUP_DEBUG", "NO_COLOR", "FORCE_COLOR", "CI", "GITHUB_ACTIONS")


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout that no test changes for good."""
    return copied(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty home folder."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def alone(checkout: Path, home: Path, tmp_path: Path) -> Inv:
    """inv where there is no cluster at all."""
    environ = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    # Without a cache of this machine's, the sandbox's tools would be built anew.
    folders = {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CACHE_HOME": str(cache_home(os.environ).parent),
    }
    return Inv(checkout, {**environ, **folders, "HOME": str(home)})


@pytest.fixture(scope="session")
def beside(checkout: Path, home: Path, sandbox: SandboxStatus, sandbox_environ: dict[str, str]) -> Inv:
    """inv in a checkout whose one sandbox is the session's."""
    ours = state_home(sandbox_environ) / checkout_key(checkout)
    if not ours.exists():
        ours.symlink_to(state_home(sandbox_environ) / checkout_key(ROOT))
    environ = {name: value for name, value in sandbox_environ.items() if name not in _NOT_INHERITED}
    return Inv(checkout, {**environ, "HOME": str(home)})


@pytest.fixture(scope="session")
def server(sandbox: SandboxStatus) -> Api:
    """The sandbox's API server, asked without allup's tasks."""
    return connect(str(sandbox.kubeconfig), sandbox.context, redactor=Redactor(), stop=Event())


@pytest.fixture
def settings_file(checkout: Path) -> Iterator[Path]:
    """The checkout's invoke.yaml, to be written; gone afterwards."""
    file = checkout / "invoke.yaml"
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)
