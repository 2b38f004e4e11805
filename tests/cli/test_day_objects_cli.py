"""The day's verbs as a person types them: exit codes, where output goes, and that nothing secret is in it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from allup.sandbox import SandboxStatus

CHECKOUT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.cluster
NAME = "day-cli"
LICENCE = "CANARY-LICENCE-1234567890"


def command(words: Sequence[str]) -> list[str]:
    inv = Path(sys.executable).parent / "inv"
    return [str(inv), *words]


class Inv:
    def __init__(self, sandbox: SandboxStatus, environ: dict[str, str]) -> None:
        self.where = ["--context", sandbox.context, "--instance", NAME]
        self.environ = {**environ, "NO_COLOR": "1"}

    def __call__(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        verb, *rest = words
        before, dashes = (rest[: rest.index("--")], rest[rest.index("--") :]) if "--" in rest else (rest, [])
        return subprocess.run(
            command([verb, *before, *self.where, *dashes]),
            cwd=CHECKOUT,
            env=self.environ,
            capture_output=True,
            text=True,
            input=stdin,
            timeout=120,
        )

    def json(self, *words: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(self(*words, "--json").stdout)
        assert found["schema"] == 1
        return found


@pytest.fixture(scope="module")
def inv(sandbox: SandboxStatus, sandbox_environ: dict[str, str]) -> Iterator[Inv]:
    """RStudio on the sandbox, in an instance of its own."""
    run = Inv(sandbox, sandbox_environ)
    run.environ["RSP_LICENSE"] = LICENCE
    up = run("k8s.all-up", "--timeout", "60")
    assert up.returncode == 0, up.stdout + up.stderr
    yield run
    run("k8s.all-down", "--purge", "--timeout", "60")


def test_describe_shows_pods_and_keys_but_no_secret(inv: Inv) -> None:
    told = inv("k8s.describe")
    assert told.returncode == 0, told.stderr
    assert "Deployment/day-cli/rsp  rsp" in told.stdout
    assert "Pod rsp-" in told.stdout
    assert LICENCE not in told.stdout


def test_get_is_jq_with_secrets_masked(inv: Inv) -> None:
    names = inv("k8s.get", '.[] | select(.kind=="Deployment") | .metadata.name', "--raw")
    assert names.stdout.split() == ["launcher", "nfs01", "openldap", "rsp"]
    secrets = inv("k8s.get", '.[] | select(.kind=="Secret") | .data[]', "--raw")
    assert set(secrets.stdout.split()) == {"•••"}
    assert inv("k8s.get", ".[").returncode == 2


def test_a_wrong_component_is_met_with_the_right_one(inv: Inv) -> None:
    for verb in ("describe", "events", "check"):
        refused = inv(f"k8s.{verb}", "--component", "lancher")
        assert refused.returncode == 2
        assert "did you mean 'launcher'" in refused.stderr
    assert "did you mean 'launcher'" in inv("k8s.restart", "lancher").stderr


def test_check_never_counts_a_simulated_node_as_passed(inv: Inv, tmp_path: Path) -> None:
    junit = tmp_path / "checks.xml"
    told = inv("k8s.check", "--junit", str(junit))
    assert told.returncode == 0
    counted = re.search(r"1 passed, 0 failed, ([0-9]+) skipped", told.stdout)
    assert counted, told.stdout
    assert told.stdout.count("skipped  simulated node") == int(counted.group(1)) > 5
    assert junit.read_text().count('<skipped message="simulated node"') == int(counted.group(1))
    assert "not started" not in junit.read_text()


def test_results_are_json_when_asked_for(inv: Inv) -> None:
    for verb in ("describe", "events", "orphans", "urls", "check", "status"):
        assert inv.json(f"k8s.{verb}")["type"] == verb


def test_there_are_no_orphans_after_an_up(inv: Inv) -> None:
    assert inv("k8s.orphans", "--check").returncode == 0


def test_restart_wants_a_component_or_a_pod_and_not_both(inv: Inv) -> None:
    assert inv("k8s.restart").returncode == 2
    assert inv("k8s.restart", "rsp", "--pod", "x").returncode == 2
    assert inv("k8s.restart", "launcher").returncode == 0


def test_scale_says_what_the_next_up_will_do(inv: Inv) -> None:
    told = inv("k8s.scale", "launcher", "2")
    assert "1 → 2; the next inv k8s.all-up goes back" in told.stdout
    assert inv("k8s.scale", "launcher", "-1").returncode == 2
    assert inv("k8s.scale", "license", "2").returncode == 2
    mistyped = inv("k8s.scale", "launcher", "2", "--workload", "Deployment/lancher")
    assert mistyped.returncode == 2
    assert "did you mean 'Deployment/launcher'" in mistyped.stderr
    assert inv("k8s.scale", "launcher", "1").returncode == 0


@pytest.mark.parametrize(
    ("words", "lacking"),
    [
        (("logs", "rsp"), "log"),
        (("logs", "rsp", "--previous"), "log"),
        (("logs", "rsp", "--follow"), "log to follow"),
        (("exec", "rsp", "--", "true"), "command"),
        (("dns", "rsp"), "name resolution"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else words,
)
def test_what_needs_a_process_says_that_its_node_is_simulated(
    inv: Inv, words: tuple[str, ...], lacking: str
) -> None:
    verb, *rest = words
    ended = inv(f"k8s.{verb}", *rest)
    assert ended.returncode == 1
    assert f"is on a simulated node, where no process runs: there is no {lacking}." in ended.stderr
    assert "inv k8s.describe --pod rsp-" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_pod_is_asked_about_by_its_name(inv: Inv) -> None:
    (pod,) = inv(
        "k8s.get",
        '.[] | select(.kind=="Pod" and (.metadata.name | startswith("rsp-"))).metadata.name',
        "--raw",
    ).stdout.split()
    assert inv("k8s.why", "--pod", pod).stdout == f"pod {pod}: everything is as it should be.\n"
    events = inv.json("k8s.events", "--pod", pod)["events"]
    assert isinstance(events, list)
    assert {event["about"] for event in events} == {f"Pod/{pod}"}
    for verb in ("why", "describe", "logs", "forward"):
        assert f"did you mean '{pod}'" in inv(f"k8s.{verb}", "--pod", pod[:-1]).stderr, verb


def test_rotate_says_what_breaks_before_it_does_it(inv: Inv) -> None:
    told = inv("k8s.rotate", "launcher-keys")
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines[0] == "Secret/day-cli/launcher-keys gets new values."
    assert "Deployment/day-cli/launcher" in lines[1]
    assert lines[2].startswith("warning: ")
    refused = inv("k8s.rotate", "license")
    assert refused.returncode == 2


def test_a_secret_from_several_files_and_standard_input(inv: Inv, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("the-first-value")
    made = inv("k8s.secret-from-file", "extra", f"one={tmp_path / 'one'}", "two=-", stdin="the-second-value")
    assert made.returncode == 0, made.stderr
    assert "created: one, two" in made.stdout
    assert inv("k8s.secrets", "extra", "--reveal", "two").stdout.strip() == "the-second-value"
    assert inv("k8s.secret-from-file", "extra", f"one={tmp_path / 'none'}").returncode == 2


def test_env_is_fit_for_eval(inv: Inv) -> None:
    exports = inv("k8s.env").stdout
    script = f'{exports}\nprintf "%s" "$ALLUP_NAMESPACE"'
    ended = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, check=True)
    assert ended.stdout == NAME


def test_kubectl_gets_the_words_and_its_exit_code_comes_back(inv: Inv, tmp_path: Path) -> None:
    fake = tmp_path / "kubectl"
    fake.write_text('#!/bin/sh\nprintf "%s|" "$@"\nexit 7\n')
    fake.chmod(0o755)
    before = inv.environ["PATH"]
    inv.environ["PATH"] = f"{tmp_path}{os.pathsep}{before}"
    try:
        ended = inv("k8s.kubectl", "--", "get", "pods", "-l", "a b")
    finally:
        inv.environ["PATH"] = before
    assert ended.returncode == 7
    assert ended.stdout.split("|")[2:-1] == ["--namespace", NAME, "get", "pods", "-l", "a b"]


def test_without_kubectl_one_sentence_says_so(inv: Inv, tmp_path: Path) -> None:
    before = inv.environ["PATH"]
    inv.environ["PATH"] = str(tmp_path)
    try:
        ended = inv("k8s.kubectl", "--", "get", "pods")
    finally:
        inv.environ["PATH"] = before
    assert ended.returncode == 1
    assert ended.stderr.startswith("kubectl: is not on this machine's PATH")
    assert inv("k8s.kubectl").returncode == 2


def test_a_watched_status_is_shown_again_when_it_changes_and_ctrl_c_ends_it(inv: Inv) -> None:
    process = subprocess.Popen(
        command(["k8s.status", "--watch", "--component", "launcher", *inv.where]),
        cwd=CHECKOUT,
        env=inv.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        first = [process.stdout.readline(), process.stdout.readline()]
        assert "launcher" in first[1]
        assert inv("k8s.scale", "launcher", "2").returncode == 0  # a change that stays
        assert "COMPONENT" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in error
