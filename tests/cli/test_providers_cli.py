"""inv cluster.* with kind and minikube, which stand-ins answer for (standin_tools.py): no engine is here.

What the real programs print without one is in tests/data/providers; test_real_providers.py uses real ones.
"""

from __future__ import annotations

import base64
import json
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from allup.sandbox import SandboxStatus
from tests.cli.invoking import Inv
from tests.cli.standin_tools import RECORDED

pytestmark = pytest.mark.cluster

STANDIN = Path(__file__).parent / "standin_tools.py"
MINIKUBE = ("cluster.up", "--provider", "minikube", "--profile", "dev")


@dataclass(frozen=True)
class World:
    """``inv`` beside stand-ins, what they were called with, the user's kubeconfig, which nobody touches."""

    inv: Inv
    folder: Path
    users: Path

    def calls(self, tool: str) -> Sequence[Mapping[str, Any]]:
        """The calls of one program, in order."""
        lines = (self.folder / "calls.jsonl").read_text().splitlines()
        return [call for call in map(json.loads, lines) if call["argv"][0] == tool]

    def without(self, tool: str) -> Inv:
        """Where one of them is not installed."""
        (self.folder / "bin" / tool).unlink()
        return self.inv


@pytest.fixture
def world(alone: Inv, sandbox: SandboxStatus, tmp_path: Path) -> Iterator[World]:
    """Every cluster that the stand-ins make is the session's sandbox."""
    folder, home = tmp_path / "world", tmp_path / "home"
    for made in (folder / "bin", folder / "minikube", folder / "kind", home / ".kube"):
        made.mkdir(parents=True)
    ours = yaml.safe_load(sandbox.kubeconfig.read_text())
    cluster, user = ours["clusters"][0]["cluster"], ours["users"][0]["user"]
    (folder / "cluster.json").write_text(json.dumps({"cluster": cluster, "user": user}))
    (folder / "ca.crt").write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    for tool in ("minikube", "kind", "docker"):
        file = folder / "bin" / tool
        file.write_text(f'#!/bin/sh\nexec {sys.executable} {STANDIN} {tool} "$@"\n')
        file.chmod(0o755)
    users = home / ".kube" / "config"
    users.write_text(yaml.safe_dump({"current-context": "work", "contexts": [], "clusters": [], "users": []}))
    before = users.read_bytes()
    environ = {
        **alone.environ,
        "HOME": str(home),
        "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
        "STANDIN_WORLD": str(folder),
    }
    yield World(replace(alone, environ=environ), folder, users)
    assert users.read_bytes() == before
    calls = folder / "calls.jsonl"
    told = [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []
    assert not [
        call for call in told if call["argv"][0] == "minikube" and call["kubeconfig"] in ("", str(users))
    ]


def test_minikube_is_made_once_then_found_then_stopped_started_and_deleted(world: World) -> None:
    inv = world.inv
    more = ("--", "--extra-config=kubelet.max-pods=50")
    made = inv(*MINIKUBE, "--cpus", "4", "--memory", "8g", "--addons", "ingress", *more)
    assert made.code == 0, made.err
    assert made.out.startswith("minikube profile dev is made and runs.\nContext dev in ")
    file = Path(made.out.split(" in ")[-1].strip())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (start,) = [call for call in world.calls("minikube") if "start" in call["argv"]]
    asked = {"--cpus=4", "--memory=8g", "--addons=ingress", "--keep-context", "--container-runtime=docker"}
    assert start["argv"][-1] == "--extra-config=kubelet.max-pods=50"
    assert asked <= set(start["argv"])
    again = inv(*MINIKUBE, "--cpus", "4", "--memory", "8g", "--addons", "ingress")
    assert again.out.startswith("minikube profile dev was up already. Addons ingress were enabled.")
    assert "note" not in again.err
    other = inv(*MINIKUBE, "--cpus", "6", "--addons", "metrics-server")
    assert "Addons metrics-server are enabled now." in other.out
    assert "note: CPUs stays 4: a profile keeps what it was made with" in other.err
    assert len([call for call in world.calls("minikube") if "start" in call["argv"]]) == 1
    shown = inv.fine("cluster.status", "--profile", "dev")
    assert "cluster            dev, running" in shown
    assert "size               4 CPUs, 8192 MB a node" in shown
    assert "dev   control-plane  Running  192.168.49.2" in shown
    assert (
        inv.fine("cluster.down", "--profile", "dev") == "minikube profile dev is stopped, its state kept.\n"
    )
    assert inv.fine("cluster.down", "--profile", "dev") == "minikube profile dev is not running.\n"
    assert json.loads(inv.fine("cluster.list", "--json"))["clusters"][0]["state"] == "stopped"
    stopped = inv.refused("cluster.address", "--profile", "dev", code=3)
    assert "is not running. Start it: inv cluster.up --provider minikube --profile dev" in stopped
    assert inv.fine(*MINIKUBE).startswith("minikube profile dev is started.")
    unsure = inv.refused("cluster.delete", "--profile", "dev")
    assert "Say --yes if you mean it" in unsure
    assert inv.fine("cluster.delete", "--profile", "dev", "--yes") == "minikube profile dev is deleted.\n"
    assert inv.fine("cluster.delete", "--profile", "dev", "--yes") == "There is no minikube profile dev.\n"
    assert not file.exists()
    assert inv.fine("cluster.list") == "No clusters.\n"


def test_what_a_minikube_lends_to_a_shell(world: World, tmp_path: Path) -> None:
    inv = world.inv
    inv.fine(*MINIKUBE)
    exports = inv.fine("cluster.docker-env", "--profile", "dev").splitlines()
    assert "export DOCKER_HOST=tcp://192.168.49.2:2376" in exports
    assert not any("SSH_" in line for line in exports)
    assert inv.fine("cluster.address", "--profile", "dev") == "192.168.49.2\n"
    assert "ingress               \n" not in inv.fine(
        "cluster.addons", "--profile", "dev", "--enable", "ingress"
    )
    assert "ingress               enabled" in inv.fine("cluster.addons", "--profile", "dev")
    assert "it runs" in inv.fine("cluster.logs", "--profile", "dev")
    assert "Successfully mounted" in inv.fine("cluster.mount", str(tmp_path), "/code", "--profile", "dev")
    kubeconfig = inv.fine("cluster.kubeconfig", "--profile", "dev").strip()
    assert [c["name"] for c in yaml.safe_load(Path(kubeconfig).read_text())["contexts"]] == ["dev"]


def test_a_cluster_of_this_machine_needs_no_allowance_a_far_one_of_the_same_name_does(world: World) -> None:
    inv = world.inv
    inv.fine(*MINIKUBE)
    assert inv.fine("cluster.use", "--profile", "dev") == "dev is the cluster of this checkout now.\n"
    assert inv("k8s.status").code == 0
    assert inv("k8s.status", "--context", "dev").code == 0
    # A context of the same name, made by another minikube: a tunnel to it, say.
    foreign = world.folder / "foreign"
    own = Path(inv.fine("cluster.kubeconfig", "--profile", "dev").strip())
    foreign.write_text(own.read_text())
    assert inv("k8s.status", "--context", "dev", "--kubeconfig", str(foreign)).code == 0
    (Path(inv.environ["HOME"]) / ".minikube" / "ca.crt").write_text("another authority")
    said = inv.refused("k8s.status", "--context", "dev", "--kubeconfig", str(foreign), code=3)
    assert "no provider here says that it is its own" in said
    inv.fine("cluster.use", "--forget")


def test_minikube_on_a_machine_elsewhere_has_to_be_allowed(world: World) -> None:
    far = replace(world.inv, environ={**world.inv.environ, "STANDIN_ENGINE": "ssh://ada@far"})
    far.fine(*MINIKUBE, "--driver", "docker")
    assert "has to be allowed" in far.refused("cluster.use", "--profile", "dev", code=3)
    assert "is not allowed" in far.refused("k8s.status", "--context", "dev", code=3)


def test_kind_is_made_once_then_found_then_stopped_started_and_deleted(world: World, tmp_path: Path) -> None:
    inv, kind = world.inv, ("--provider", "kind", "--name", "try")
    mount = f"{tmp_path}:/code"
    made = inv("cluster.up", *kind, "--nodes", "2", "--mount", mount, "--kubernetes-version", "v1.34.0")
    assert made.code == 0, made.err
    assert made.out.startswith("kind cluster try is made and runs.\nContext kind-try in ")
    (create,) = [call for call in world.calls("kind") if "create" in call["argv"]]
    assert "--image=kindest/node:v1.34.0" in create["argv"]
    config = json.loads((world.folder / "kind-config.json").read_text())
    assert [node["role"] for node in config["nodes"]] == ["control-plane", "worker"]
    assert config["nodes"][1]["extraMounts"] == [{"hostPath": str(tmp_path), "containerPath": "/code"}]
    again = inv("cluster.up", *kind, "--nodes", "3")
    assert again.out.startswith("kind cluster try was up already.")
    assert "note: --nodes had no effect" in again.err
    assert inv("k8s.status", "--context", "kind-try").code == 0
    assert "try-worker         worker         running" in inv.fine("cluster.status", *kind)
    assert inv.fine("cluster.address", *kind) == "172.18.0.2\n"
    assert inv.fine("cluster.down", *kind) == "kind cluster try is stopped, its state kept.\n"
    assert inv.fine("cluster.up", *kind).startswith("kind cluster try is started.")
    assert inv.fine("cluster.use", *kind) == "kind-try is the cluster of this checkout now.\n"
    inv.fine("cluster.use", "--forget")
    assert inv.fine("cluster.delete", *kind, "--yes") == "kind cluster try is deleted.\n"


def test_a_missing_old_or_broken_tool_is_one_sentence_with_the_way_out(world: World) -> None:
    inv = world.inv
    old = {**inv.environ, "STANDIN_MINIKUBE": "v1.20.0", "STANDIN_KIND": "0.11.1"}
    said = inv.refused(*MINIKUBE, code=1, environ=old)
    assert said.startswith("minikube: is version 1.20.0; allup needs 1.32 or newer. Install a newer one")
    said = inv.refused("cluster.up", "--provider", "kind", code=1, environ=old)
    assert said.startswith("kind: is version 0.11.1; allup needs 0.21 or newer.")
    inv.fine(*MINIKUBE, "--driver", "kvm2")
    said = inv.refused(*MINIKUBE, "--driver", "docker")
    assert said.startswith("minikube profile dev: has the driver kvm2, which cannot become docker.")
    (world.folder / "engine-down").touch()
    wanted = ("cluster.up", "--profile", "other", "--driver")
    recorded = json.loads((RECORDED / "minikube" / "start-docker-down.json").read_text())
    assert recorded["exit_code"] == 63
    said = inv(*wanted, "docker").err.splitlines()[-1]
    assert said.startswith("minikube profile other: does not start (PROVIDER_DOCKER_NOT_RUNNING).")
    said = inv(*wanted, "virtualbox").err.splitlines()[-1]
    assert "does not start (PROVIDER_VIRTUALBOX_NOT_FOUND)" in said
    said = inv.refused("cluster.list", "--provider", "kind", code=1)
    assert said.startswith("docker: does not answer. Cannot connect to the Docker daemon")
    (world.folder / "engine-down").unlink()
    (world.folder / "container-gone").touch()
    assert "dev, broken" in inv.fine("cluster.status", "--profile", "dev")
    said = world.without("minikube").refused("cluster.status", "--profile", "dev", code=1)
    assert said.startswith("minikube: is not on this machine's PATH. Install it: ")


def test_an_image_that_gets_lost_on_its_way_is_told(world: World, tmp_path: Path) -> None:
    """minikube image load ends with 0 whatever happened."""
    from allup.errors import AllupError

    world.inv.fine(*MINIKUBE)
    archive = tmp_path / "image.tar"
    archive.touch()
    environ = world.inv.environ
    from allup.commands import Here
    from allup.providers.choosing import Providers

    cluster = Providers(world.inv.checkout, Here(environ), environ, "linux", "").minikube("dev")
    cluster.load(archive, "docker.io/local/tool:1")
    (world.folder / "images-get-lost").touch()
    with pytest.raises(AllupError, match=r"does not have the image .*other:1 after"):
        cluster.load(archive, "docker.io/local/other:1")
