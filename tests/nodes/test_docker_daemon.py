"""inv images.* with a real Docker daemon: load, build, tag, push, and a registry in a container.

The daemon is Debian's, in namespaces of its own; the registry it runs is an image made here, of Debian's
docker-registry, under the name of Docker's.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.invoking import INV, Ended
from tests.conftest import CHECKOUT
from tests.nodes.docker_for_tests import Daemon, daemon
from tests.nodes.installed import own_image

pytestmark = [
    pytest.mark.nodes,
    pytest.mark.skipif(shutil.which("dockerd") is None, reason="dockerd is not installed (docker.io)"),
    pytest.mark.skipif(shutil.which("docker") is None, reason="docker is not installed (docker.io)"),
]

PORT = 5000  # nothing else is in that network


@dataclass(frozen=True)
class Docker:
    """A person beside the daemon."""

    daemon: Daemon

    def inv(self, *words: str) -> Ended:
        return self.daemon.run("env", "-C", str(CHECKOUT), str(INV), *words)

    def fine(self, *words: str) -> Ended:
        ended = self.inv(*words)
        assert ended.code == 0, ended.out + ended.err
        return ended

    def says(self, *words: str) -> str:
        ended = self.daemon.run("docker", *words)
        assert ended.code == 0, ended.err
        return ended.out.strip()


@pytest.fixture(scope="module")
def docker(sandbox_environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    own_image("registry", sandbox_environ)
    environ = {name: value for name, value in sandbox_environ.items() if not name.startswith("DOCKER_")}
    environ["HOME"] = str(tmp_path_factory.mktemp("home"))
    with daemon(tmp_path_factory.mktemp("docker"), environ) as ours:
        yield Docker(ours)


def test_an_image_made_here_is_loaded_once_and_runs(docker: Docker) -> None:
    first = docker.fine("images.load", "registry", "--into", "docker")
    assert first.out == "local/registry:2\n"
    again = docker.fine("images.load", "registry", "--into", "docker")
    assert "docker has local/registry:2 already" in again.err
    run = ("run", "--rm", "--entrypoint", "docker-registry", "local/registry:2", "--version")
    assert "docker-registry" in docker.says(*run)


def test_a_dockerfile_is_built_again_only_when_something_has_changed(docker: Docker, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM local/registry:2\nCOPY hello /hello\n")
    (tmp_path / "hello").write_text("hello\n")
    words = ("images.build", "--context", str(tmp_path), "--image", "local/hello:1")
    assert "is built" in docker.fine(*words).out
    assert "is unchanged" in docker.fine(*words).out
    (tmp_path / "hello").write_text("hello again\n")
    assert "is built" in docker.fine(*words).out
    listed = docker.fine("images.list").out
    assert ["docker", "local/hello:1"] in [line.split()[:2] for line in listed.splitlines()]


def test_a_registry_in_a_container_takes_what_is_pushed_and_has_it_when_it_is_asked(docker: Docker) -> None:
    docker.fine("images.load", "registry", "--into", "docker")
    docker.fine("images.tag", "local/registry:2", "registry:2")
    assert f"answers on localhost:{PORT}" in docker.fine("images.registry-up").out
    assert "Up" in docker.says("ps", "--filter", "name=allup-registry", "--format", "{{.Status}}")
    assert "answers" in docker.fine("images.registry-up").out  # it is left alone
    pushed = f"localhost:{PORT}/team/local/registry:2"
    assert (
        f"{pushed} is pushed"
        in docker.fine("images.push", "registry", "--repository", f"localhost:{PORT}/team/").out
    )
    docker.says("image", "rm", pushed)
    docker.says("pull", pushed)
    assert "is stopped" in docker.fine("images.registry-down").out
    docker.fine("images.registry-up")
    docker.says("pull", pushed)  # its images stay
    docker.fine("images.registry-down", "--purge")
    assert "No registry" in docker.fine("images.registry-down").out
    assert docker.says("volume", "ls", "--quiet") == ""


def test_a_container_of_somebody_else_under_that_name_stays_as_it_is(docker: Docker) -> None:
    docker.says("run", "--detach", "--name", "allup-registry", "local/registry:2")
    try:
        for task in ("images.registry-up", "images.registry-down"):
            ended = docker.inv(task)
            assert (ended.code, "is not ours" in ended.err) == (1, True), ended.err
        (seen,) = json.loads(docker.says("container", "inspect", "allup-registry"))
        assert seen["State"]["Running"]
    finally:
        docker.says("rm", "--force", "allup-registry")
