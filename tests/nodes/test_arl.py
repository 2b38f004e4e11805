"""ARL on a real node, with an image made here of packages: Dask computes, Jupyter runs cells.

The tests follow one installation through its life, in the order they are written.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from allup.images.making import Made
from allup.sandbox import Sandboxes, SandboxStatus
from tests.cluster.platforms_for_tests import Instance, eventually
from tests.nodes.installed import Installed, own_image
from tests.nodes.node_for_tests import NAME, PATIENCE

pytestmark = pytest.mark.nodes

WORKERS = 2
UP = ("--worker-replicas", str(WORKERS), "--worker-cpu", "200m")
CHECKS = {
    "Dask's scheduler answers",
    "the scheduler counts every worker",
    "Jupyter answers",
    "nobody gets in without the password",
}


@pytest.fixture(scope="module")
def dask_image(sandbox_environ: dict[str, str]) -> Made:
    """From the user's cache; made, which takes minutes, when it is not there."""
    return own_image("dask", sandbox_environ)


@pytest.fixture(scope="module")
def arl(
    node: SandboxStatus,
    sandboxes: Sandboxes,
    dask_image: Made,
    sandbox_environ: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installed]:
    sandboxes.load_image(NAME, dask_image.file)
    seen = Instance(node.kubeconfig, node.context, f"arl{os.getpid()}", tmp_path_factory.mktemp("arl"))
    environ = {**sandbox_environ, "DOCKER_IMAGE": str(dask_image.reference)}
    ours = Installed("arl", environ, node.context, seen)
    try:
        yield ours
    finally:
        ours.run("forward", "--stop", "all")
        seen.discard()


@pytest.fixture(scope="module")
def packages(dask_image: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's Python packages on this machine: a client has to be of the same Dask."""
    folder = tmp_path_factory.mktemp("packages")
    with tarfile.open(dask_image.file) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        for layer in json.load(manifest)[0]["Layers"]:
            stream = archive.extractfile(layer)
            assert stream is not None
            with tarfile.open(fileobj=stream) as tar:
                python = [
                    m for m in tar if "/dist-packages/" in m.name and m.name.startswith("usr/local/lib")
                ]
                if python:
                    tar.extractall(folder, python, filter="data")
    (found,) = folder.glob("usr/local/lib/python3.*/dist-packages")
    if found.parent.name != f"python{sys.version_info.major}.{sys.version_info.minor}":
        pytest.skip(f"the image's packages are for {found.parent.name}")
    return found


def test_it_comes_up_with_every_check_passed_and_a_second_run_changes_nothing(arl: Installed) -> None:
    lines = arl.told("all-up", *UP)
    # A check is told when its outcome changes, so the last line of each counts.
    outcomes = {line["check"]: line["outcome"] for line in lines if line["type"] == "check"}
    assert outcomes == dict.fromkeys(CHECKS, "passed")
    ready = {line["component"] for line in lines if line.get("phase") == "ready"}
    assert ready == {"data", "scheduler", "worker", "notebook"}
    again = arl.told("all-up", *UP)
    assert {line["action"] for line in again if line["type"] == "object"} == {"unchanged"}


def test_the_images_content_is_known_to_the_node_so_it_is_loaded_once(
    arl: Installed, dask_image: Made, sandboxes: Sandboxes
) -> None:
    assert {dask_image.reference.full, dask_image.by_content.full} <= set(sandboxes.images(NAME))


def test_the_image_runs_in_a_pod_of_its_own_that_is_gone_afterwards(arl: Installed) -> None:
    assert arl.done("test-shell", "--", "python3", "-c", "print(6 * 7)").strip() == "42"
    assert not [name for name in arl.seen.pods() if name.startswith("test-arl")]


CLIENT = """
import sys
from distributed import Client
with Client(sys.argv[1], timeout=60) as client:
    parts = client.map(lambda n: n * n, range(1000), pure=False)
    print(client.submit(sum, parts).result(timeout=120), len(client.scheduler_info(n_workers=-1)["workers"]))
"""


def test_a_computation_from_this_machine_gives_the_right_number(arl: Installed, packages: Path) -> None:
    address = arl.forwarded("dask-scheduler", 8786)
    ended = subprocess.run(
        [sys.executable, "-c", CLIENT, f"tcp://{address}"],
        env={"PATH": os.environ["PATH"], "HOME": str(arl.seen.folder), "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == [str(sum(n * n for n in range(1000))), str(WORKERS)]


# Jupyter


class Jupyter:
    """A person's browser, logged in by the password or not."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._cookies = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    def get(self, path: str) -> int:
        return self._ask("GET", path)[0]

    def log_in(self, password: str) -> int:
        self._ask("GET", "/login")
        form = urllib.parse.urlencode({"password": password, "_xsrf": self._cookie("_xsrf")})
        return self._ask("POST", "/login", form.encode())[0]

    def run(self, code: str) -> str:
        """What a cell prints, in a kernel of its own."""
        from websocket import create_connection

        status, body = self._ask("POST", "/api/kernels", b'{"name": "python3"}', json_type=True)
        assert status == 201, body
        kernel = json.loads(body)["id"]
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._cookies)
        session = uuid.uuid4().hex
        socket = create_connection(
            f"ws://{self._address}/api/kernels/{kernel}/channels?session_id={session}",
            cookie=cookies,
            suppress_origin=True,
            timeout=120,
        )
        try:
            return self._cell(socket, session, code)
        finally:
            socket.close()
            assert self._ask("DELETE", f"/api/kernels/{kernel}", json_type=True)[0] == 204

    def _cell(self, socket: Any, session: str, code: str) -> str:
        id = uuid.uuid4().hex
        header = {
            "msg_id": id,
            "session": session,
            "username": "",
            "msg_type": "execute_request",
            "version": "5.3",
            "date": "2026-01-01T00:00:00Z",
        }
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        message = {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "buffers": []}
        socket.send(json.dumps({**message, "content": content}))
        printed, left = [], {"execute_reply", "idle"}
        while left:
            answer = json.loads(socket.recv())
            if (answer.get("parent_header") or {}).get("msg_id") != id:
                continue
            content = answer["content"]
            match answer["msg_type"]:
                case "stream":
                    printed.append(content["text"])
                case "error":
                    printed.append("\n".join(content["traceback"]))
                case "execute_reply":
                    left -= {"execute_reply"}
                case "status" if content["execution_state"] == "idle":
                    left -= {"idle"}
        return "".join(printed)

    def _cookie(self, name: str) -> str:
        return next((cookie.value or "" for cookie in self._cookies if cookie.name == name), "")

    def _ask(
        self, method: str, path: str, data: bytes | None = None, *, json_type: bool = False
    ) -> tuple[int, bytes]:
        request = urllib.request.Request(f"http://{self._address}{path}", data=data, method=method)
        if json_type:
            request.add_header("Content-Type", "application/json")
            request.add_header("X-XSRFToken", self._cookie("_xsrf"))
        try:
            with self._opener.open(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


CELL = """
import os
from distributed import Client
with Client(os.environ["ARL_DASK_SCHEDULER"], timeout=60) as client:
    print(client.submit(sum, range(101)).result(timeout=60))
"""


def test_a_notebook_finds_the_cluster_and_only_who_knows_the_password_runs_one(arl: Installed) -> None:
    address = arl.forwarded("notebook", 8888)
    password = arl.secret("jupyter", "password")
    stranger = Jupyter(address)
    assert stranger.get("/api/kernels") == 403
    assert stranger.log_in("changeme") == 401
    assert stranger.get("/api/kernels") == 403
    person = Jupyter(address)
    assert person.log_in(password) == 200
    assert person.run(CELL) == "5050\n"


def test_the_password_is_in_no_processs_arguments_and_in_no_kernels_environment(arl: Installed) -> None:
    password = arl.done("secrets", "jupyter", "--reveal", "password").strip()
    look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"
    seen = arl.done("exec", "notebook", "--", "sh", "-c", look)
    assert "jupyter" in seen
    assert password not in seen


# Change and trouble


def test_the_scheduler_counts_the_workers_that_scale_asks_for(arl: Installed) -> None:
    arl.done("scale", "worker", "4")
    assert arl.seen.get("Deployment/dask-worker")["spec"]["replicas"] == 4
    eventually(arl.checks_pass, "the scheduler counts 4", within=PATIENCE)


def test_a_killed_scheduler_heals_and_gets_its_workers_back(arl: Installed) -> None:
    assert arl.restarts("dask-scheduler") == [0]
    arl.run("exec", "scheduler", "--", "sh", "-c", "kill 1")
    eventually(lambda: arl.restarts("dask-scheduler") == [1], "a restart", within=PATIENCE)
    arl.done("wait", "--timeout", "240")
    eventually(arl.checks_pass, "all workers are back", within=PATIENCE)


def test_down_is_clean_and_purge_leaves_nothing(arl: Installed) -> None:
    lines = arl.told("all-down")
    assert lines[-1]["outcome"] == "done"
    assert arl.seen.pods() == {}
    kept = {
        f"{o['kind']}/{o['metadata']['name']}"
        for k in ("Secret", "PersistentVolumeClaim")
        for o in arl.seen.items(k, f"app.kubernetes.io/instance={arl.seen.name}")
    }
    assert {"Secret/jupyter", "PersistentVolumeClaim/arl-data"} <= kept
    assert not arl.seen.items("Deployment", "")
    arl.done("all-down", "--purge", "--yes")
    assert arl.seen.find(f"Namespace/{arl.seen.namespace}") is None
