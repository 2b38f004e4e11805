"""No secret value leaves its Secret: not in what is printed, reported, stored, or handed to a child process.

Canaries are planted as licence and password; the generated keys are read from the cluster afterwards. Then
everything that inv printed and wrote is searched for all of them.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from allup.cluster.requests import Api
from allup.sandbox import SandboxStatus
from tests.cli.invoking import INV, Inv
from tests.cli.kubeconfigs import written

pytestmark = pytest.mark.cluster

LICENCE = "CANARY7-LICENCE-9QXK-4WVZ"
NAMESPACE = "canaries"
LOUDLY = {"ALLUP_DEBUG": "1"}


@dataclass
class Watched:
    """Runs inv and keeps all it shows."""

    inv: Inv
    folder: Path
    told: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str, environ: dict[str, str] | None = None, stdin: str = "") -> str:
        where = () if "--instance" in words else ("--instance", NAMESPACE)
        ended = self.inv(*words, *where, environ=environ, stdin=stdin)
        shown = f"exit code {ended.code}\n{ended.out}\n{ended.err}"
        self.told[" ".join(words)] = self.told.get(" ".join(words), "") + shown
        return shown


@pytest.fixture(scope="module")
def watched(
    beside: Inv, tmp_path_factory: pytest.TempPathFactory, server: Api, sandbox: SandboxStatus
) -> Iterator[Watched]:
    """RStudio up with a canary for a licence, and every verb called in every way that might tell."""
    folder = tmp_path_factory.mktemp("secrecy")
    ours = Watched(beside, folder)
    given = {"RSP_LICENSE": LICENCE, **LOUDLY}
    run = ours.run
    run("k8s.plan", environ=given)
    run("k8s.diff", "--json", environ=given)
    run("k8s.all-up", "--debug", "--junit", str(folder / "up.xml"), environ=given)
    run("k8s.all-up", "--json", environ=given)
    verbs = f"""
        plan --json, diff, render, render --out {folder / "render"}, status --json, status, wait --json,
        why --json, why, secrets, secrets --json, settings --json, settings, history --json, describe,
        describe --json, events, get ., orphans, env, urls, logs rsp --tail 5
    """
    chained = [f"k8s.{verb} --instance {NAMESPACE}" for verb in " ".join(verbs.split()).split(", ")]
    shown = run(*" ".join(chained).split(), environ=LOUDLY)
    assert "there is no log" in shown, f"the last of them was not reached:\n{shown[-2000:]}"
    run("k8s.secrets", "license", "--reveal", "nothing", environ=LOUDLY)
    # Error paths: the server refuses an object and quotes it; a licence that nothing can read.
    run("k8s.all-up", "--rsp-port", "99999999", environ=given)
    run("k8s.all-up", "--debug", "--license-file", "-", environ=LOUDLY, stdin=f"{LICENCE}-stdin\n")
    file = folder / "licence"
    file.write_text(f"{LICENCE}-file\n")
    run("k8s.secret-rsp", "--json", "--license-file", str(file), environ=LOUDLY)
    file.unlink()
    yield ours
    run("k8s.all-down", "--purge", "--json", "--junit", str(folder / "down.xml"), environ=LOUDLY)


def secret_values(server: Api) -> dict[str, str]:
    """Every value in every Secret of the instance that is long enough to be one, by Secret and key."""
    found = {}
    for secret in server.get(f"/api/v1/namespaces/{NAMESPACE}/secrets")["items"]:
        for key, value in (secret.get("data") or {}).items():
            name = f"{secret['metadata']['name']}/{key}"
            # A whole configuration file is no secret, though it may hold one.
            if secret["metadata"]["name"] in ("launcher-keys", "license", "ldap-passwords", "ldap-users"):
                found[name] = base64.b64decode(value).decode()
    return found


def forms(value: str) -> Iterator[str]:
    """A value as it may be written."""
    yield value
    yield base64.b64encode(value.encode()).decode()
    yield json.dumps(value)[1:-1]
    yield from (line for line in value.splitlines() if len(line) >= 16 and "-----" not in line)


def leaks(text: str, values: Sequence[str]) -> list[str]:
    return [value for value in values for form in forms(value) if form in text]


def test_the_canary_reached_its_secret(watched: Watched, server: Api) -> None:
    held = secret_values(server)
    assert held["license/rsp"] == f"{LICENCE}-file"
    assert {"launcher-keys/launcher.pem", "ldap-passwords/admin"} <= set(held)


def test_nothing_that_inv_prints_holds_a_secret(watched: Watched, server: Api) -> None:
    values = [*secret_values(server).values(), LICENCE]
    assert len(values) > 8
    assert {words: found for words, text in watched.told.items() if (found := leaks(text, values))} == {}


def test_nothing_that_inv_writes_holds_a_secret(watched: Watched, server: Api) -> None:
    values = [*secret_values(server).values(), LICENCE]
    files = [file for file in watched.folder.rglob("*") if file.is_file()]
    assert len(files) > 20
    assert [str(file) for file in files if leaks(file.read_text(), values)] == []


def test_no_other_object_holds_a_secret(watched: Watched, server: Api) -> None:
    values = [value for value in secret_values(server).values() if value.strip()]
    holders = []
    for path in (
        f"/api/v1/namespaces/{NAMESPACE}/configmaps",
        f"/api/v1/namespaces/{NAMESPACE}/pods",
        f"/api/v1/namespaces/{NAMESPACE}/events",
        f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments",
        f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases",
        "/api/v1/persistentvolumes",
        "/api/v1/namespaces",
    ):
        for obj in server.get(path)["items"]:
            if leaks(json.dumps(obj), [*values, LICENCE]):
                holders.append(f"{path}/{obj['metadata']['name']}")
    for secret in server.get(f"/api/v1/namespaces/{NAMESPACE}/secrets")["items"]:
        if leaks(json.dumps(secret["metadata"]), [*values, LICENCE]):
            holders.append(secret["metadata"]["name"])
    assert holders == []


def test_reveal_prints_the_value_to_standard_output_alone(watched: Watched) -> None:
    ended = watched.inv("k8s.secrets", "license", "--reveal", "rsp", "--instance", NAMESPACE)
    assert (ended.code, ended.out, ended.err) == (0, f"{LICENCE}-file\n", "")


def test_no_child_process_is_handed_a_secret(
    watched: Watched, sandbox: SandboxStatus, tmp_path: Path
) -> None:
    """A login program of the kubeconfig is a child that inv starts while it holds the licence."""
    seen = tmp_path / "seen"
    login = tmp_path / "login"
    login.write_text(f"#!/bin/sh\nenv >> {seen}\ntr '\\0' ' ' < /proc/$PPID/cmdline >> {seen}\nexit 1\n")
    login.chmod(0o700)
    plugin = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(login)}}
    file = written(tmp_path / "far", sandbox, "far", user=plugin)
    settings = watched.inv.checkout / "invoke.yaml"
    settings.write_text("allup: {contexts: [far]}\n")
    try:
        watched.run(
            "k8s.all-up", "--context", "far", "--kubeconfig", str(file), environ={"RSP_LICENSE": LICENCE}
        )
    finally:
        settings.unlink()
    assert "PATH=" in seen.read_text()
    assert LICENCE not in seen.read_text()


def test_kubectl_gets_no_secret(watched: Watched, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\nenv > {seen}\nprintf '%s\\n' \"$@\" >> {seen}\n")
    kubectl.chmod(0o700)
    path = f"{tmp_path}:{watched.inv.environ['PATH']}"
    ended = watched.inv(
        *("k8s.kubectl", "--instance", NAMESPACE, "--", "get", "pods"),
        environ={"PATH": path, "RSP_LICENSE": LICENCE, **LOUDLY},
    )
    assert ended.code == 0, ended.err
    assert "\nget\npods\n" in seen.read_text()
    assert "KUBECONFIG=" in seen.read_text()
    assert LICENCE not in seen.read_text()


def test_a_forward_in_the_background_gets_no_secret(watched: Watched) -> None:
    """It is a process that stays: whoever may look into /proc sees what it was started with."""
    where = ("--instance", NAMESPACE)
    try:
        ended = watched.inv(
            *("k8s.forward", "svc/rsp", ":8787", "--background", "--json", *where),
            environ={"RSP_LICENSE": LICENCE, **LOUDLY},
        )
        assert ended.code == 0, ended.err
        started = Path(f"/proc/{json.loads(ended.out)['pid']}")
        shown = (started / "environ").read_text() + (started / "cmdline").read_text()
        assert "k8s.forward" in shown
        assert "PATH=" in shown
        assert LICENCE not in shown
    finally:
        watched.inv("k8s.forward", "--stop", "all")


def test_no_argument_and_no_later_environment_of_inv_holds_a_secret(watched: Watched) -> None:
    """The environment a process was started with stays readable in /proc; what follows it must not grow."""
    arguments: set[str] = set()
    environ = {**watched.inv.environ, "RSP_LICENSE": LICENCE}
    process = subprocess.Popen(
        [INV, "k8s.plan", "--instance", NAMESPACE],
        cwd=watched.inv.checkout,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stop = threading.Event()
    while process.poll() is None and not stop.wait(0.01):
        for child in _family(process.pid):
            try:
                arguments.add(Path(f"/proc/{child}/cmdline").read_text())
            except OSError:
                continue
    assert any("k8s.plan" in line for line in arguments)
    assert not [line for line in arguments if LICENCE in line]


def _family(pid: int) -> Iterator[int]:
    yield pid
    tasks = Path(f"/proc/{pid}/task")
    for task in os.listdir(tasks) if tasks.exists() else ():
        try:
            children = (tasks / task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _family(int(child))
