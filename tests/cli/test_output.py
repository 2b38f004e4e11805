"""What programs read: JSON held against its documented schemas, JUnit, exit codes, no colours in pipes."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from allup.cluster.requests import MERGE_PATCH, Api
from allup.errors import NotFound
from tests.cli.invoking import INV, ROOT, Inv
from tests.cli.test_broken_platforms import CONFIG, HEAD

pytestmark = pytest.mark.cluster

NAME = "output"
LOOKING = ["plan", "diff", "status", "why", "settings", "secrets", "history"]


def validator(file: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((ROOT / "docs" / file).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


RESULTS, PROGRESS = validator("results.schema.json"), validator("progress.schema.json")


def held(text: str) -> list[dict[str, Any]]:
    """The JSON lines of *text*, each held against its schema; a line of a run has ``at``."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        (PROGRESS if "at" in line else RESULTS).validate(line)
    return lines


@pytest.fixture(scope="module")
def up(beside: Inv, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Inv, str, Path]]:
    """RStudio is up; the lines of that run, and its JUnit report. It goes with all its data afterwards."""
    report = tmp_path_factory.mktemp("reports") / "deep" / "up.xml"
    lines = beside.fine("k8s.all-up", "--instance", NAME, "--json", "--junit", str(report))
    yield beside, lines, report
    beside.fine("k8s.all-down", "--instance", NAME, "--purge")


@pytest.mark.parametrize("instance", [NAME, "nowhere"])
def test_the_json_of_each_look_is_one_line_that_holds_its_schema(
    up: tuple[Inv, str, Path], instance: str
) -> None:
    words = [word for verb in LOOKING for word in (f"k8s.{verb}", "--instance", instance, "--json")]
    told = [json.loads(line) for line in up[0].fine(*words).splitlines()]
    assert [line["type"] for line in told] == ["plan" if verb == "diff" else verb for verb in LOOKING]
    for line in told:
        RESULTS.validate(line)


def test_the_lines_of_an_up_hold_their_schema(up: tuple[Inv, str, Path]) -> None:
    assert held(up[1])[-1]["outcome"] == "done"


def test_the_lines_of_every_other_run_hold_their_schema(up: tuple[Inv, str, Path]) -> None:
    runs = ("rsp-down", "rsp-up", "restart launcher", "scale launcher 1", "rotate launcher-keys", "wait")
    words = [w for run in runs for w in (*f"k8s.{run}".split(), "--instance", NAME, "--json")]
    lines = held(up[0].fine(*words))
    assert [line["verb"] for line in lines if line["type"] == "run-finished"] == [
        *("down", "up", "restart", "scale", "up", "wait"),
    ]
    assert {"object", "check", "component", "rotation"} <= {line["type"] for line in lines}
    told = json.loads(up[0].fine("k8s.history", "--instance", NAME, "--json"))
    assert [run["verb"] for run in told["runs"]][-5:] == [
        *("down rsp", "up rsp", "restart launcher", "scale launcher", "rotate launcher-keys"),
    ]


def test_the_json_of_every_other_verb_holds_its_schema(up: tuple[Inv, str, Path], tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a-value")
    verbs = (
        *("describe", "events", "get .[0].kind", "orphans", "urls", "check", "container-id rsp"),
        *("sessions", "nfs-debug", f"secret-from-file extra a={tmp_path / 'a'}", "forward --list"),
    )
    words = []
    for verb in verbs:
        where = () if verb.startswith("forward") else ("--instance", NAME)
        words += [*f"k8s.{verb}".split(), *where, "--json"]
    lines = held(up[0].fine(*words))
    assert [line["type"] for line in lines] == [
        *("describe", "events", "get", "orphans", "urls", "check", "container-id"),
        *("sessions", "nfs-debug", "secret", "forwards"),
    ]
    assert all(line.get("events", line.get("objects", True)) for line in lines)


def test_the_lines_of_a_failed_run_hold_their_schema_and_people_read_standard_error(
    up: tuple[Inv, str, Path],
) -> None:
    ended = up[0]("k8s.wait", "--instance", "nowhere", "--json")
    lines = [json.loads(line) for line in ended.out.splitlines()]
    for line in lines:
        PROGRESS.validate(line)
    assert ended.code == 1
    assert lines[-1]["type"] == "error"
    assert "nothing of it is there to wait for" in ended.paragraph


def test_the_junit_report_has_a_case_for_every_component(up: tuple[Inv, str, Path]) -> None:
    cases = {case.get("name") for case in ET.parse(up[2]).iter("testcase")}
    assert {"nfs", "ldap", "launcher", "rsp"} <= cases or any("rsp" in str(case) for case in cases)
    assert not list(ET.parse(up[2]).iter("failure"))


def test_check_tells_by_its_exit_code(up: tuple[Inv, str, Path]) -> None:
    inv = up[0]
    inv.fine(
        *(w for verb in ("plan", "diff", "status") for w in (f"k8s.{verb}", "--instance", NAME, "--check"))
    )
    assert "would be created" in inv.refused("k8s.plan", "--instance", "nowhere", "--check", code=5)
    assert "are not ready" in inv.refused("k8s.status", "--instance", "nowhere", "--check", code=5)
    changed = inv("k8s.plan", "--instance", NAME, "--check", "--json", "--rsp-mem", "3Gi")
    assert changed.code == 5
    plan = json.loads(changed.out)
    assert [e["object"]["name"] for e in plan["entries"] if e["action"] != "unchanged"] == ["rsp"]
    assert [s["name"] for s in plan["settings"]] == ["rsp_mem"]


@pytest.mark.parametrize("dry", ["--dry-run", "--dry"])
def test_a_dry_run_changes_nothing(up: tuple[Inv, str, Path], server: Api, dry: str) -> None:
    inv = up[0]
    told = inv.fine("k8s.all-up", "--instance", "rehearsal", dry)
    assert "to create. Nothing was touched." in told
    with pytest.raises(NotFound):
        server.get("/api/v1/namespaces/rehearsal")


def test_a_dry_run_of_a_down_says_what_would_go_and_stay_and_touches_nothing(
    up: tuple[Inv, str, Path],
) -> None:
    inv = up[0]
    told = inv.fine("k8s.all-down", "--instance", NAME, "--dry-run")
    assert re.search(r"\d+ to delete, \d+ kept. Nothing was touched.", told)
    assert re.search(r"keep +ldap +PersistentVolumeClaim/output/ldap-data +a claim holds data", told)
    plan = json.loads(inv.fine("k8s.all-down", "--instance", NAME, "--dry-run", "--purge", "--json"))
    RESULTS.validate(plan)
    entries = [(e["action"], e["object"]["kind"]) for e in plan["entries"]]
    assert {action for action, _ in entries} == {"delete"}
    assert entries[-1] == ("delete", "Namespace")
    components = [e["component"] for e in plan["entries"]]
    assert components.index("rsp") < components.index("nfs")
    assert "is used by" in inv.refused("k8s.nfs-down", "--instance", NAME, "--dry-run")
    inv.fine("k8s.plan", "--instance", NAME, "--check")


def test_force_shows_what_it_does_and_what_is_lost_and_then_does_it(beside: Inv, server: Api) -> None:
    where = ("--instance", "forced")
    beside.fine("k8s.setup", *where)
    account = "/api/v1/namespaces/forced/serviceaccounts/session"
    patch = {"metadata": {"finalizers": ["tests.example/held"]}}
    server.request("PATCH", account, (), patch, content_type=MERGE_PATCH)
    stuck = beside("k8s.all-down", *where, "--timeout", "1")
    assert stuck.code == 4
    assert "is held by finalizer tests.example/held" in stuck.out
    ended = beside("k8s.all-down", *where, "--timeout", "1", "--force", "--json")
    assert ended.code == 0, ended.err
    lines = [json.loads(line) for line in ended.out.splitlines()]
    for line in lines:
        (RESULTS if line["type"] == "force" else PROGRESS).validate(line)
    [shown] = [line for line in lines if line["type"] == "force"]
    assert shown["steps"][0]["finalizers"] == ["tests.example/held"]
    assert "take finalizer tests.example/held" in ended.err
    assert "What is lost: " in ended.err
    assert [line["outcome"] for line in lines if line["type"] == "run-finished"] == ["stuck", "done"]
    with pytest.raises(NotFound):
        server.get(account)
    beside.fine("k8s.all-down", *where, "--purge")


def test_a_component_that_others_use_is_left_alone(up: tuple[Inv, str, Path]) -> None:
    said = up[0].refused("k8s.nfs-down", "--instance", NAME)
    assert said.startswith("component nfs: is used by ")
    assert "--cascade" in said


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}])
def test_nothing_coloured_goes_into_a_pipe(up: tuple[Inv, str, Path], environ: dict[str, str]) -> None:
    words = [w for verb in ("all-up", "status", "plan") for w in (f"k8s.{verb}", "--instance", NAME)]
    ended = up[0](*words, environ={**environ, "TERM": "xterm-256color"})
    assert ended.code == 0
    assert "\x1b" not in ended.out + ended.err


def on_a_terminal(inv: Inv, *words: str, **environ: str) -> str:
    """What a terminal of 100 columns is sent."""
    control, terminal = pty.openpty()
    variables = {**inv.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40", **environ}
    with subprocess.Popen(
        [INV, *words], cwd=inv.checkout, env=variables, stdin=terminal, stdout=terminal, stderr=terminal
    ) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                shown += os.read(control, 65536)
            except OSError:  # the other end is closed
                break
        os.close(control)
        assert process.wait(60) == 0
    return shown.decode()


def test_a_terminal_gets_colours_unless_it_is_told_not_to(up: tuple[Inv, str, Path]) -> None:
    words = ("k8s.all-up", "--instance", NAME)
    coloured = on_a_terminal(up[0], *words)
    plain = on_a_terminal(up[0], *words, NO_COLOR="1")
    assert "nothing changed" in coloured
    assert "nothing changed" in plain
    assert "\x1b[3" in coloured
    assert "\x1b[3" not in plain


@pytest.fixture
def trial(checkout: Path) -> Iterator[Callable[[], None]]:
    """A platform of one ConfigMap."""
    folder = checkout / "k8s" / "trial"
    folder.mkdir()
    code = HEAD + '    Component("one", "one.yaml", values={"replicas": s.replicas}),\n])\n'
    (folder / "platform.py").write_text(code)
    (folder / "one.yaml").write_text(CONFIG)
    yield lambda: None
    for file in (folder / "platform.py", folder / "one.yaml"):
        file.unlink()
    for left in sorted(folder.rglob("*"), reverse=True):
        left.rmdir() if left.is_dir() else left.unlink()
    folder.rmdir()


def test_the_default_namespace_outlives_a_purge(beside: Inv, trial: Callable[[], None], server: Api) -> None:
    uid = server.get("/api/v1/namespaces/default")["metadata"]["uid"]
    beside.fine("trial.all-up", "--namespace", "default")
    assert server.get("/api/v1/namespaces/default/configmaps/one")["data"] == {"replicas": "1"}
    beside.fine("trial.all-down", "--namespace", "default", "--purge")
    there = server.get("/api/v1/namespaces/default")
    assert (there["metadata"]["uid"], there["status"]["phase"]) == (uid, "Active")
    with pytest.raises(NotFound):
        server.get("/api/v1/namespaces/default/configmaps/one")


@pytest.mark.parametrize("namespace", ["kube-public", "kube-system"])
def test_a_namespace_of_kubernetes_own_is_not_entered(
    beside: Inv, trial: Callable[[], None], server: Api, namespace: str
) -> None:
    said = beside.refused("trial.all-up", "--namespace", namespace, code=3)
    assert said == f"namespace {namespace}: belongs to Kubernetes itself."
    down = beside("trial.all-down", "--namespace", namespace, "--purge")
    assert down.code in (0, 3)
    assert server.get(f"/api/v1/namespaces/{namespace}")["status"]["phase"] == "Active"
