"""One sandbox for every test that needs a cluster, in whatever tier."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from allup.sandbox import Sandboxes, SandboxStatus
from allup.sandbox.paths import cache_home
from tests.cluster.recording.kubelet import written as fates_of_pods
from tests.cluster.simulated_kubelet import written as simulated_kubelet_documents

# A shell starts what runs in the background with SIGINT ignored, children inherit it, and tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests that watch for a pod that goes wrong label it ``allup-fault: <one of these stages' values>``.
STAGES = Path(__file__).parent / "cluster" / "stages"
CHECKOUT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def sandbox_environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """This machine's environment with a state folder of the tests' own; built tools are the user's."""
    # Named in full, because other fixtures may give HOME and the XDG variables other values.
    cache = cache_home(os.environ).parent
    state = tmp_path_factory.mktemp("state")
    return {**os.environ, "XDG_STATE_HOME": str(state), "XDG_CACHE_HOME": str(cache)}


@pytest.fixture(scope="session")
def simulated_kubelet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What kwok is told to answer for pods of namespace day-streams, and the log they all have."""
    return simulated_kubelet_documents(tmp_path_factory.mktemp("kubelet"))


@pytest.fixture(scope="session")
def fates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Stages by which pods meet the fates of tests/cluster/recording/kubelet.py."""
    return fates_of_pods(tmp_path_factory.mktemp("fates"))


@pytest.fixture(scope="session")
def sandbox(
    sandbox_environ: dict[str, str], simulated_kubelet: tuple[Path, Path], fates: Path
) -> Iterator[SandboxStatus]:
    """A running sandbox with two nodes and the stages of tests/cluster/stages, deleted at the end.

    It belongs to this checkout, so that an ``inv`` process started in ``sandbox_environ`` finds it.
    """
    sandboxes = Sandboxes(CHECKOUT, sandbox_environ)
    try:
        stages = [*sorted(STAGES.glob("*.yaml")), simulated_kubelet[0], fates]
        yield sandboxes.up("tests", extra_stages=stages)
    finally:
        sandboxes.delete("tests")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """After the fault corpus: how many faults were named rightly."""
    ran = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    if any("test_fault_corpus.py" in report.nodeid for report in ran):
        from tests.unit.judgement.fault_corpus import all_cases, answer, report_in_brief

        terminalreporter.write_line(report_in_brief([answer(case) for case in all_cases()]))
