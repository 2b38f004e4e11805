"""kind's commands, and what kind and the engine under it answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from allup.commands import Ended
from allup.errors import AllupError, InputError
from allup.providers.interface import CannotDo, Wanted
from allup.providers.kind import commands
from allup.providers.kind.provider import Kind
from allup.providers.tools import engine_is_here, numbers
from tests.unit.providers.recorded_tools import Answers, recorded


def test_a_cluster_is_made_with_a_kubeconfig_of_ours_and_a_configuration_from_standard_input() -> None:
    wanted = Wanted(
        nodes="3", mount="/src:/code", kubernetes_version="1.34.0", cni="false", more=("--retain",)
    )
    command = commands.create("try", "/state/kubeconfig", wanted)
    assert command.argv == (
        *("kind", "create", "cluster", "--name=try", "--kubeconfig=/state/kubeconfig", "--wait=180s"),
        *("--image=kindest/node:v1.34.0", "--config=-", "--retain"),
    )
    config = json.loads(command.stdin)
    assert [node["role"] for node in config["nodes"]] == ["control-plane", "worker", "worker"]
    assert all(
        node["extraMounts"] == [{"hostPath": "/src", "containerPath": "/code"}] for node in config["nodes"]
    )
    assert config["networking"] == {"disableDefaultCNI": True}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(memory="8g"), "has no --memory"),
        (Wanted(cpus="4"), "has no --cpus"),
        (Wanted(addons=("ingress",)), "has no addons"),
        (Wanted(container_runtime="docker"), "has no --container-runtime"),
        (Wanted(insecure_registries=("x",)), "has no --insecure-registry"),
        (Wanted(driver="podman"), "Set KIND_EXPERIMENTAL_PROVIDER=podman"),
        (Wanted(cni="calico"), "installs no calico"),
    ],
)
def test_what_kind_does_not_have_is_refused_in_a_sentence(wanted: Wanted, said: str) -> None:
    with pytest.raises(CannotDo) as refused:
        commands.create("try", "/k", wanted)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "wanted", [Wanted(nodes="no"), Wanted(nodes="0"), Wanted(mount="x"), Wanted(kubernetes_version="1.34")]
)
def test_a_value_that_makes_no_sense_is_refused(wanted: Wanted) -> None:
    with pytest.raises(InputError, match="--"):
        commands.create("try", "/k", wanted)


def test_the_version_is_read_from_both_forms() -> None:
    assert numbers(recorded("kind/version").out) == (0, 32, 0)
    assert numbers(recorded("kind/version-long").out) == (0, 32, 0)


def test_another_program_called_kind_is_noticed(tmp_path: Path) -> None:
    other = Answers({"kind version": Ended(0, "a kind of program\n", "")})
    with pytest.raises(AllupError, match="is that kind of kubernetes-sigs"):
        Kind("try", other, tmp_path, {}, "linux").up(Wanted(), lambda step: None)


@pytest.mark.parametrize("name", ["get-kubeconfig", "delete", "export-logs"])
def test_a_failure_is_kinds_error_and_what_the_engine_said(name: str) -> None:
    said = str(commands.failure(recorded(f"kind/{name}-docker-down"), "kind cluster n", "gives nothing"))
    assert "failed to list nodes" in said
    assert "Cannot connect to the Docker daemon" in said
    assert "\n" not in said


def test_the_engines_list_is_read_and_its_silence_told() -> None:
    printed = "try\ttry-control-plane\trunning\tcontrol-plane\ntry\ttry-worker\texited\tworker\n"
    found = commands.read_containers(Ended(0, printed, ""), "docker")
    assert [(node.name, node.state) for node in found] == [
        ("try-control-plane", "running"),
        ("try-worker", "exited"),
    ]
    with pytest.raises(AllupError, match="docker: does not answer"):
        commands.read_containers(Ended(1, "", "Cannot connect to the Docker daemon"), "docker")


def test_the_signs_are_taken_from_a_line_of_progress() -> None:
    assert commands.step(" • Ensuring node image (kindest/node:v1.36.1) 🖼  ...") == (
        "Ensuring node image (kindest/node:v1.36.1)"
    )
    assert commands.step('Creating cluster "try" ...') == ""


def test_a_stop_of_several_control_planes_is_warned_of(tmp_path: Path) -> None:
    row = "try\ttry-control-plane{}\trunning\tcontrol-plane\n"
    runner = Answers(
        {"docker ps": Ended(0, row.format("") + row.format("2"), ""), "docker stop": Ended(0, "", "")}
    )
    done = Kind("try", runner, tmp_path, {}, "linux").down(lambda step: None)
    assert runner.argv("stop") == [("docker", "stop", "try-control-plane", "try-control-plane2")]
    assert "often do not come back" in done.notes[0]


@pytest.mark.parametrize(
    ("host", "here"),
    [("unix:///var/run/docker.sock", True), ("ssh://ada@far", False), ("tcp://127.0.0.1:2375", False)],
)
def test_an_engine_behind_a_tunnel_is_not_here(host: str, here: bool) -> None:
    assert engine_is_here(Answers({}), "docker", {"DOCKER_HOST": host}) is here
    asked = Answers({"docker context inspect": Ended(0, host + "\n", "")})
    assert engine_is_here(asked, "docker", {}) is here
