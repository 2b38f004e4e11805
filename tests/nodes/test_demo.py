"""``make demo``: what a newcomer types first, and what is left when it is over."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping

import pytest

from allup.sandbox import Sandboxes
from tests.conftest import CHECKOUT
from tests.nodes.installed import own_image

pytestmark = pytest.mark.nodes

NAME = "demo"
PORTS = (8888, 8787)  # of this machine, which people click on


_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")


def _make(environ: Mapping[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
    # The virtual environment is the one that runs this test; make shall not renew it.
    command = ["make", "--old-file=.venv/.installed", *flags, "demo"]
    return subprocess.run(
        command,
        cwd=CHECKOUT,
        # A make of its own, when a make runs the tests: one inside another tells which folder it is in.
        env={name: value for name, value in environ.items() if name not in _OF_MAKE},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=500,
        check=False,
    )


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def shown(sandboxes: Sandboxes, sandbox_environ: dict[str, str]) -> Iterator[str]:
    """What it prints."""
    own_image("dask", sandbox_environ)
    for port in PORTS:
        if _listens(port):
            pytest.skip(f"port {port} of this machine is in use")
    try:
        ended = _make(sandbox_environ)
        assert ended.returncode == 0, ended.stdout
        yield ended.stdout
    finally:
        sandboxes.delete(NAME)


def test_every_url_that_it_prints_is_answered(shown: str) -> None:
    urls = re.findall(r"http://localhost\S+", shown)
    assert len(urls) == 3
    for url in urls:
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert answer.status == 200


def _printed_command(shown: str, task: str) -> list[str]:
    (line,) = (
        line for line in shown.splitlines() if f"inv {task}" in line and line.startswith(("Log", "All"))
    )
    return shlex.split(line.partition(": ")[2])


def test_the_command_that_it_prints_shows_a_password(shown: str, sandbox_environ: dict[str, str]) -> None:
    command = _printed_command(shown, "arl.secrets")
    told = subprocess.run(
        command, cwd=CHECKOUT, env=sandbox_environ, capture_output=True, text=True, check=True
    )
    assert len(told.stdout.strip()) >= 16
    assert told.stdout.strip() not in shown


def test_again_it_makes_nothing_and_shows_the_same(shown: str, sandbox_environ: dict[str, str]) -> None:
    again = _make(sandbox_environ)
    assert again.returncode == 0, again.stdout
    assert "0 created, 0 changed" in again.stdout
    assert re.findall(r"http://\S+", shown)[-3:] == re.findall(r"http://\S+", again.stdout)[-3:]


def test_the_command_that_ends_it_ends_its_forwards_too(shown: str, sandbox_environ: dict[str, str]) -> None:
    command = _printed_command(shown, "cluster.delete")
    subprocess.run(command, cwd=CHECKOUT, env=sandbox_environ, check=True, capture_output=True)
    assert not any(_listens(port) for port in PORTS)


def test_who_is_not_root_is_told_so_before_anything_is_begun(sandbox_environ: dict[str, str]) -> None:
    somebody = ("setpriv", "--reuid=65534", "--clear-groups")
    if subprocess.run([*somebody, sys.executable, "-c", ""], check=False, capture_output=True).returncode:
        pytest.skip("nobody but root may run this Python")
    first = shlex.split(_make(sandbox_environ, "--just-print").stdout.splitlines()[0])
    environ = {**sandbox_environ, "HOME": "/nonexistent"}
    ended = subprocess.run(
        [*somebody, *first], cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2  # which ends make
    (said,) = ended.stderr.strip().splitlines()
    assert "needs root" in said
    assert "kind, minikube and Docker Desktop" in said
