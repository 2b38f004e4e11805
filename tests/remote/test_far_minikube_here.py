"""A Minikube on another host, used from here: a real sshd, the sandbox for its node (see far_host.py)."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from allup.cluster.requests import Api
from allup.errors import AllupError
from allup.remote import probes
from allup.remote.record import Folder
from allup.sandbox import SandboxStatus
from allup.sandbox.clock import SystemClock, poll
from allup.sandbox.paths import write_private
from tests.cli.invoking import INV, ROOT, Inv
from tests.remote.conftest import Remotes, link_of, processes_with
from tests.remote.far_host import FarHost, free_port
from tests.remote.tokens import of_age


def remote_folder(inv: Inv, name: str = "far") -> Folder:
    """The folder of the remote of that name."""
    (file,) = Path(inv.environ["XDG_STATE_HOME"]).glob(f"allup/*/remotes/{name}")
    return Folder(file, inv.environ)


def up(inv: Inv, far: FarHost, *words: str) -> str:
    """Standard output of remote.up."""
    return inv.fine("remote.up", "far", "--ssh-config", str(far.ssh_config), *words)


def asked(inv: Inv) -> Mapping[str, Mapping[str, Any]]:
    """What remote.status --json says of each thing it asked, by its name."""
    told = json.loads(inv.fine("remote.status", "--json"))
    jsonschema.validate(told, json.loads((ROOT / "docs" / "results.schema.json").read_text()))
    (remote,) = told["remotes"]
    return {one["what"]: one for one in remote["asked"]}


def accounts(server: Api) -> set[str]:
    """The names of all that remote.up makes in a cluster."""
    paths = (
        "/api/v1/namespaces/kube-system/serviceaccounts",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/rolebindings",
    )
    found = (item["metadata"]["name"] for path in paths for item in server.get(path)["items"])
    return {name for name in found if name.startswith("allup-remote-")}


def test_a_far_minikube_is_used_as_if_it_were_here_and_nothing_is_left(
    far: FarHost, inv: Inv, server: Api, tmp_path: Path
) -> None:
    node_port = free_port()
    docker = int(json.loads((far.world / "world.json").read_text())["docker"].rpartition(":")[2])
    words = ("--node-port", f"{node_port}:{docker}", "--mount", "/srv/code:/code")
    said = up(inv, far, *words)
    assert "Remote far is up: profile minikube on far, started by remote.up." in said
    folder = remote_folder(inv)

    # Files: for their owner alone, no secret in the kubeconfig, everything verified.
    for file in (folder.kubeconfig, folder.token, folder.record, *folder.docker.iterdir()):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700
    token = folder.token.read_text()
    config = yaml.safe_load(folder.kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    assert cluster["tls-server-name"] == "kubernetes"
    assert "insecure-skip-tls-verify" not in cluster
    assert token not in folder.kubeconfig.read_text()
    reana = yaml.safe_load(folder.cluster_file.read_text())["cluster"]
    assert reana["config"] == str(folder.kubeconfig)
    assert reana["config_context"] == config["current-context"] == "remote-far"
    assert reana["url"] == f"http://localhost:{node_port}"

    # minikube was never given the person's kubeconfig, and its context was kept.
    started = next(call for call in far.calls() if "start" in call["argv"])
    assert started["kubeconfig"].endswith("/.minikube/allup-kubeconfig")
    assert {"--keep-context", "--container-runtime=docker"} <= set(started["argv"])

    # Each tunnel is good, end to end; the second up changes nothing.
    found = asked(inv)
    assert found["API"]["found"] == "answers and takes our token"
    assert found["Docker"]["found"] == "answers (API 1.52)"
    assert all(one["good"] for one in found.values()), found
    keepers = processes_with(f"allup.remote.keeper {folder.root}")
    assert len(keepers) == 1
    inv.fine("remote.up", "far")
    assert processes_with(f"allup.remote.keeper {folder.root}") == keepers
    assert folder.token.read_text() == token
    assert sum("start" in call["argv"] for call in far.calls()) == 1

    # No secret is anywhere but in the files that are there for it.
    key = (far.minikube / "minikube" / "client.key").read_text().splitlines()[1]
    assert token not in said
    assert not processes_with(token)
    for file in (file for file in folder.root.rglob("*") if file.is_file() and file != folder.token):
        content = file.read_text()
        assert token not in content, file
        assert key not in content, file

    # The platforms' tasks find it by its context; docker by its variables; a command by itself.
    licence = {"RSP_LICENSE": "TEST-0000-0000-0000-0000-0000-0000"}
    planned = inv("k8s.plan", "--context", "remote-far", environ=licence)
    assert planned.code == 0, planned.err
    assert "Deployment/" in planned.out
    assert "launcher" in inv.fine("k8s.status", "--context", "remote-far")
    layout = inv.fine("reana.plan", "--context", "remote-far", "--cluster-file", str(folder.cluster_file))
    assert "Deployment/default/server" in layout
    exported = subprocess.run(
        [
            "sh",
            "-c",
            f'eval "$({INV} remote.docker-env)"; echo "$DOCKER_HOST $DOCKER_TLS_VERIFY $DOCKER_CERT_PATH"',
        ],
        cwd=inv.checkout,
        env=inv.environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert exported[0].startswith("tcp://127.0.0.1:")
    assert exported[1:] == ["1", str(folder.docker)]
    ran = inv("remote.run", "far", "--", "sh", "-c", 'printf "%s|" "$@"; exit 7', "x", "a b", "$HOME", "'")
    assert (ran.code, ran.out) == (7, "a b|$HOME|'|")

    # A folder is shown to the node by a process that is kept running there.
    assert poll(lambda: processes_with("mount /srv/code:/code") or None, clock=SystemClock(), timeout=10)

    # Down: no process, socket, port, file, account; the profile that up started is stopped.
    sockets = Path(folder.control).parent
    assert accounts(server)
    assert "Profile minikube is stopped" in inv.fine("remote.down")
    assert not accounts(server)
    assert not folder.root.exists()
    assert not folder.lock.exists()
    assert not sockets.exists()
    assert not processes_with(str(folder.root))
    assert not processes_with(str(sockets))
    assert poll(
        lambda: True if not processes_with("mount /srv/code:/code") else None, clock=SystemClock(), timeout=10
    )
    assert (far.minikube / "minikube" / "stopped").exists()
    for leftover in tmp_path.joinpath("state").rglob("*"):
        assert leftover.is_dir() or token not in leftover.read_text(errors="replace"), leftover


def test_the_tunnel_comes_back_when_the_host_does_and_a_running_all_up_survives(
    far: FarHost, inv: Inv, here: Remotes
) -> None:
    folder, _ = here.up()
    with subprocess.Popen(
        [INV, "arl.all-up", "--context", "remote-far"],
        cwd=inv.checkout,
        env=inv.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        assert running.stdout is not None
        first = running.stdout.readline()
        far.kill()
        why = link_of(folder, is_up=False).why
        assert "nothing listens there" in why or "closed" in why
        assert running.poll() is None, "the run was over before the link was cut"
        # While it is down everything says so, within the limit of its own questions.
        assert probes.LIMIT <= 5
        found = here.verdicts(folder)
        assert not found["ssh"].good
        assert "connection refused" in found["API"].words
        assert "bad  keeper" in inv.fine("remote.status")
        far.start()
        assert link_of(folder, is_up=True).again == 1
        rest, _ = running.communicate(timeout=120)
        assert running.returncode == 0, first + rest
    assert here.verdicts(folder)["API"].good
    inv.fine("arl.all-down", "--context", "remote-far", "--purge", "--yes")


def test_an_all_up_whose_host_stays_away_fails_with_a_sentence(
    far: FarHost, inv: Inv, here: Remotes, server: Api
) -> None:
    folder, _ = here.up()
    with subprocess.Popen(
        [INV, "arl.all-up", "--context", "remote-far", "--timeout", "10"],
        cwd=inv.checkout,
        env=inv.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        far.kill()
        _, errors = running.communicate(timeout=120)
    assert running.returncode in (1, 3)
    assert "Traceback" not in errors
    assert "127.0.0.1" in errors.splitlines()[-1], errors
    assert "127.0.0.1" in inv.refused("arl.plan", "--context", "remote-far", code=3)
    far.start()
    link_of(folder, is_up=True)
    inv.fine("arl.all-down", "--context", "remote-far", "--purge", "--yes")


def test_a_remote_whose_host_is_away_is_taken_back_here_and_later_there(
    far: FarHost, inv: Inv, here: Remotes, server: Api
) -> None:
    folder, _ = here.up()
    far.kill()
    left = inv.refused("remote.down", code=4)
    assert "is down here" in left
    assert "nothing listens there" in left
    assert not folder.token.exists()
    assert not folder.kubeconfig.exists()
    assert not processes_with(str(folder.root))
    assert accounts(server)
    far.start()
    assert here.down(folder).left == ()
    assert not accounts(server)
    assert not folder.root.exists()


def test_a_token_is_renewed_before_it_ends_and_through_the_host_when_it_has(
    far: FarHost, here: Remotes, sandbox: SandboxStatus
) -> None:
    folder, remote = here.up()
    key, administrator = (
        sandbox.kubeconfig.parent / "pki" / "sa.key",
        far.minikube / "minikube" / "client.key",
    )
    first = folder.token.read_text()

    def is_renewed(token: str) -> None:
        now = poll(
            lambda: True if folder.token.read_text() not in (token, first) else None,
            clock=SystemClock(),
            timeout=60,
        )
        assert now, folder.state.read_text()
        assert probes.api(remote, folder) == "answers and takes our token"

    # Near its end it renews itself: the administrator's key is out of reach.
    kept = administrator.read_text()
    administrator.unlink()
    old = of_age(key, first, made=-3300, ends=300)
    write_private(folder.token, old)
    is_renewed(old)
    # When it has ended, as after a long sleep, only the administrator can help.
    administrator.write_text(kept)
    ended = of_age(key, first, made=-7200, ends=-3600)
    write_private(folder.token, ended)
    with pytest.raises(AllupError, match="does not take our token"):
        probes.api(remote, folder)
    is_renewed(ended)


def test_a_keeper_that_was_killed_is_no_obstacle(here: Remotes) -> None:
    """It leaves ssh running, which holds ports and socket; the next up takes both over."""
    folder, remote = here.up()
    record = json.loads(next(folder.keeper.glob("*.json")).read_text())
    os.kill(int(record["holder"].split("/")[2]), signal.SIGKILL)
    assert len(processes_with(folder.control)) == 1
    again, same = here.up()
    assert same.forwards == remote.forwards
    assert here.verdicts(again)["API"].good
    assert len(processes_with(folder.control)) == 1


def test_two_profiles_of_a_host_are_used_at_once_one_of_them_through_a_jump_host(
    far: FarHost, inv: Inv, here: Remotes, server: Api
) -> None:
    config = far.ssh_config.read_text()
    far.ssh_config.write_text(config + config.replace("Host far", "Host behind") + " ProxyJump far\n")
    first, _ = here.up()
    second, remote = here.up(here.asked("behind", profile="reana-0.1.0", role="view"))
    assert remote.context == "remote-behind-reana-0-1-0"
    for folder in (first, second):
        assert all(one.good for one in here.verdicts(folder).values())
    assert len(accounts(server)) == 2
    assert "several are meant" in inv.refused("remote.down")
    # The second may only look, and is gone without a trace of the first.
    forbidden = inv("arl.all-up", "--context", remote.context)
    assert forbidden.code == 3, forbidden.err
    assert "Traceback" not in forbidden.err
    here.down(second)
    assert len(accounts(server)) == 1
    assert here.verdicts(first)["API"].good
