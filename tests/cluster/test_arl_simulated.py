"""ARL on a real control plane with simulated nodes: what needs no process is proven here."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from allup import Platform
from allup.daily.rollout import Rollout, scaling
from allup.errors import InputError
from allup.run.options import RunOptions
from allup.run.progress import Action, CheckOutcome, Phase
from allup.run.seeing import Sight
from allup.sandbox import SandboxStatus
from k8s.arl import platform as module
from k8s.arl.platform import platform
from k8s.arl.settings import Settings
from tests.cluster.platforms_for_tests import Instance, Recorder, Told, unique_name

pytestmark = pytest.mark.cluster


CHECKOUT = Path(__file__).parents[2]


class Arl(Instance):
    """An instance whose platform is the real one, with settings."""

    def define(self, **settings: Any) -> Platform:
        known = replace(Settings(), instance=self.name, namespace=self.namespace, **settings)
        return replace(platform(known), collection="arl")

    def bring_up(self, **settings: Any) -> Told:
        return self.up(platform=self.define(**settings), timeout=120.0)

    def take_down(self, **options: Any) -> Told:
        return self.down(platform=self.define(), timeout=120.0, **options)

    def workers(self) -> int:
        return int(self.get("Deployment/dask-worker")["spec"]["replicas"])


@pytest.fixture
def arls(sandbox: SandboxStatus) -> Iterator[tuple[Arl, Arl]]:
    folder = Path(module.__file__).parent
    both = tuple(Arl(sandbox.kubeconfig, sandbox.context, unique_name(), folder) for _ in range(2))
    try:
        yield both[0], both[1]
    finally:
        for one in both:
            one.discard()


def test_two_instances_come_up_stay_scale_and_go_down_each_by_itself(arls: tuple[Arl, Arl]) -> None:
    one, two = arls
    first = one.bring_up(worker_replicas=2)
    assert first.outcome == "done"
    assert set(first.phases.values()) == {Phase.READY}
    checks = {check.check: check.outcome for part in first.finished.components for check in part.checks}
    assert set(checks) == {
        "Dask's scheduler answers",
        "the scheduler counts every worker",
        "Jupyter answers",
        "nobody gets in without the password",
    }
    assert set(checks.values()) == {CheckOutcome.SKIPPED}
    assert set(one.bring_up(worker_replicas=2).did().values()) == {Action.UNCHANGED}

    # A second one beside it, with a volume of its own; the first is not touched.
    before = one.versions()
    assert two.bring_up(nfs_server="192.0.2.7").outcome == "done"
    assert one.versions() == before
    assert two.get(f"PersistentVolume/{two.name}-data")["spec"]["nfs"]["server"] == "192.0.2.7"

    session = one.session()
    sight = Sight(session, one.define(worker_replicas=2), frozenset())
    change, now, set_back = scaling(sight, "worker", 4)
    assert (now, set_back) == (2, True)
    rollout = Rollout(session, one.define(), "worker", "scale", [change], RunOptions(timeout=60), Recorder())
    assert rollout.run().outcome == "done"
    assert one.workers() == 4
    assert one.bring_up(worker_replicas=2).did(Action.CHANGED) == {"Deployment/dask-worker": Action.CHANGED}
    assert one.workers() == 2

    down = two.take_down()
    assert down.outcome == "done"
    assert {name for name in down.kept if not name.startswith("Namespace/")} == {
        "PersistentVolumeClaim/arl-data",
        f"PersistentVolume/{two.name}-data",
        "Secret/jupyter",
    }
    assert len(one.pods()) == 4
    for arl in (one, two):
        assert arl.take_down(purge=True).outcome == "done"
        assert arl.find(f"Namespace/{arl.namespace}") is None


def test_the_password_is_hashed_kept_and_refused_when_everybody_knows_it(
    arls: tuple[Arl, Arl],
) -> None:
    arl, _ = arls

    def data(name: str) -> dict[str, str]:
        found = arl.get(f"Secret/{name}")["data"]
        return {key: base64.b64decode(value).decode() for key, value in found.items()}

    assert arl.bring_up().outcome == "done"
    password = data("jupyter")["password"]
    config = json.loads(data("jupyter-config")["jupyter_server_config.json"])
    kind, salt, digest = config["PasswordIdentityProvider"]["hashed_password"].split(":")
    assert kind == "sha256"
    assert digest == hashlib.sha256((password + salt).encode()).hexdigest()
    assert password not in json.dumps(config)
    assert set(arl.bring_up().did().values()) == {Action.UNCHANGED}  # the salt is the same again

    arl.environ["JUPYTER_PASSWORD"] = "changeme"
    assert arl.bring_up().outcome == "done"
    assert data("jupyter")["password"] == "changeme"
    arl.environ.clear()
    # Kept from before, it is refused as well once others can reach the notebook.
    with pytest.raises(InputError, match="'changeme', which is refused here"):
        arl.bring_up(service_type="NodePort")
    assert arl.get("Service/notebook")["spec"]["type"] == "ClusterIP"


def test_a_log_in_becomes_the_pull_secret_of_every_pod(
    arls: tuple[Arl, Arl],
) -> None:
    arl, _ = arls
    arl.environ["DOCKER_PASSWORD"] = "open-sesame"
    settings = {"docker_server": "registry.example.org", "docker_user": "me"}
    assert arl.bring_up(**settings).outcome == "done"
    secret = arl.get("Secret/arlregcred")
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    config = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))
    assert config["auths"]["registry.example.org"]["password"] == "open-sesame"
    for name in ("dask-scheduler", "dask-worker", "notebook"):
        pod = arl.get(f"Deployment/{name}")["spec"]["template"]["spec"]
        assert pod["imagePullSecrets"] == [{"name": "arlregcred"}]
    arl.environ.clear()
    assert set(arl.bring_up(**settings).did().values()) == {Action.UNCHANGED}
    with pytest.raises(InputError, match="DOCKER_PASSWORD is not set"):
        arl.bring_up(docker_server="other.example.org", docker_user="me")


def test_the_pull_secret_the_hosts_line_and_the_urls_as_a_person_asks_for_them(
    arls: tuple[Arl, Arl], sandbox_environ: dict[str, str]
) -> None:
    arl, _ = arls
    assert arl.bring_up(service_type="NodePort").outcome == "done"

    def inv(task: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("inv"), task, *words, "--context", arl.context],
            cwd=CHECKOUT,
            env={**sandbox_environ, **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    login = ("--server", "registry.example.org", "--user", "me", "--namespace", arl.namespace)
    made = inv("images.secret", *login, DOCKER_PASSWORD="open-sesame")
    assert (made.returncode, made.stdout) == (0, f"Secret/{arl.namespace}/arlregcred is created.\n"), (
        made.stderr
    )
    assert arl.get("Secret/arlregcred")["type"] == "kubernetes.io/dockerconfigjson"
    assert "unchanged" in inv("images.secret", *login, DOCKER_PASSWORD="open-sesame").stdout

    here = ("--instance", arl.name)
    assert re.fullmatch(r"[0-9.]+ arl\.local\n", inv("arl.localip", *here).stdout)
    urls = json.loads(inv("arl.urls", *here, "--json").stdout)["urls"]
    ways = {url["title"]: [way["text"] for way in url["ways"] if way["kind"] == "node port"] for url in urls}
    assert set(ways) == {"Notebook", "Imaging notebook", "Dask dashboard"}
    assert ways["Imaging notebook"][0].endswith("/notebooks/workflows/notebooks/imaging-pipelines.ipynb")
    assert ways["Dask dashboard"][0].endswith("/status")
    said = inv("arl.test-shell", *here, "--", "true").stdout
    assert "on a simulated node: no process is there" in said
