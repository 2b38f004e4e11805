"""An instance of its own for each test, in a namespace of its own, on the shared sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from allup.sandbox import SandboxStatus
from tests.cluster.faultproxy.credentials import Identity, Upstream
from tests.cluster.faultproxy.hostile_cases import Ground
from tests.cluster.platforms_for_tests import Instance, unique_name


@pytest.fixture(scope="session")
def ground(sandbox: SandboxStatus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The sandbox and a way to it that faults can be put into."""
    folder = tmp_path_factory.mktemp("hostile")
    ours = Ground(sandbox, folder, Upstream(sandbox.kubeconfig, folder), Identity(folder))
    ours.new_namespace()
    try:
        yield ours
    finally:
        ours.close()


@pytest.fixture
def instance(sandbox: SandboxStatus, tmp_path: Path) -> Iterator[Instance]:
    """Whatever it leaves is deleted afterwards, without waiting for it."""
    ours = Instance(sandbox.kubeconfig, sandbox.context, unique_name(), tmp_path)
    try:
        yield ours
    finally:
        ours.discard()
