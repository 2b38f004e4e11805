"""A compose file that builds its image, on a real node: built by buildah, loaded or pulled, and run.

Docker has no daemon here; the same words go to docker where one answers (tests/unit/images).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from allup.sandbox import SandboxStatus
from allup.sandbox.build import executable
from tests.cluster.platforms_for_tests import Instance
from tests.conftest import CHECKOUT
from tests.nodes.conftest import ECHO
from tests.nodes.node_for_tests import PORT, pod_of, run

pytestmark = [
    pytest.mark.nodes,
    pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed"),
]

PROJECT = f"""
services:
  web:
    build: {{context: web, args: {{WHO: somebody}}}}
    ports: ["{PORT}"]
    healthcheck: {{test: [CMD, /echo, get, "http://127.0.0.1:{PORT}/"], interval: 1s}}
"""
DOCKERFILE = f"""
FROM scratch
ARG WHO=nobody
COPY echo /echo
COPY text /text
ENV WHO=$WHO
CMD ["/echo", "serve", "{PORT}", "built"]
"""


@dataclass(frozen=True)
class Built:
    """A project as a person has it, by ``inv``; *seen* looks at its objects."""

    folder: Path
    environ: Mapping[str, str]
    seen: Instance

    def up(self, *words: str) -> str:
        """What compose.up tells."""
        ended = self._run(
            "compose.up", str(self.folder / "compose.yaml"), "--project", self.seen.name, *words
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stderr

    def down(self) -> None:
        self._run("compose.down", "--project", self.seen.name, "--purge", "--yes")

    def inv(self, *words: str) -> None:
        ended = self._run(*words, there=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def image(self) -> str:
        """The image that the pod of web runs."""
        pod = self.seen.get(f"Pod/{pod_of(self.seen, 'web')}")
        return str(pod["spec"]["containers"][0]["image"])

    def _run(self, *words: str, there: bool = True) -> subprocess.CompletedProcess[str]:
        where = ("--context", self.seen.context) if there else ()
        return subprocess.run(
            [Path(sys.executable).with_name("inv"), *words, *where],
            cwd=CHECKOUT,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )


@pytest.fixture(scope="module")
def built(
    node: SandboxStatus, sandbox_environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("built")
    (folder / "web").mkdir()
    (folder / "compose.yaml").write_text(PROJECT)
    (folder / "web" / "Dockerfile").write_text(DOCKERFILE)
    (folder / "web" / "text").write_text("one")
    shutil.copy(executable(ECHO, sandbox_environ), folder / "web" / "echo")
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/store"\n'
    )
    own = {
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "STORAGE_DRIVER": "vfs",
        "BUILDAH_ISOLATION": "chroot",
        "DOCKER": "no-docker-here",
    }
    seen = Instance(node.kubeconfig, node.context, f"built{os.getpid()}", folder)
    ours = Built(folder, {**sandbox_environ, **own}, seen)
    try:
        yield ours
    finally:
        ours.down()
        seen.discard()


@pytest.fixture
def registry(built: Built) -> Iterator[str]:
    """A registry of this machine, which the node reaches by the same name."""
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    built.inv("images.registry-up", "--port", str(port))
    try:
        yield f"localhost:{port}"
    finally:
        built.inv("images.registry-down", "--purge")


def test_the_image_is_built_and_loaded_and_runs(built: Built) -> None:
    told = built.up()
    assert "is built." in told
    assert built.image().startswith(f"{built.seen.name}-web:content-")
    assert run(built.seen, "web", "get", f"http://127.0.0.1:{PORT}/").stdout.strip() == "this is built"


def test_unchanged_it_is_neither_built_nor_loaded_nor_rolled(built: Built) -> None:
    before = built.seen.pods()
    told = built.up()
    assert "is unchanged." in told
    assert "already" in told
    assert built.seen.pods() == before
    assert "is built." not in built.up("--dry-run")


def test_another_content_is_another_image_and_rolls_the_pods(built: Built) -> None:
    before = built.image()
    (built.folder / "web" / "text").write_text("two")
    assert "is built." not in built.up("--dry-run")
    assert built.image() == before
    built.up()
    assert built.image() != before
    assert run(built.seen, "web", "read", "/text").stdout.strip() == "two"


def test_an_image_on_one_of_our_own_is_pushed_and_pulled(built: Built, registry: str) -> None:
    built.inv("images.build", "memcached")
    built.inv("images.push", "memcached", "--repository", registry)
    based = DOCKERFILE.replace("FROM scratch", f"FROM {registry}/local/memcached:1.6\nUSER 0") + (
        f'RUN echo $WHO ran here >/ran\nENTRYPOINT []\nCMD ["/echo", "serve", "{PORT}", "based"]\n'
    )
    (built.folder / "web" / "Dockerfile").write_text(based)
    built.up("--repository", f"{registry}/team")
    assert built.image().startswith(f"{registry}/team/{built.seen.name}-web:content-")
    assert run(built.seen, "web", "read", "/ran").stdout.strip() == "somebody ran here"
