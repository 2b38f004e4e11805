"""The real kind and minikube where they are installed; clusters of them where a container engine answers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from allup.commands import Here
from allup.errors import AllupError
from allup.providers.interface import Wanted
from allup.providers.kind.provider import Kind
from allup.providers.minikube.provider import Minikube
from tests.cli.invoking import Inv


def _engine() -> bool:
    return (
        shutil.which("docker") is not None
        and subprocess.run(["docker", "info"], capture_output=True).returncode == 0
    )


needs_engine = pytest.mark.skipif(not _engine(), reason="no container engine answers on this machine")
needs_kind = pytest.mark.skipif(shutil.which("kind") is None, reason="kind is not installed")
needs_minikube = pytest.mark.skipif(shutil.which("minikube") is None, reason="minikube is not installed")


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with a home of its own, so that nobody's profiles are seen."""
    return {**os.environ, "HOME": str(tmp_path), "MINIKUBE_HOME": str(tmp_path)}


@needs_minikube
def test_the_real_minikube_answers_as_it_did_when_it_was_recorded(
    home: dict[str, str], tmp_path: Path
) -> None:
    cluster = Minikube("allup-none", Here(home), tmp_path, home, "linux")
    assert cluster.list() == []
    assert cluster.status().state == "absent"
    assert not cluster.delete(lambda step: None).changed
    with pytest.raises(AllupError, match="is not there"):
        cluster.address()
    with pytest.raises(AllupError, match=r"does not start \((DRV_UNSUPPORTED_OS|DRV_NOT_DETECTED)\)"):
        cluster.up(Wanted(driver="hyperv"), lambda step: None)
    assert [state.state for state in cluster.list()] == ["broken"]
    assert cluster.delete(lambda step: None).changed
    assert cluster.list() == []


@needs_kind
def test_the_real_kind_tells_a_version_that_is_read(home: dict[str, str], tmp_path: Path) -> None:
    cluster = Kind("allup-none", Here(home), tmp_path, home, "linux")
    if _engine():
        assert cluster.status().state == "absent"
    else:
        with pytest.raises(AllupError, match="does not answer"):
            cluster.status()


@pytest.fixture
def made(alone: Inv) -> Iterator[Inv]:
    """A real kind cluster, gone afterwards."""
    name = ("--provider", "kind", "--name", "allup-test")
    try:
        alone.fine("cluster.up", *name)
        yield alone
    finally:
        alone("cluster.delete", *name, "--yes", timeout=300)


@needs_engine
@needs_kind
def test_a_real_kind_cluster_is_made_seen_and_used(made: Inv) -> None:
    name = ("--provider", "kind", "--name", "allup-test")
    assert "was up already" in made.fine("cluster.up", *name)
    assert "allup-test-control-plane" in made.fine("cluster.status", *name)
    assert made("arl.plan", "--context", "kind-allup-test").code == 0
    made.fine("cluster.use", *name)
    made.fine("cluster.doctor", "--check")
