"""inv images.load --into, and --into of images.build: whichever cluster, by its provider's own way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from allup.commands import Ended
from allup.errors import AllupError
from allup.images.making import Made
from allup.images.references import Reference
from allup.providers.choosing import Providers
from tasks import imaging, providing
from tests.unit.providers.recorded_tools import Answers

HERE = "docker.io/local/dask:1"


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """An image in a file."""
    reference = Reference.parse("local/dask:1")
    return Made(reference, reference, tmp_path / "image.tar", "sha256:0", "abc", fresh=True)


def answering(monkeypatch: pytest.MonkeyPatch, folder: Path, answers: dict[str, Ended]) -> Answers:
    """The providers' programs answer so."""
    runner = Answers(answers)
    found = Providers(folder, runner, {"HOME": str(folder), "XDG_STATE_HOME": str(folder)}, "linux", "")
    monkeypatch.setattr(providing, "providers", lambda kubeconfig=None: found)
    return runner


def test_kind_takes_an_archive_onto_its_nodes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: Made
) -> None:
    answers = {
        "docker ps": Ended(0, "arl\tarl-control-plane\trunning\tcontrol-plane\n", ""),
        "kind load": Ended(0, "", ""),
        "crictl images": Ended(0, json.dumps({"images": [{"repoTags": [HERE]}]}), ""),
    }
    runner = answering(monkeypatch, tmp_path, answers)
    imaging._LOADERS["kind"](made, "arl", False)
    assert runner.argv("load") == [("kind", "load", "image-archive", str(made.file), "--name=arl")]
    runner.answers["crictl images"] = Ended(0, '{"images":[]}', "")
    with pytest.raises(AllupError, match="kind cluster arl: does not have the image"):
        imaging._LOADERS["kind"](made, "arl", False)


def test_a_cluster_that_is_not_there_takes_no_image(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: Made
) -> None:
    answering(
        monkeypatch, tmp_path, {"docker ps": Ended(0, "arl\tarl-control-plane\texited\tcontrol-plane\n", "")}
    )
    with pytest.raises(AllupError, match="kind cluster ral: is not there \\(did you mean 'arl'"):
        imaging._LOADERS["kind"](made, "ral", False)
    with pytest.raises(AllupError, match="kind cluster arl: is not running"):
        imaging._LOADERS["kind"](made, "arl", False)


def test_docker_is_led_into_minikubes_own_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = {"Driver": "kvm2", "KubernetesConfig": {"ContainerRuntime": "docker"}}
    listed = {"invalid": [], "valid": [{"Name": "dev", "Status": "OK", "Config": config}]}
    node = {
        "Name": "dev",
        "Host": "Running",
        "Kubelet": "Running",
        "APIServer": "Running",
        "Kubeconfig": "Configured",
    }
    environ = {"DOCKER_HOST": "tcp://192.168.39.37:2376", "DOCKER_TLS_VERIFY": "1", "SSH_AUTH_SOCK": ""}
    answers = {
        "profile list": Ended(0, json.dumps(listed), ""),
        "status": Ended(0, json.dumps({**node, "Worker": False}), ""),
        "docker-env --shell none": Ended(0, json.dumps(environ), ""),
    }
    answering(monkeypatch, tmp_path, answers)
    engine = imaging._inside("minikube:dev")
    assert engine.environ == {"DOCKER_HOST": "tcp://192.168.39.37:2376", "DOCKER_TLS_VERIFY": "1"}
