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
from collections.abc import Callable, Iterator, Sequence
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from allup.images.making import Made
from allup.sandbox import Sandboxes, SandboxStatus
from tests.cluster.platforms_for_tests import Instance, eventually
from tests.conftest import CHECKOUT
from tests.nodes.node_for_tests import NAME, PATIENCE
from tests.nodes.person import Person, own_image

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
    return own_image("dask", sandbox_environ)


@pytest.fixture(scope="module")
def arl(
    node: SandboxStatus,
    sandboxes: Sandboxes,
    dask_image: Made,
    sandbox_environ: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Person]:
    sandboxes.load_image(NAME, dask_image.file)
    seen = Instance(node.kubeconfig, node.context, f"arl{os.getpid()}", tmp_path_factory.mktemp("arl"))
    environ = {**sandbox_environ, "DOCKER_IMAGE": str(dask_image.reference)}
    ours = Person("arl", environ, node.context, seen)
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


def test_it_comes_up_with_every_check_passed_and_a_second_run_changes_nothing(arl: Person) -> None:
    lines = [json.loads(line) for line in arl.done("all-up", *UP, "--json").splitlines()]
    # A check is told when its outcome changes, so the last line of each counts.
    outcomes = {line["check"]: line["outcome"] for line in lines if line["type"] == "check"}
    assert outcomes == dict.fromkeys(CHECKS, "passed")
    ready = {line["component"] for line in lines if line.get("phase") == "ready"}
    assert ready == {"data", "scheduler", "worker", "notebook"}
    again = [json.loads(line) for line in arl.done("all-up", *UP, "--json").splitlines()]
    assert {line["action"] for line in again if line["type"] == "object"} == {"unchanged"}


def test_the_images_content_is_known_to_the_node_so_it_is_loaded_once(
    arl: Person, dask_image: Made, sandboxes: Sandboxes
) -> None:
    assert {dask_image.reference.full, dask_image.by_content.full} <= set(sandboxes.images(NAME))


def test_the_image_runs_in_a_pod_of_its_own_that_is_gone_afterwards(arl: Person) -> None:
    assert arl.done("test-shell", "--", "python3", "-c", "print(6 * 7)").strip() == "42"
    assert not [name for name in arl.seen.pods() if name.startswith("test-arl")]


CLIENT = """
import sys
from distributed import Client
with Client(sys.argv[1], timeout=60) as client:
    parts = client.map(lambda n: n * n, range(1000), pure=False)
    print(client.submit(sum, parts).result(timeout=120), len(client.scheduler_info(n_workers=-1)["workers"]))
"""


def test_a_computation_from_this_machine_gives_the_right_number(arl: Person, packages: Path) -> None:
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


def test_a_notebook_finds_the_cluster_and_only_who_knows_the_password_runs_one(arl: Person) -> None:
    address = arl.forwarded("notebook", 8888)
    password = arl.secret("jupyter", "password")
    stranger = Jupyter(address)
    assert stranger.get("/api/kernels") == 403
    assert stranger.log_in("changeme") == 401
    assert stranger.get("/api/kernels") == 403
    person = Jupyter(address)
    assert person.log_in(password) == 200
    assert person.run(CELL) == "5050\n"


def test_the_notebook_in_the_image_computes_on_every_worker(arl: Person) -> None:
    file = CHECKOUT / "images/dask/files/arl/workflows/notebooks/imaging-pipelines.ipynb"
    cells = [cell for cell in json.loads(file.read_text())["cells"] if cell["cell_type"] == "code"]
    person = Jupyter(arl.forwarded("notebook", 8888))
    assert person.log_in(arl.secret("jupyter", "password")) == 200
    assert person.get("/api/contents/workflows/notebooks/imaging-pipelines.ipynb") == 200
    said = person.run("\n".join("".join(cell["source"]) for cell in cells))
    assert said == f"π is about 3.141593\n{WORKERS} of {WORKERS} workers took part\n"


def test_the_password_is_in_no_processs_arguments_and_in_no_kernels_environment(arl: Person) -> None:
    password = arl.secret("jupyter", "password")
    look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"
    seen = arl.done("exec", "notebook", "--", "sh", "-c", look)
    assert "jupyter" in seen
    assert password not in seen


# Change and trouble


def counted(arl: Person) -> Callable[[], bool]:
    """Whether every check passes: the scheduler counts as many workers as the Deployment wants."""
    return arl.checks_pass


def test_the_scheduler_counts_the_workers_that_scale_asks_for(arl: Person) -> None:
    arl.done("scale", "worker", "4")
    assert arl.seen.get("Deployment/dask-worker")["spec"]["replicas"] == 4
    eventually(counted(arl), "the scheduler counts 4", within=PATIENCE)


def restarts(arl: Person, app: str) -> Sequence[int]:
    pods = arl.seen.items("Pod", f"app={app}")
    return [s.get("restartCount", 0) for pod in pods for s in pod["status"].get("containerStatuses") or ()]


def test_a_killed_scheduler_heals_and_gets_its_workers_back(arl: Person) -> None:
    assert restarts(arl, "dask-scheduler") == [0]
    arl.run("exec", "scheduler", "--", "sh", "-c", "kill 1")
    eventually(lambda: restarts(arl, "dask-scheduler") == [1], "a restart", within=PATIENCE)
    arl.done("wait", "--timeout", "240")
    eventually(counted(arl), "all workers are back", within=PATIENCE)


def test_down_is_clean_and_purge_leaves_nothing(arl: Person) -> None:
    lines = [json.loads(line) for line in arl.done("all-down", "--json").splitlines()]
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
