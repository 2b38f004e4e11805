"""REANA on a real node as its manifests have it, in images made here: PostgreSQL, Redis, RabbitMQ are real;
server and controller a stand-in (images/reana) that starts, answers and reads variables as REANA's do.

Only the image settings are other ones than REANA's: probes, commands, users and claims are the manifests'.
The tests follow one installation through its life, in the order they are written.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from allup.sandbox import Sandboxes, SandboxStatus
from tests.cluster.platforms_for_tests import Instance
from tests.conftest import CHECKOUT
from tests.nodes.amqp_login import logs_in
from tests.nodes.installed import Installed, own_image
from tests.nodes.node_for_tests import NAME

# Restarts of an Erlang on a busy machine: minutes. What hangs is ended by the commands' own timeouts.
pytestmark = [pytest.mark.nodes, pytest.mark.timeout(900)]

DATA = ("db", "cache", "message-broker")
IMAGES = {
    "db": "postgres",
    "cache": "redis",
    "message_broker": "rabbitmq",
    "server": "reana",
    "workflow_controller": "reana",
}
SLOW = "500"
INV = str(Path(sys.executable).with_name("inv"))


class Reana(Installed):
    """The installation, and what is asked in its pods."""

    def up(self) -> list[dict[str, Any]]:
        """What an up says, a line each."""
        return self.told("all-up", "--timeout", SLOW)

    def shell(self, component: str, script: str) -> subprocess.CompletedProcess[str]:
        return self.run("exec", component, "--", "sh", "-c", script)

    def said(self, component: str, script: str) -> str:
        """What a script prints in the component's pod."""
        ended = self.shell(component, script)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout.strip()

    def sql(self, statement: str) -> str:
        connect = 'PGPASSWORD="$POSTGRES_PASSWORD" psql -h "$POD_IP" -U reana -d reana -tAc'
        return self.said("db", f'{connect} "{statement}"')


@pytest.fixture(scope="module")
def reana(
    node: SandboxStatus,
    sandboxes: Sandboxes,
    sandbox_environ: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Reana]:
    environ = dict(sandbox_environ)
    settings = []
    for component, name in IMAGES.items():
        made = own_image(name, sandbox_environ)
        if made.reference.full not in sandboxes.images(NAME):
            sandboxes.load_image(NAME, made.file)
        settings.append(f"  {component}_image: {made.reference.full}")
    folder = tmp_path_factory.mktemp("reana")
    (folder / "settings.yaml").write_text("\n".join(("reana:", "  broker_login: generated", *settings, "")))
    environ["INVOKE_RUNTIME_CONFIG"] = str(folder / "settings.yaml")
    seen = Instance(node.kubeconfig, node.context, "reana", folder)
    seen.namespace = "default"
    ours = Reana("reana", environ, node.context, seen)
    try:
        yield ours
    finally:
        ours.run("forward", "--stop", "all")
        ours.run("all-down", "--purge", "--yes", "--force")


def test_everything_becomes_ready_by_its_own_probes_and_every_check_passes(reana: Reana) -> None:
    lines = reana.up()
    ready = {line["component"] for line in lines if line.get("phase") == "ready"}
    assert ready == {"accounts", "network", "workspaces", *DATA, "server", "workflow-controller"}
    outcomes = {line["check"]: line["outcome"] for line in lines if line["type"] == "check"}
    assert outcomes == dict.fromkeys(
        (
            "the password opens the database",
            "no other password opens the database",
            "the cache answers",
            "no other password opens the cache",
            "the broker answers",
            "the server answers",
            "the controller answers",
        ),
        "passed",
    )
    assert "mismatch" not in reana.done("verify")


def reached(reana: Reana, component: str, *names: str) -> dict[str, object]:
    """What the stand-in in that component reaches (images/reana/files/usr/local/lib/reana/reached.py)."""
    words = ", ".join(f"'{name}'" for name in names)
    said = reana.said(component, f'python3 -c "import reached; print(reached.all_of({words}))"')
    found: dict[str, object] = json.loads(said)
    return found


def test_server_and_controller_reach_what_their_variables_name_and_no_more_than_they_may(
    reana: Reana,
) -> None:
    names = ("database", "broker", "workspace")
    server = reached(reana, "server", *names, "cache", "controller")
    controller = reached(reana, "workflow-controller", *names)
    rights = server.pop("api"), controller.pop("api")
    assert server == dict.fromkeys((*names, "cache", "controller"), "yes")
    assert controller == dict.fromkeys(names, "yes")
    assert rights == (
        {"nodes": 200, "jobs": 200, "secrets": 200, "all secrets": 403, "pods": 403},
        {"nodes": 403, "jobs": 200, "secrets": 200, "all secrets": 403, "pods": 200},
    )


def test_the_administrators_token_is_found_where_it_is_and_printed_nowhere_else(reana: Reana) -> None:
    token = reana.done("admin-token").strip()
    assert len(token) == 43
    log = reana.said("server", "cat /var/log/reana-server-init-output.log")
    assert token in log  # there the server's setup writes it
    for said in (reana.done("setup-log"), reana.done("logs", "server"), reana.done("env")):
        assert token not in said
    reana.forwarded("server", 80)
    script = (
        f'eval "$(inv reana.env --context {reana.context})"; echo "$REANA_SERVER_URL $REANA_ACCESS_TOKEN"'
    )
    shell = subprocess.run(
        ["sh", "-c", script],
        cwd=CHECKOUT,
        env={**reana.environ, "PATH": f"{Path(INV).parent}:{reana.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    url, got = shell.stdout.split()
    assert got == token
    assert url.startswith("http://127.0.0.1:")


def test_none_of_them_is_root_where_it_need_not_be(reana: Reana) -> None:
    assert reana.said("db", "id -u") == "999"
    assert reana.said("cache", "id -u") == "999"
    # The broker's container starts as root; the server in it does not stay so.
    look = "grep -h ^Uid: $(grep -l beam.smp /proc/[0-9]*/comm | sed 's/comm$/status/') | cut -f 2 | sort -u"
    assert reana.said("message-broker", look) == "999"


def test_a_wrong_password_is_refused_by_each_of_them(reana: Reana) -> None:
    wrong = reana.shell("db", 'PGPASSWORD=wrong psql -h "$POD_IP" -U reana -d reana -c "select 1"')
    assert wrong.returncode != 0
    assert "password authentication failed" in wrong.stdout + wrong.stderr
    assert "PONG" not in reana.shell("cache", "REDISCLI_AUTH=wrong redis-cli ping").stdout
    assert "NOAUTH" in reana.shell("cache", "env -u REDISCLI_AUTH redis-cli ping").stdout
    password = reana.done("secrets", "reana-message-broker-secrets", "--reveal", "password").strip()
    address = reana.forwarded("message-broker", 5672)
    assert logs_in(address, "test", password)
    assert not logs_in(address, "test", "1234")
    assert not logs_in(address, "guest", "guest")


def test_no_password_is_in_any_processs_arguments(reana: Reana) -> None:
    for secret, component in (
        ("reana-db-secrets", "db"),
        ("reana-cache-secrets", "cache"),
        ("reana-message-broker-secrets", "message-broker"),
    ):
        password = reana.done("secrets", secret, "--reveal", "password").strip()
        seen = reana.said(component, "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")
        assert seen
        assert password not in seen


def fill(reana: Reana) -> None:
    reana.sql("create table kept (n int); insert into kept values (42)")
    reana.said("cache", "redis-cli set kept 42")
    reana.said("message-broker", "rabbitmqctl -q add_vhost kept")


def kept(reana: Reana) -> bool:
    """Whether all three have what was stored."""
    return (
        reana.sql("select n from kept") == "42"
        and reana.said("cache", "redis-cli get kept") == "42"
        and "kept" in reana.said("message-broker", "rabbitmqctl -q list_vhosts").split()
    )


def test_data_survives_a_restart_of_every_pod(reana: Reana) -> None:
    fill(reana)
    pods = uids(reana)
    for component in DATA:
        reana.done("restart", component, "--timeout", SLOW)
    now = uids(reana)
    assert {name for name in pods if pods[name] != now.get(name)} == {f"{component}-0" for component in DATA}
    assert kept(reana)


def uids(reana: Reana) -> dict[str, str]:
    """The pods that are there, by name."""
    found = reana.seen.items("Pod", f"app.kubernetes.io/instance={reana.seen.name}")
    return {p["metadata"]["name"]: p["metadata"]["uid"] for p in found}


CLUSTER_FILE = """\
cluster: {{type: kubernetes, version: v1.16.3, debug: true}}
components:
  reana-workflow-controller: {{image: local/reana:1}}
  reana-server:
    image: local/reana:1
    mountpoints: [{{type: hostPath, name: server-code, path: "{sources}:/code"}}]
  reana-message-broker: {{image: local/rabbitmq:3.10}}
"""


def test_sources_that_the_node_does_not_have_are_missed_before_anything_mounts_them(
    reana: Reana, tmp_path: Path
) -> None:
    sources = tmp_path / "code" / "reana-server"
    file = tmp_path / "reana-cluster.yaml"
    file.write_text(CLUSTER_FILE.format(sources=sources))

    def asked() -> subprocess.CompletedProcess[str]:
        return reana.run("sources-up", "--cluster-file", str(file), "--timeout", "200")

    for _ in range(2):  # missing at first; then empty, and asked again
        told = asked()
        assert told.returncode == 1
        assert f"{sources} is empty on the node: the sources are not mounted there" in told.stdout
    (sources / "setup.py").touch()
    assert asked().returncode == 0
    assert "pruned" in {line["action"] for line in reana.up() if line["type"] == "object"}  # nobody asks now


def test_data_survives_a_stop_and_a_start_of_the_cluster(reana: Reana, sandboxes: Sandboxes) -> None:
    reana.run("forward", "--stop", "all")
    sandboxes.down(NAME)
    sandboxes.up(NAME, real=True)
    # An up waits until every check passes. Nothing was made anew: the same passwords open the same data.
    assert {line["action"] for line in reana.up() if line["type"] == "object"} == {"unchanged"}
    assert kept(reana)


def test_down_keeps_the_data_for_the_next_up_and_purge_takes_it(reana: Reana) -> None:
    reana.done("all-down")
    assert uids(reana) == {}
    reana.up()
    assert kept(reana)
    reana.done("all-down", "--purge", "--yes")
    assert not reana.seen.items("PersistentVolumeClaim", f"app.kubernetes.io/instance={reana.seen.name}")
