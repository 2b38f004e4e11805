"""Cytomine on a real control plane with simulated nodes: what needs no process is proven here."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from allup import Platform
from allup.daily.rotation import plan_rotation, write_rotation
from allup.errors import AllupError, InputError
from allup.model import labels
from allup.run.progress import Action, CheckOutcome, Phase
from allup.sandbox import SandboxStatus
from k8s.cytomine import platform as module
from k8s.cytomine.platform import platform
from k8s.cytomine.settings import Settings
from tests.cluster.platforms_for_tests import Instance, Told, eventually, obj, unique_name

pytestmark = pytest.mark.cluster

CHECKOUT = Path(__file__).parents[2]
FOLDER = Path(module.__file__).parent
WORKLOADS = {
    *("memcached", "rabbitmq", "postgis", "mongodb", "bioformat", "iip-official", "iip-cyto", "core", "ims"),
    *("web-ui", "nginx"),
}
DATA = {
    *("cytomine-image-claim", "cytomine-temp-image-claim", "cytomine-singularity-claim"),
    *("cytomine-postgres-claim", "cytomine-mongodb-claim", "cytomine-rabbitmq-claim"),
}
KEYS = {"cytomine-secrets", "cytomine-api-keys", "cytomine-database", "cytomine-rabbitmq"}


class Cytomine(Instance):
    """An instance whose platform is the real one, with settings."""

    def define(self, **settings: Any) -> Platform:
        known = replace(Settings(), instance=self.name, namespace=self.namespace, **settings)
        return replace(platform(known), collection="cytomine")

    def bring_up(self, only: str = "", **settings: Any) -> Told:
        told = self.up(platform=self.define(**settings), timeout=180.0, only=(only,) if only else ())
        assert told.outcome == "done", told.notes
        return told

    def take_down(self, **options: Any) -> Told:
        told = self.down(platform=self.define(), timeout=180.0, **options)
        assert told.outcome == "done", told.notes
        return told

    def parts(self) -> dict[str, frozenset[str]]:
        """The uids of the pods of each part."""
        found: dict[str, set[str]] = {}
        for pod in self.items("Pod"):
            if not pod["metadata"].get("deletionTimestamp"):
                part = pod["metadata"]["labels"][labels.COMPONENT]
                found.setdefault(part, set()).add(pod["metadata"]["uid"])
        return {part: frozenset(uids) for part, uids in found.items()}

    def rolled(self, before: Mapping[str, frozenset[str]]) -> set[str]:
        """The parts that have not the pods they had; once old pods are gone."""
        eventually(lambda: all(len(uids) == 1 for uids in self.parts().values()), "old pods to be gone")
        now = self.parts()
        return {part for part in {*before, *now} if before.get(part) != now.get(part)}

    def secret(self, name: str) -> dict[str, str]:
        data = self.get(f"Secret/{name}")["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def names(self, kind: str) -> set[str]:
        return {item["metadata"]["name"] for item in self.items(kind)}

    def config(self, name: str, key: str) -> str:
        return str(self.get(f"ConfigMap/{name}")["data"][key])


@pytest.fixture
def cytomine(sandbox: SandboxStatus) -> Iterator[Cytomine]:
    ours = Cytomine(sandbox.kubeconfig, sandbox.context, unique_name(), FOLDER)
    try:
        yield ours
    finally:
        ours.discard()


@pytest.fixture
def controller(sandbox: SandboxStatus, tmp_path: Path) -> Iterator[str]:
    """The namespace and Service of what stands for an Ingress controller."""
    other = Instance(sandbox.kubeconfig, sandbox.context, unique_name(), tmp_path)
    other.create_namespace()
    other.create(obj("Service", "controller", spec={"ports": [{"port": 80}], "selector": {"app": "none"}}))
    try:
        yield f"{other.namespace}/controller"
    finally:
        other.discard()


def test_it_comes_up_in_order_stays_changes_only_what_it_must_and_goes_down(
    cytomine: Cytomine, controller: str
) -> None:
    # Nothing is there, and a plan leaves it so.
    plan = cytomine.plan(platform=cytomine.define())
    assert {entry.action for entry in plan.entries} == {"create"}
    assert any("Unless cytomine.test resolves inside the cluster" in said for said in plan.warnings)
    assert cytomine.left() == set()

    first = cytomine.bring_up(ingress_controller=controller)
    assert set(first.phases.values()) == {Phase.READY}
    assert "Unless cytomine.test resolves" not in first.notes
    assert set(cytomine.parts()) == WORKLOADS
    outcomes = {check.outcome for part in first.finished.components for check in part.checks}
    assert outcomes == {CheckOutcome.SKIPPED}
    for one, other in (
        *(("keys", "postgis"), ("postgis", "core"), ("mongodb", "core"), ("rabbitmq", "core")),
        *(("core", "ims"), ("bioformat", "ims"), ("ims", "nginx"), ("web-ui", "nginx"), ("nginx", "ingress")),
    ):
        assert first.at(one, Phase.READY) < first.at(other, Phase.APPLYING), (one, other)
    alias = cytomine.get("Deployment/cytomine-core")["spec"]["template"]["spec"]["hostAliases"]
    assert [entry["hostnames"] for entry in alias] == [["cytomine.test"]]

    before = cytomine.settled()
    assert set(cytomine.bring_up(ingress_controller=controller).did().values()) == {Action.UNCHANGED}
    assert cytomine.settled() == before

    # One part down and up: its data and the others stay.
    pods = cytomine.parts()
    with pytest.raises(InputError, match="is used by core, ims, nginx, ingress"):
        cytomine.down(platform=cytomine.define(), only=("mongodb",))
    cytomine.take_down(only=("bioformat",), cascade=True)
    assert "Deployment/cytomine-bioformat" not in cytomine.versions()
    cytomine.bring_up(ingress_controller=controller)
    assert pods["postgis"] == cytomine.parts()["postgis"]

    # What a setting is about is rolled, and nothing else.
    pods = cytomine.parts()
    told = cytomine.bring_up(ingress_controller=controller, smtp_host="mail.example.org")
    assert set(told.did(Action.CHANGED)) == {"Secret/cytomine-core-config", "Deployment/cytomine-core"}
    assert cytomine.rolled(pods) == {"core"}
    same = {"ingress_controller": controller, "smtp_host": "mail.example.org"}
    pods = cytomine.parts()
    cytomine.bring_up(**same, server_name="slides.example.org")
    assert cytomine.rolled(pods) == {"core", "ims", "web-ui", "nginx"}
    pods = cytomine.parts()
    cytomine.bring_up(**same, server_name="slides.example.org", rabbitmq_mem_limit="768Mi")
    assert cytomine.rolled(pods) == {"rabbitmq"}

    # Down: data and keys stay together; then nothing stays.
    kept = cytomine.take_down().kept
    assert {name for name in kept if not name.startswith("Namespace/")} == {
        *(f"PersistentVolumeClaim/{name}" for name in DATA),
        *(f"Secret/{name}" for name in KEYS),
    }
    cytomine.take_down(purge=True)
    assert cytomine.find(f"Namespace/{cytomine.namespace}") is None


def test_what_is_not_deployed_has_no_route_no_service_and_keeps_its_data(cytomine: Cytomine) -> None:
    cytomine.bring_up(front="ingress")
    paths = cytomine.get("Ingress/cytomine")["spec"]["rules"][0]["http"]["paths"]
    assert {"/upload", "/image", "/api", "/"} <= {one["path"] for one in paths}
    assert "cytomine-ims:8081" in cytomine.config("cytomine-nginx-config", "nginx.conf")

    left_out: dict[str, Any] = dict.fromkeys(
        ("deploy_ims", "deploy_bioformat", "deploy_iip_official", "deploy_iip_cyto", "deploy_rabbitmq"), False
    )
    told = cytomine.bring_up(front="ingress", **left_out)
    assert "core does not start without rabbitmq" in told.notes
    gone = {
        "cytomine-ims",
        "cytomine-bioformat",
        "cytomine-iip-official",
        "cytomine-iip-cyto",
        "cytomine-rabbitmq",
    }
    assert not gone & (
        cytomine.names("Service") | cytomine.names("Deployment") | cytomine.names("StatefulSet")
    )
    paths = cytomine.get("Ingress/cytomine")["spec"]["rules"][0]["http"]["paths"]
    assert not {"/upload", "/image"} & {one["path"] for one in paths}
    assert "cytomine-ims" not in cytomine.config("cytomine-nginx-config", "nginx.conf")
    assert "iip" not in cytomine.config("cytomine-nginx-config", "nginx.conf")
    assert cytomine.names("PersistentVolumeClaim") == DATA  # the images are nobody's now, and stay

    back = cytomine.bring_up()
    assert back.did()["PersistentVolumeClaim/cytomine-image-claim"] is not Action.CREATED
    assert gone <= cytomine.names("Service")

    cytomine.take_down(purge=True)
    cytomine.bring_up(front="ingress", deploy_nginx=False, **left_out)
    assert cytomine.names("PersistentVolumeClaim") == DATA - {
        *("cytomine-image-claim", "cytomine-temp-image-claim", "cytomine-rabbitmq-claim")
    }


def test_keys_are_made_once_and_a_database_made_with_others_is_refused(cytomine: Cytomine) -> None:
    cytomine.bring_up(only="keys")
    made = {name: cytomine.secret(name) for name in KEYS}
    values = [value for keys in made.values() for value in keys.values()]
    assert len(set(values)) == len(values) == 12
    assert all(len(value) >= 32 for value in values)

    # A key that is lost while no database knows it is made anew, that one alone.
    cytomine.patch("Secret/cytomine-secrets", {"data": {"SERVER_ID": None}})
    cytomine.bring_up()
    now = cytomine.secret("cytomine-secrets")
    assert {k for k, v in now.items() if v != made["cytomine-secrets"][k]} == {"SERVER_ID"}
    core = base64.b64decode(cytomine.get("Secret/cytomine-core-config")["data"]["cytomineconfig.groovy"])
    for value in (*now.values(), *made["cytomine-api-keys"].values(), made["cytomine-database"]["password"]):
        assert value in core.decode()

    # Nowhere but in Secrets.
    for kind in (
        "ConfigMap",
        "Deployment",
        "StatefulSet",
        "Pod",
        "Service",
        "Ingress",
        "PersistentVolumeClaim",
    ):
        text = json.dumps(cytomine.items(kind))
        assert not [v for v in (*now.values(), *values) if v in text], kind
    metadata = json.dumps([one["metadata"] for one in cytomine.items("Secret")])
    assert not [v for v in (*now.values(), *values) if v in metadata]

    # What core writes anew at every start may be rotated: pods roll, and no data is concerned.
    pods = cytomine.parts()
    assert rotate(cytomine, "cytomine-api-keys") == ({"cytomine-core", "cytomine-ims"}, set())
    cytomine.bring_up()
    assert cytomine.rolled(pods) == {"core", "ims"}
    assert cytomine.secret("cytomine-api-keys").keys() == made["cytomine-api-keys"].keys()
    assert not set(cytomine.secret("cytomine-api-keys").values()) & set(values)
    pods = cytomine.parts()
    assert rotate(cytomine, "cytomine-database") == ({"cytomine-core", "cytomine-postgis"}, set())
    cytomine.bring_up()
    assert cytomine.rolled(pods) == {"core", "postgis"}

    # Rotation of what the database keeps is warned of, and the claim is named.
    loaded = cytomine.load(cytomine.define())
    rotation = plan_rotation(cytomine.session(), loaded, "cytomine-secrets", cytomine.given())
    assert "nobody gets in with the new" in rotation.breaks
    assert {ref.name for ref in rotation.claims} == {"cytomine-postgres-claim"}

    # The Secret is lost and the database is not: refused before anything is touched, as a plan says too.
    cytomine.take_down()
    cytomine.delete("Secret/cytomine-secrets")
    for attempt in (cytomine.bring_up, lambda: cytomine.plan(platform=cytomine.define())):
        with pytest.raises(AllupError, match="made with other values than Secret cytomine-secrets has now"):
            attempt()
    assert "cytomine-secrets" not in cytomine.names("Secret")
    # The way out: the values that the database knows.
    cytomine.environ |= {f"CYTOMINE_{name}": value for name, value in now.items()}
    cytomine.bring_up()
    assert cytomine.secret("cytomine-secrets") == now


def rotate(cytomine: Cytomine, name: str) -> tuple[set[str], set[str]]:
    """Rotates a Secret; the workloads that roll, and the claims whose data is meant."""
    session, loaded = cytomine.session(), cytomine.load(cytomine.define())
    rotation = plan_rotation(session, loaded, name, cytomine.given())
    assert rotation.breaks
    write_rotation(session, loaded, rotation, 5.0)
    return {ref.name for ref in rotation.rolls}, {ref.name for ref in rotation.claims}


def test_the_charts_values_file_brings_it_up_as_a_person_asks_for_it(
    cytomine: Cytomine, sandbox_environ: dict[str, str], tmp_path: Path
) -> None:
    values = {
        "serverName": "slides.example.org",
        "postgresStorage": "5Gi",
        "emailSender": "me@example.org",
        "smtpPass": "canary-smtp-password",
        "core": {"port": 8001, "adminPassword": "canary-admin-password", "imsPrivKey": "canary-ims-private"},
        "bioformat": {"deploy": False},
    }
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values, sort_keys=False))

    here = ("--context", cytomine.context, "--instance", cytomine.name)

    def inv(task: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("inv"), f"cytomine.{task}", *words, *here],
            cwd=CHECKOUT,
            env=sandbox_environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    slip = tmp_path / "slip.yaml"
    slip.write_text("serverNme: x\n")
    ended = inv("all-up", "--values", str(slip))
    assert (ended.returncode, "did you mean 'serverName'" in ended.stderr) == (2, True)

    ended = inv("all-up", "--values", str(file))
    assert ended.returncode == 0, ended.stderr
    assert "not used: core.port. Ports inside the cluster are fixed" in ended.stderr
    assert "canary" not in ended.stdout + ended.stderr
    assert cytomine.secret("cytomine-secrets")["ADMIN_PASSWORD"] == "canary-admin-password"
    assert cytomine.secret("cytomine-api-keys")["IMAGE_SERVER_PRIVATE_KEY"] == "canary-ims-private"
    assert cytomine.secret("cytomine-mail")["password"] == "canary-smtp-password"
    claim = cytomine.get("PersistentVolumeClaim/cytomine-postgres-claim")
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"
    assert "cytomine-bioformat" not in cytomine.names("Deployment")
    for kind in ("ConfigMap", "Deployment", "StatefulSet", "Ingress"):
        assert "canary" not in json.dumps(cytomine.items(kind))
    assert (
        inv("secrets", "cytomine-secrets", "--reveal", "ADMIN_PASSWORD").stdout.strip()
        == "canary-admin-password"
    )
