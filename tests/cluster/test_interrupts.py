"""A run that is interrupted while it waits. At its writes: test_kill_points.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from allup import Component
from allup.run.clock import SystemClock
from allup.run.progress import ObjectDone, Progress
from tests.cluster.driver_for_tests import components
from tests.cluster.driving import a_second
from tests.cluster.platforms_for_tests import Instance, config, deployment

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parent.parent.parent
DRIVER = Path(__file__).parent / "driver_for_tests.py"


def driver(instance: Instance, verb: str, *more: str) -> list[str]:
    where = [str(instance.kubeconfig), instance.context, instance.name, str(instance.folder)]
    return [sys.executable, str(DRIVER), verb, *where, *more]


def start(command: list[str]) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ, cwd=ROOT
    )


def parts(instance: Instance) -> tuple[Component, ...]:
    return tuple(components(instance.folder))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_up_ends_within_a_second_and_says_what_is_half_done(
    instance: Instance, number: signal.Signals, code: int
) -> None:
    instance.write("a.yaml", config("base"))
    instance.write("b.yaml", deployment("stuck", fault="never-ready"))
    instance.write("c.yaml", config("never"))
    clock = SystemClock()
    with start(driver(instance, "up")) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "component='b'" in line and "'waiting'" in line and "0/1 pods ready" in line:
                break
        process.send_signal(number)
        began = clock.monotonic()
        output, errors = process.communicate(timeout=20)
        assert clock.monotonic() - began < a_second()
    assert process.returncode == code, errors
    [last] = [line for line in output.splitlines() if line.startswith("RunFinished")]
    assert "outcome='interrupted'" in last
    for name, phase in (("a", "ready"), ("b", "waiting"), ("c", "pending")):
        assert f"name='{name}', phase=<Phase.{phase.upper()}: '{phase}'>" in last
    assert "Traceback" not in errors


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_down_ends_within_a_second_and_the_next_one_finishes(
    instance: Instance, number: signal.Signals, code: int
) -> None:
    instance.write("a.yaml", config("base"))
    instance.write("b.yaml", config("held"))
    instance.up(*parts(instance))
    instance.patch("ConfigMap/held", {"metadata": {"finalizers": ["tests.example/held"]}})
    clock = SystemClock()
    with start(driver(instance, "down")) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "held is being deleted" in line:
                break
        process.send_signal(number)
        began = clock.monotonic()
        output, errors = process.communicate(timeout=20)
        assert clock.monotonic() - began < a_second()
    assert process.returncode == code, errors
    assert "outcome='interrupted'" in output
    instance.patch("ConfigMap/held", {"metadata": {"finalizers": None}})
    told = instance.down(*parts(instance))
    assert told.outcome == "done"
    assert instance.find("ConfigMap/base") is None


def test_an_interrupted_run_gives_the_lock_back(instance: Instance) -> None:
    instance.write("a.yaml", deployment("stuck", fault="never-ready"))
    with start(driver(instance, "up")) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "0/1 pods ready" in line:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    lease = instance.get(f"Lease/allup-{instance.name}")
    assert not lease["spec"].get("holderIdentity")


def test_nothing_is_reported_after_the_end(instance: Instance) -> None:
    heard: list[Progress] = []
    told = instance.up(instance.part("base", config("base")), heard=heard.append)
    assert heard[-1] is told.finished
    assert any(isinstance(progress, ObjectDone) for progress in heard)
