"""The dashboard on the sandbox: installed once, or found and left alone; a login that may only read."""

from __future__ import annotations

import io
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from invoke.context import Context

from allup.cluster.connect import connect
from allup.cluster.requests import Api
from allup.daily import background
from allup.errors import ApiError, InputError
from allup.redaction import Redactor
from allup.sandbox import SandboxStatus
from tasks import dashboard, forwarding, withheld
from tasks.preparing import Prepared
from tests.cli.kubeconfigs import written
from tests.cluster.platforms_for_tests import Instance, deployment, eventually, service
from tests.cluster.simulated_kubelet import HTTP, NAMESPACE
from tests.conftest import CHECKOUT

pytestmark = pytest.mark.cluster
INV = Path(sys.executable).parent / "inv"
NAME = "headlamp"
PODS = "/api/v1/pods"
LICENCE = "CANARY-LICENCE-1234567890"


class Run:
    """``inv cluster.dashboard`` on the sandbox."""

    def __init__(self, sandbox: SandboxStatus, environ: dict[str, str]) -> None:
        self.where = ["--context", sandbox.context]
        self.environ = {**environ, "NO_COLOR": "1"}

    def __call__(self, *flags: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [INV, "cluster.dashboard", *self.where, *flags],
            cwd=CHECKOUT,
            env=self.environ,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


@pytest.fixture
def run(sandbox: SandboxStatus, sandbox_environ: dict[str, str]) -> Iterator[Run]:
    ours = Run(sandbox, sandbox_environ)
    yield ours
    ours("--down")


@pytest.fixture
def there(sandbox: SandboxStatus, tmp_path: Path) -> Iterator[Instance]:
    """The cluster around instance ``headlamp``; what it holds is gone afterwards, the namespace too."""
    around = Instance(sandbox.kubeconfig, sandbox.context, NAME, tmp_path)
    yield around
    vanish(around)


def vanish(instance: Instance) -> None:
    instance.discard()
    eventually(lambda: instance.find(f"Namespace/{instance.namespace}") is None, "the namespace to be gone")


def as_holder(sandbox: SandboxStatus, folder: Path, token: str) -> Api:
    """The API server as whoever has the token."""
    file = written(folder / "holder", sandbox, "holder", user={"token": token})
    return connect(str(file), "holder", redactor=Redactor(), stop=threading.Event())


def refused(api: Api, method: str, path: str) -> bool:
    try:
        api.request(method, path)
    except ApiError as error:
        return error.status == 403
    return False


def test_a_second_time_changes_nothing_and_down_leaves_nothing(run: Run, there: Instance) -> None:
    first = run()
    assert "7 created" in first.stdout
    assert "no page can be opened" in first.stdout
    before = there.settled()
    assert "nothing changed" in run().stdout
    assert there.versions() == before
    run("--down")
    assert there.find(f"Namespace/{NAME}") is None
    assert there.left() == set()


def test_its_own_pod_has_no_rights(run: Run, there: Instance) -> None:
    run()
    bound = [
        subject["name"]
        for resource in there.outside.discovery.of_kind("ClusterRoleBinding")
        for binding in there.outside.objects.list(resource)
        for subject in binding.get("subjects") or ()
        if subject.get("namespace") == NAME
    ]
    assert set(bound) == {"dashboard-viewer"}
    assert there.get(f"Deployment/{NAME}")["spec"]["template"]["spec"]["serviceAccountName"] == NAME


def test_the_login_reads_pods_and_neither_deletes_them_nor_reads_secrets(
    run: Run, there: Instance, sandbox: SandboxStatus, tmp_path: Path
) -> None:
    told = run("--token")
    token = told.stdout.strip()
    assert "\n" not in token, "more than the token is on standard output"
    assert token not in told.stderr
    holder = as_holder(sandbox, tmp_path, token)
    pods = holder.get(PODS)["items"]
    pod = next(p["metadata"] for p in pods if p["metadata"]["namespace"] == NAME)
    for shown in ("/api/v1/nodes", "/api/v1/persistentvolumes", "/apis/storage.k8s.io/v1/storageclasses"):
        holder.get(shown)
    assert refused(holder, "GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles")
    assert refused(holder, "DELETE", f"/api/v1/namespaces/{NAME}/pods/{pod['name']}")
    assert refused(holder, "GET", f"/api/v1/namespaces/{NAME}/secrets")
    assert refused(holder, "GET", "/api/v1/secrets")
    assert refused(holder, "POST", f"/api/v1/namespaces/{NAME}/pods/{pod['name']}/exec")


def test_a_login_with_every_right_ends_with_the_next_one_that_reads(
    run: Run, there: Instance, sandbox: SandboxStatus, tmp_path: Path
) -> None:
    admin = as_holder(sandbox, tmp_path, run("--admin", "--token").stdout.strip())
    admin.get("/api/v1/secrets")
    run()
    assert there.find("ClusterRoleBinding/headlamp-dashboard-admin") is None
    assert there.find("ServiceAccount/dashboard-admin") is None
    eventually(lambda: unknown(admin), "the token to be worth nothing")


def unknown(api: Api) -> bool:
    try:
        api.get("/api/v1/secrets")
    except ApiError as error:
        return error.status in (401, 403)
    return False


def test_every_right_off_the_sandbox_is_asked_for(
    sandbox: SandboxStatus, there: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = written(tmp_path / "far", sandbox, "far")
    monkeypatch.setattr("tasks.preparing.where.settings_files", lambda asked=None: [Allowing()])
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(InputError, match="nobody is there to ask"):
        dashboard.show(Context(), {"context": "far", "kubeconfig": str(far)}, dashboard.Asked(admin=True))
    assert there.find(f"Namespace/{NAME}") is None


class Allowing:
    """A settings file that allows one context."""

    label, platforms, top_level, contexts = "", dict[str, Any](), dict[str, int](), ("far",)


def test_somebody_elses_in_the_very_same_namespace_is_found_and_not_touched(
    run: Run, there: Instance
) -> None:
    there.create_namespace()
    labels = {"app.kubernetes.io/name": NAME}
    there.create(deployment(NAME), labels=labels)
    there.create(service(NAME))
    eventually(lambda: len(there.pods()) == 1, "its pod")
    theirs = (f"Deployment/{NAME}", f"Service/{NAME}", f"Namespace/{NAME}")
    there.settled()
    before = {short: there.get(short)["metadata"]["resourceVersion"] for short in theirs}
    assert f"Headlamp is there already, in namespace {NAME}" in run().stdout
    run("--down")
    there.settled()
    assert {short: there.get(short)["metadata"]["resourceVersion"] for short in theirs} == before
    assert there.left() == set()


def test_the_archived_one_is_used_with_a_warning_and_own_installs_beside_it(
    run: Run, there: Instance, sandbox: SandboxStatus, tmp_path: Path
) -> None:
    old = Instance(sandbox.kubeconfig, sandbox.context, "old-dashboard", tmp_path)
    old.create_namespace()
    try:
        old.create(deployment("kd"), labels={"k8s-app": "kubernetes-dashboard"})
        old.create(service("kd"))
        eventually(lambda: len(old.pods()) == 1, "its pod")
        told = run()
        assert "kubernetes-dashboard is there already, in namespace old-dashboard" in told.stdout
        assert "archived" in told.stderr
        assert there.find(f"Deployment/{NAME}") is None
        assert "already" not in run("--own").stdout
        assert there.find(f"Deployment/{NAME}") is not None
    finally:
        vanish(old)


def test_where_pods_run_a_forward_opens_it_and_the_token_is_in_a_private_file(
    run: Run,
    there: Instance,
    sandbox: SandboxStatus,
    sandbox_environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The pod is one for which the sandbox answers ports; it is only taken for one that runs."""
    theirs = Instance(sandbox.kubeconfig, sandbox.context, NAMESPACE, tmp_path)
    theirs.create_namespace()
    for name, value in sandbox_environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RSP_LICENSE", LICENCE)
    withheld.take()  # as inv does before anything else
    monkeypatch.setattr("sys.argv", [str(INV)])
    monkeypatch.setattr("allup.run.surroundings.simulated_nodes", lambda objects: frozenset())
    port = free_port()
    try:
        theirs.create(deployment("lamp"), labels={"app.kubernetes.io/name": NAME})
        theirs.create(service("lamp", ports=[{"port": 80, "targetPort": HTTP}]))
        eventually(lambda: ready(theirs), "its pod")
        asked = dashboard.Asked(background=True, port=port)
        dashboard.show(Context(), {"context": sandbox.context}, asked)
        said = capsys.readouterr()
        assert f"Headlamp: http://localhost:{port}\n" in said.out
        with urlopen(f"http://localhost:{port}/", timeout=20) as answer:
            assert b"host=localhost" in answer.read()
        file = Path(said.out.partition("token in ")[2].partition(": it reads")[0])
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        token = file.read_text().strip()
        assert token not in said.out + said.err
        as_holder(sandbox, tmp_path, token).get(PODS)
        (record,) = background.listed(forwarding._folder())
        started = Path(f"/proc/{record.pid}")
        handed = (started / "environ").read_text() + (started / "cmdline").read_text()
        assert "PATH=" in handed
        assert LICENCE not in handed
        assert token not in handed
        run("--down")
        assert not file.exists()
        with pytest.raises(OSError, match="refused"):
            urlopen(f"http://localhost:{port}/", timeout=20)
    finally:
        vanish(theirs)


def test_in_the_foreground_it_is_open_until_it_is_stopped_and_then_the_token_is_gone(
    run: Run,
    there: Instance,
    sandbox: SandboxStatus,
    sandbox_environ: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    theirs = Instance(sandbox.kubeconfig, sandbox.context, NAMESPACE, tmp_path)
    theirs.create_namespace()
    for name, value in sandbox_environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("allup.run.surroundings.simulated_nodes", lambda objects: frozenset())
    carried: list[Prepared] = []
    carry = forwarding.carry

    def heard(prepared: Prepared, opened_now: dashboard.Opened) -> None:
        carried.append(prepared)
        carry(prepared, opened_now)

    monkeypatch.setattr("tasks.dashboard.forwarding.carry", heard)
    port = free_port()
    asked = (Context(), {"context": sandbox.context}, dashboard.Asked(port=port))
    showing = threading.Thread(target=dashboard.show, args=asked, daemon=True)
    try:
        theirs.create(deployment("lamp"), labels={"app.kubernetes.io/name": NAME})
        theirs.create(service("lamp", ports=[{"port": 80, "targetPort": HTTP}]))
        eventually(lambda: ready(theirs), "its pod")
        showing.start()
        said = ""

        def opened() -> bool:
            nonlocal said
            said += capsys.readouterr().out
            return "Log in with the token" in said

        eventually(opened, "the way to be open")
        with urlopen(f"http://localhost:{port}/", timeout=20) as answer:
            assert b"host=localhost" in answer.read()
        file = Path(said.partition("token in ")[2].partition(": it reads")[0])
        as_holder(sandbox, tmp_path, file.read_text().strip()).get(PODS)
        carried[0].session.stop.set()  # what Ctrl-C does
        showing.join(20)
        assert not showing.is_alive()
        assert not file.exists()
    finally:
        vanish(theirs)


def ready(instance: Instance) -> bool:
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for pod in instance.items("Pod")
        for condition in (pod.get("status") or {}).get("conditions") or ()
    )


def free_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
