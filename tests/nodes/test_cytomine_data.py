"""Cytomine's PostgreSQL, RabbitMQ and memcached in real containers of Debian's packages.

The images have the official ones' interface, so the settings that name an image and its user differ, and
postgis_style. Cytomine's own images are not run here. The tests follow one installation through its life, in
the order they are written.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from allup.cluster import streams
from allup.cluster.streams import CommandResult
from allup.sandbox import Sandboxes, SandboxStatus
from tests.cluster.platforms_for_tests import Instance, eventually
from tests.nodes.installed import Installed, own_image
from tests.nodes.node_for_tests import NAME

pytestmark = pytest.mark.nodes

IMAGES = {"postgis": "postgres", "rabbitmq": "rabbitmq", "memcached": "memcached"}
UIDS = {"postgis": 999, "rabbitmq": 999, "memcached": 11211}
PARTS = ",".join(IMAGES)
CHECKS = {"PostgreSQL lets core's user in", "the broker's port is open", "the cache's port is open"}
SLOW = 240.0  # an Erlang machine on two busy cores


@dataclass(frozen=True)
class Data(Installed):
    """Brought up with *flags*."""

    flags: tuple[str, ...]

    def up(self) -> list[dict[str, Any]]:
        """Brings the three up; what it told."""
        return self.told("all-up", *self.flags, "--only", PARTS)

    def execute(self, pod: str, *command: str, container: str = "") -> CommandResult:
        api, namespace = self.seen.outside.api, self.seen.namespace
        return streams.execute(api, namespace, pod, list(command), container=container, timeout=120)

    def password(self, name: str) -> str:
        return base64.b64decode(self.seen.get(f"Secret/{name}")["data"]["password"]).decode()

    def sql(self, statement: str, password: str) -> CommandResult:
        """A statement over the network, with that password."""
        script = 'PGPASSWORD="$1" psql -h "$POD_IP" -U docker -d docker -v ON_ERROR_STOP=1 -Atc "$2"'
        return self.execute("cytomine-postgis-0", "sh", "-c", script, "sh", password, statement)

    def broker(self, *command: str) -> CommandResult:
        return self.execute("cytomine-rabbitmq-0", "rabbitmqctl", "-q", *command)

    def pod_uid(self, name: str) -> str:
        found = self.seen.find(f"Pod/{name}")
        return str(found["metadata"]["uid"]) if found else ""

    def another(self, name: str, before: str) -> None:
        """Waits until a pod of that name is ready that is not the one *before*."""

        def ready() -> bool:
            found = self.seen.find(f"Pod/{name}") or {}
            states = found.get("status", {}).get("containerStatuses") or ()
            return self.pod_uid(name) not in ("", before) and bool(states) and all(s["ready"] for s in states)

        eventually(ready, f"another {name}", within=SLOW, every=1)


@pytest.fixture(scope="module")
def data(
    node: SandboxStatus,
    sandboxes: Sandboxes,
    sandbox_environ: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Data]:
    flags = ["--postgis-style", "official", "--postgis-extensions", "ltree"]
    for part, name in IMAGES.items():
        made = own_image(name, sandbox_environ)
        sandboxes.load_image(NAME, made.file)
        flags += [f"--{part}-image", made.reference.full, f"--{part}-uid", str(UIDS[part])]
        flags += [f"--{part}-cpu", "20m"]
    folder = tmp_path_factory.mktemp("cytomine")
    seen = Instance(node.kubeconfig, node.context, f"cytomine{os.getpid()}", folder)
    try:
        yield Data("cytomine", sandbox_environ, node.context, seen, tuple(flags))
    finally:
        seen.discard()


def test_they_become_ready_by_their_probes_and_a_second_run_changes_nothing(data: Data) -> None:
    lines = data.up()
    outcomes = {line["check"]: line["outcome"] for line in lines if line["type"] == "check"}
    assert outcomes == dict.fromkeys(CHECKS, "passed")
    assert {line["action"] for line in data.up() if line["type"] == "object"} == {"unchanged"}


def test_the_right_password_gets_in_and_a_wrong_one_does_not(data: Data) -> None:
    right = data.sql(
        "SELECT extname FROM pg_extension WHERE extname = 'ltree'", data.password("cytomine-database")
    )
    assert (right.exit_code, right.stdout.strip()) == (0, "ltree"), right.stderr
    for wrong in ("docker", "router", "x"):
        refused = data.sql("SELECT 1", wrong)
        assert refused.exit_code != 0
        assert "password authentication failed" in refused.stderr
    assert data.broker("authenticate_user", "router", data.password("cytomine-rabbitmq")).exit_code == 0
    for user, password in (("router", "router"), ("guest", "guest")):
        assert data.broker("authenticate_user", user, password).exit_code != 0


def test_no_password_is_in_an_argument_list_or_a_log(data: Data) -> None:
    passwords = (data.password("cytomine-database"), data.password("cytomine-rabbitmq"))
    for pod in ("cytomine-postgis-0", "cytomine-rabbitmq-0"):
        arguments = data.execute(pod, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout
        assert arguments
        assert not [word for word in passwords if word in arguments], pod
    for part in ("postgis", "rabbitmq"):
        log = data.done("logs", part)
        assert not [word for word in passwords if word in log], part


def test_data_survives_pods_that_are_killed(data: Data) -> None:
    password = data.password("cytomine-database")
    made = data.sql("CREATE TABLE slides (name text); INSERT INTO slides VALUES ('one')", password)
    assert made.exit_code == 0, made.stderr
    declared = data.broker(
        "eval",
        'rabbit_amqqueue:declare(rabbit_misc:r(<<"/">>, queue, <<"jobs">>), true, false, [], none, <<"x">>).',
    )
    assert declared.exit_code == 0, declared.stderr
    for name in ("cytomine-postgis-0", "cytomine-rabbitmq-0"):
        before = data.pod_uid(name)
        api, namespace = data.seen.outside.api, data.seen.namespace
        path = f"/api/v1/namespaces/{namespace}/pods/{name}"
        api.request("DELETE", path, [("gracePeriodSeconds", "0")])
        data.another(name, before)
    assert data.sql("SELECT name FROM slides", password).stdout.strip() == "one"
    assert "jobs" in data.broker("list_queues", "name", "durable").stdout
    assert "true" in data.broker("list_queues", "name", "durable").stdout


def test_a_rotated_database_password_is_the_only_one_that_gets_in(data: Data) -> None:
    old = data.password("cytomine-database")
    data.done("rotate", "cytomine-database", "--yes")
    new = data.password("cytomine-database")
    assert new != old
    eventually(lambda: data.sql("SELECT 1", new).exit_code == 0, "the new password", within=SLOW, every=1)
    assert "password authentication failed" in data.sql("SELECT 1", old).stderr
    assert data.sql("SELECT name FROM slides", new).stdout.strip() == "one"


def test_it_goes_down_keeps_its_data_and_finds_them_again(data: Data) -> None:
    data.done("all-down", "--yes")
    assert data.seen.items("Pod") == []
    data.up()
    assert data.sql("SELECT name FROM slides", data.password("cytomine-database")).stdout.strip() == "one"
    data.done("all-down", "--purge", "--yes")
