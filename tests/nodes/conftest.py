"""One sandbox with a real node for all these tests, and an image of the tests' own in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from allup.errors import InputError
from allup.sandbox import Sandboxes, SandboxStatus
from allup.sandbox.build import Tool, build_tools, executable
from allup.sandbox.node import imagetar, requirements
from tests.cluster.platforms_for_tests import Instance, unique_name
from tests.conftest import CHECKOUT
from tests.nodes.node_for_tests import IMAGE, NAME

ECHO = Tool("echo", ".", "the tests' image", pins=Path(__file__).parent)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips the tests of this folder, with the reason, where there can be no real node."""
    try:
        requirements.check(os.environ)
    except InputError as error:
        for item in items:
            if "nodes" in item.keywords:
                item.add_marker(pytest.mark.skip(reason=str(error)))


@pytest.fixture(scope="session")
def image(sandbox_environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the tests' image."""
    build_tools(sandbox_environ, tools=[ECHO])
    tar = tmp_path_factory.mktemp("image") / "echo.tar"
    tar.write_bytes(imagetar.pack_program(IMAGE, executable(ECHO, sandbox_environ), "echo"))
    return tar


@pytest.fixture(scope="session")
def sandboxes(sandbox_environ: dict[str, str]) -> Sandboxes:
    """Those of the tests."""
    return Sandboxes(CHECKOUT, sandbox_environ)


@pytest.fixture(scope="session")
def node(sandboxes: Sandboxes, image: Path) -> Iterator[SandboxStatus]:
    """A running sandbox with a real node that has the tests' image, deleted at the end."""
    try:
        status = sandboxes.up(NAME, real=True)
        sandboxes.load_image(NAME, image)
        yield status
    finally:
        sandboxes.delete(NAME)


@pytest.fixture
def instance(node: SandboxStatus, tmp_path: Path) -> Iterator[Instance]:
    """An instance of its own on the real node; whatever it leaves is deleted, without waiting for it."""
    ours = Instance(node.kubeconfig, node.context, unique_name(), tmp_path)
    try:
        yield ours
    finally:
        ours.discard()


@pytest.fixture(scope="session")
def as_user() -> dict[str, Any]:
    """A security context that is not root's."""
    return {"runAsUser": 10001, "runAsGroup": 10001}
