"""One sandbox for every test that needs a cluster, in whatever tier; sweeps, the seed of samples, counts."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from allup.sandbox import Sandboxes, SandboxStatus
from allup.sandbox.paths import cache_home
from tests.cluster.recording.kubelet import written as fates_of_pods
from tests.cluster.simulated_kubelet import written as simulated_kubelet_documents
from tests.counting import SEED_VARIABLE, Tried, seed_from

# A shell starts what runs in the background with SIGINT ignored, children inherit it, and tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests that watch for a pod that goes wrong label it ``allup-fault: <one of these stages' values>``.
STAGES = Path(__file__).parent / "cluster" / "stages"
CHECKOUT = Path(__file__).parent.parent
TRIED: pytest.StashKey[Tried] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--seed N`` and ``--counts FILE`` (see tests/counting.py)."""
    parser.addoption("--seed", help=f"what chooses the samples of sweeps (variable {SEED_VARIABLE})")
    parser.addoption("--counts", help="also write what was tried to this file, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Settles the seed."""
    asked = config.getoption("--seed") or os.environ.get(SEED_VARIABLE)
    try:
        seed = seed_from(getattr(config, "workerinput", {}).get("seed") or asked)
    except ValueError as error:
        raise pytest.UsageError(f"the seed is no whole number: {error}") from None
    config.stash[TRIED] = Tried(seed)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tests on several cores (pytest-xdist): every process has the seed of the first."""
    node.workerinput["seed"] = str(node.config.stash[TRIED].seed)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """What this process counted goes to the first."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tried"] = session.config.stash[TRIED].as_json()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The first takes in what another process counted."""
    node.config.stash[TRIED].take_in(getattr(node, "workeroutput", {}).get("tried", ""))


def pytest_report_header(config: pytest.Config) -> str:
    """The seed."""
    return f"seed: {config.stash[TRIED].seed}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sweeps are run only when asked for: ``-m sweep``."""
    if "sweep" in (config.getoption("-m") or ""):
        return
    sweeps = [item for item in items if item.get_closest_marker("sweep")]
    config.hook.pytest_deselected(items=sweeps)
    items[:] = [item for item in items if item not in sweeps]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was tried, how to try the same again, and how many faults of the corpus were named rightly."""
    tried = config.stash[TRIED]
    terminalreporter.section("what was tried")
    for line in (*tried.lines(), f"the same again: --seed {tried.seed}"):
        terminalreporter.write_line(line)
    if file := config.getoption("--counts"):
        Path(file).write_text(tried.as_json())
    ran = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    if any("test_fault_corpus.py" in report.nodeid for report in ran):
        from tests.unit.judgement.fault_corpus import all_cases, answer, report_in_brief

        terminalreporter.write_line(report_in_brief([answer(case) for case in all_cases()]))


@pytest.fixture(scope="session")
def tried(request: pytest.FixtureRequest) -> Tried:
    """Where sweeps and samples count what they try; printed at the end."""
    return request.config.stash[TRIED]


@pytest.fixture
def chance(request: pytest.FixtureRequest, tried: Tried) -> random.Random:
    """What chooses this test's sample, by the seed."""
    return tried.chance(request.node.name)


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
