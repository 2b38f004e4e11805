"""Which cluster a command goes to, and what is said when it cannot or may not go there."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from allup.cluster.requests import Api
from allup.errors import NotFound
from allup.sandbox import SandboxStatus
from allup.sandbox.paths import checkout_key
from tests.cli.invoking import Inv
from tests.cli.kubeconfigs import reader, written

pytestmark = pytest.mark.cluster

EVERY_DOOR = ["k8s.status", "k8s.plan", "k8s.all-up", "k8s.all-down", "k8s.wait", "k8s.secrets", "k8s.why"]


class Listener:
    """Counts who connects."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"https://127.0.0.1:{self._socket.getsockname()[1]}"
        self.connections = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    ours = Listener()
    try:
        yield ours
    finally:
        ours.close()


@pytest.fixture
def far(tmp_path: Path, sandbox: SandboxStatus) -> Path:
    """A kubeconfig in which the sandbox is called ``far``, the current context."""
    return written(tmp_path / "far", sandbox, "far", current=True)


@pytest.fixture
def allowed(settings_file: Path) -> Path:
    """invoke.yaml allows the context ``far``."""
    settings_file.write_text("allup: {contexts: [far]}\n")
    return settings_file


@pytest.mark.parametrize("verb", EVERY_DOOR)
def test_a_context_that_is_not_allowed_is_refused_without_a_connection_to_it(
    alone: Inv, tmp_path: Path, sandbox: SandboxStatus, listener: Listener, verb: str
) -> None:
    file = written(tmp_path / "far", sandbox, "far", server=listener.address, current=True)
    said = alone.refused(verb, "--context", "far", code=3, environ={"KUBECONFIG": str(file)})
    assert "context 'far': is not a sandbox of this checkout, no provider here says" in said
    assert "under allup: contexts: [far]" in said
    assert listener.connections == 0


def test_the_current_context_is_never_used_by_itself(
    alone: Inv, tmp_path: Path, sandbox: SandboxStatus, listener: Listener, allowed: Path
) -> None:
    file = written(tmp_path / "far", sandbox, "far", server=listener.address, current=True)
    said = alone.refused("k8s.status", code=3, environ={"KUBECONFIG": str(file)})
    assert said == (
        "cluster: none is chosen and no sandbox is running. There are far. Start the sandbox with "
        "inv cluster.up, choose one with inv cluster.use NAME, or name one with --context."
    )
    assert listener.connections == 0


def test_a_context_that_is_allowed_by_name_works(alone: Inv, far: Path, allowed: Path) -> None:
    told = alone.fine("k8s.status", "--context", "far", "--kubeconfig", str(far), "--instance", "elsewhere")
    assert "setup" in told


def test_the_sandboxs_name_does_not_let_another_cluster_in(
    beside: Inv, tmp_path: Path, sandbox: SandboxStatus, listener: Listener
) -> None:
    file = written(tmp_path / "far", sandbox, sandbox.context, server=listener.address)
    words = ("k8s.status", "--context", sandbox.context, "--kubeconfig", str(file))
    assert "is not allowed" in beside.refused(*words, code=3)
    assert listener.connections == 0


def test_a_choice_is_kept_until_it_is_forgotten(
    alone: Inv, beside: Inv, far: Path, allowed: Path, sandbox: SandboxStatus
) -> None:
    environ = {"KUBECONFIG": str(far)}
    assert "far is the cluster of this checkout now" in alone.fine("cluster.use", "far", environ=environ)
    # KUBECONFIG is not needed any more: the choice says which file it was.
    assert alone.fine("cluster.kubeconfig") == f"{far}\n"
    assert "setup" in alone.fine("k8s.status", "--instance", "elsewhere")
    alone.fine("cluster.use", "--forget")
    assert "none is chosen" in alone.refused("k8s.status", code=3)
    assert Path(beside.fine("cluster.kubeconfig").removesuffix("\n")).samefile(sandbox.kubeconfig)


def test_a_choice_that_is_allowed_no_more_is_refused(alone: Inv, far: Path, allowed: Path) -> None:
    alone.fine("cluster.use", "far", "--kubeconfig", str(far))
    allowed.write_text("allup: {contexts: []}\n")
    assert "is not allowed" in alone.refused("k8s.status", code=3)


def test_a_sandbox_can_be_chosen_by_its_own_name(beside: Inv, sandbox: SandboxStatus) -> None:
    try:
        told = beside.fine("cluster.use", sandbox.name)
        assert told == f"{sandbox.context} is the cluster of this checkout now.\n"
    finally:
        beside.fine("cluster.use", "--forget")


def test_another_cluster_under_the_chosen_name_is_refused(
    alone: Inv, far: Path, allowed: Path, tmp_path: Path
) -> None:
    alone.fine("cluster.use", "far", "--kubeconfig", str(far))
    (chosen,) = (tmp_path / "state").glob("allup/*/chosen.json")
    stored = json.loads(chosen.read_text())
    assert stored["fingerprint"]
    chosen.write_text(json.dumps({**stored, "fingerprint": "00000000-aaaa-bbbb-cccc-000000000000"}))
    for verb in ("k8s.status", "k8s.all-up", "k8s.all-down"):
        said = alone.refused(verb, code=3)
        assert "is not the cluster that was chosen" in said
        assert "inv cluster.use far" in said


def test_one_who_may_not_see_kube_system_still_has_a_fingerprint(
    alone: Inv, tmp_path: Path, sandbox: SandboxStatus, server: Api, allowed: Path
) -> None:
    nobody = {"as": "nobody"}
    file = written(tmp_path / "far", sandbox, "far", acting_as=nobody)
    assert "certificate" in alone.fine("cluster.use", "far", "--kubeconfig", str(file))
    (chosen,) = (tmp_path / "state").glob("allup/*/chosen.json")
    assert json.loads(chosen.read_text())["fingerprint"].startswith("ca:")


@pytest.fixture
def copies(alone: Inv, sandbox: SandboxStatus, tmp_path: Path) -> Path:
    """The state folder of a checkout with a sandbox that runs, called tests, and one that is stopped, old."""
    folder = tmp_path / "state" / "allup" / checkout_key(alone.checkout)
    shutil.copytree(
        sandbox.kubeconfig.parent, folder / "tests", ignore=shutil.ignore_patterns("etcd", "logs")
    )
    (folder / "old").mkdir()
    shutil.copy(sandbox.kubeconfig.parent / "sandbox.json", folder / "old")
    return folder


def test_several_running_sandboxes_are_listed_and_none_is_taken(alone: Inv, copies: Path) -> None:
    shutil.copytree(copies / "tests", copies / "second")
    said = alone.refused("k8s.status", code=3)
    assert "several sandboxes are running. There are allup-second, allup-tests." in said


def test_a_sandbox_that_does_not_run_says_how_to_start_it(alone: Inv, copies: Path) -> None:
    said = alone.refused("k8s.status", "--context", "allup-old", code=3)
    assert said == "sandbox old: is not running. Start it with inv cluster.up --name old."
    assert "allup-old" in alone.fine("cluster.list")


def test_a_chosen_sandbox_that_was_stopped_says_so(alone: Inv, copies: Path) -> None:
    alone.fine("cluster.use", "tests")
    shutil.rmtree(copies / "tests" / "processes")
    said = alone.refused("k8s.all-up", code=3)
    assert said.startswith("sandbox tests: was chosen with cluster.use and is not running.")


def test_a_server_that_is_not_there_is_named(
    alone: Inv, tmp_path: Path, sandbox: SandboxStatus, allowed: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    file = written(tmp_path / "far", sandbox, "far", server=f"https://127.0.0.1:{port}")
    for verb in ("k8s.status", "k8s.all-up"):
        said = alone.refused(verb, "--context", "far", "--kubeconfig", str(file), code=3)
        assert f"cluster at https://127.0.0.1:{port}: nothing listens there" in said


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (None, 2, "is not there. Name one with --kubeconfig."),
        ("contexts: [", 2, "cannot be read"),
        ("- a list\n", 2, "is not a kubeconfig"),
        ("", 2, "context 'far': is not in "),
        ("contexts: [{name: fra, context: {}}]", 2, "did you mean 'fra'"),
        ("contexts: [{name: far, context: {}}]", 3, "context 'far': its kubeconfig cannot be used"),
        ("contexts: 3", 2, "is not a kubeconfig"),
    ],
)
def test_a_kubeconfig_that_is_no_use_is_named(
    alone: Inv, tmp_path: Path, allowed: Path, text: str | None, code: int, said: str
) -> None:
    file = tmp_path / "broken"
    if text is not None:
        file.write_text(text)
    assert said in alone.refused("k8s.status", "--context", "far", "--kubeconfig", str(file), code=code)


def test_a_login_program_that_fails_is_named_with_its_own_words(
    alone: Inv, tmp_path: Path, sandbox: SandboxStatus, allowed: Path
) -> None:
    login = tmp_path / "login"
    login.write_text("#!/bin/sh\necho 'your session has ended' >&2\nexit 3\n")
    login.chmod(0o700)
    plugin = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(login)}}
    file = written(tmp_path / "far", sandbox, "far", user=plugin)
    said = alone.refused("k8s.all-up", "--context", "far", "--kubeconfig", str(file), code=3)
    assert f"its credential plugin {str(login)!r} gave no credentials" in said


@pytest.mark.parametrize("how", ["token", "impersonation"])
def test_one_who_may_only_read_is_refused_before_anything_is_written(
    alone: Inv, tmp_path: Path, sandbox: SandboxStatus, server: Api, allowed: Path, how: str
) -> None:
    token = reader(server)
    person = {"as": "system:serviceaccount:default:reader"}
    file = tmp_path / "far"
    if how == "token":
        written(file, sandbox, "far", user=token)
    else:
        written(file, sandbox, "far", acting_as=person)
    where = ("--context", "far", "--kubeconfig", str(file), "--instance", "forbidden")
    said = alone.refused("k8s.all-up", *where, code=3, environ={"RSP_LICENSE": "ABCD-EFGH-IJKL"})
    assert "system:serviceaccount:default:reader" in said
    with pytest.raises(NotFound):
        server.get("/api/v1/namespaces/forbidden")


def test_impersonation_that_cannot_be_sent_is_refused(
    alone: Inv, tmp_path: Path, sandbox: SandboxStatus, allowed: Path
) -> None:
    person = {"as": "ann", "as-groups": ["a", "b"]}
    file = written(tmp_path / "far", sandbox, "far", acting_as=person)
    said = alone.refused("k8s.status", "--context", "far", "--kubeconfig", str(file), code=3)
    assert "impersonates with several groups" in said


@pytest.mark.parametrize("licence", [None, "", "  \n"])
def test_elsewhere_than_on_a_sandbox_a_licence_is_needed_before_anything_is_touched(
    alone: Inv, far: Path, allowed: Path, server: Api, licence: str | None
) -> None:
    environ = {} if licence is None else {"RSP_LICENSE": licence}
    where = ("--context", "far", "--kubeconfig", str(far), "--instance", "unlicensed")
    for verb in ("k8s.all-up", "k8s.secret-rsp"):
        assert "RSP_LICENSE" in alone.refused(verb, *where, environ=environ)
    with pytest.raises(NotFound):
        server.get("/api/v1/namespaces/unlicensed")
