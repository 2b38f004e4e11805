"""Cytomine's pods: data, memory, probes, and what they may do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from allup import Quantity
from k8s.cytomine.platform import platform
from k8s.cytomine.settings import Settings
from tests.unit.platforms.cytomine_for_tests import Object, container, pod, refused, text, with_settings

# Databases and memory


def test_databases_are_stateful_sets_whose_claims_have_the_charts_names() -> None:
    found = with_settings()
    for name, claim in (
        ("cytomine-postgis", "cytomine-postgres-claim"),
        ("cytomine-mongodb", "cytomine-mongodb-claim"),
        ("cytomine-rabbitmq", "cytomine-rabbitmq-claim"),
    ):
        spec = found[f"StatefulSet/{name}"]["spec"]
        assert found[f"Service/{spec['serviceName']}"]["spec"]["clusterIP"] == "None"
        used = [
            v["persistentVolumeClaim"]["claimName"]
            for v in spec["template"]["spec"]["volumes"]
            if "persistentVolumeClaim" in v
        ]
        assert used == [claim]


def test_postgres_keeps_its_data_on_the_claim_whatever_its_configuration_says() -> None:
    server = container("cytomine-postgis")
    assert "data_directory=/postgres-data/main" in server["args"]
    assert "-D" not in server["args"]
    assert any(m["mountPath"] == "/postgres-data" for m in server["volumeMounts"])
    assert server["readinessProbe"]["exec"]["command"] == [
        *("pg_isready", "-h", "127.0.0.1", "-U", "docker", "-d", "docker")
    ]
    prepare = text("cytomine-postgis-scripts", "prepare.sh")
    assert 'cp -a "$from" "$data.new"' in prepare
    assert 'chmod 0700 "$data"' in prepare


def test_an_official_image_makes_its_own_database_with_the_extensions() -> None:
    (server,) = pod(with_settings(postgis_style="official", postgis_image="x/postgis:1"), "cytomine-postgis")[
        "containers"
    ]
    assert "command" not in server
    env = {e["name"]: e.get("value") for e in server["env"]}
    assert env["PGDATA"].startswith("/postgres-data/")
    assert env["POSTGRES_PASSWORD_FILE"] == "/run/cytomine-database/password"
    sql = text("cytomine-postgis-scripts", "extensions.sql", postgis_style="official")
    assert sql == "CREATE EXTENSION IF NOT EXISTS postgis;\nCREATE EXTENSION IF NOT EXISTS ltree;\n"
    assert "is not the name of an extension" in refused(postgis_extensions="a; DROP TABLE x")


def test_rabbitmq_gets_little_memory_because_its_tables_are_small() -> None:
    found = with_settings()
    (broker,) = pod(found, "cytomine-rabbitmq")["containers"]
    assert "ulimit -n 65536" in broker["args"][0]
    assert broker["resources"]["limits"]["memory"] == "512Mi"
    env = {e["name"]: e["value"] for e in broker["env"]}
    assert env["RABBITMQ_NODENAME"] == "rabbit@localhost"
    assert "c12b9c650697" not in json.dumps(found)
    erlang = text("cytomine-rabbitmq-config", "rabbitmq.config")
    assert f"{{absolute, {int(0.6 * 512 * 2**20)}}}" in erlang
    assert '{default_pass, <<"canary-cytomine-rabbitmq-password">>}' in erlang


@pytest.mark.parametrize(("limit", "heap"), [("1Gi", 614), ("2Gi", 1228), ("5Gi", 3072)])
def test_javas_heap_follows_the_memory_limit(limit: str, heap: int) -> None:
    core = container("cytomine-core", core_mem_limit=Quantity(limit))
    assert {"name": "HEAP_MIB", "value": str(heap)} in core["env"]
    assert "leaves 153 MiB for Java's heap" in refused(ims_mem_limit=Quantity("256Mi"))


def test_cores_port_is_the_one_that_tomcat_listens_on() -> None:
    found = with_settings()
    (core,) = pod(found, "cytomine-core")["containers"]
    assert core["ports"] == [{"name": "http", "containerPort": 8080}]
    assert core["startupProbe"]["httpGet"] == {"path": "/server/ping.json", "port": "http"}
    by_port = container("cytomine-core", core_probe="tcp")
    assert by_port["startupProbe"]["tcpSocket"] == {"port": "http"}
    assert "httpGet" not in by_port["startupProbe"]


def test_the_cache_is_found_under_the_name_that_the_tile_servers_have_built_in() -> None:
    found = with_settings()
    for name in ("memcached", "cytomine-memcached"):
        assert found[f"Service/{name}"]["spec"]["selector"] == {"app": "cytomine-memcached"}


# Rights


def test_no_container_is_privileged_and_all_drop_what_they_do_not_need() -> None:
    for name, body in with_settings(deploy_k8s_router=True).items():
        spec = body.get("spec", {}).get("template", {}).get("spec", {})
        for one in (*spec.get("initContainers", ()), *spec.get("containers", ())):
            rights = one["securityContext"]
            assert rights["allowPrivilegeEscalation"] is False, name
            assert rights["capabilities"]["drop"] == ["ALL"], name
            assert not rights.get("privileged"), name
        if spec:
            assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
            assert spec["enableServiceLinks"] is False, name
            own_account = name == "Deployment/k8s-software-router"
            assert spec.get("automountServiceAccountToken", True) is own_account, name


def test_the_router_alone_may_do_something_and_only_with_jobs() -> None:
    found = with_settings(deploy_k8s_router=True)
    assert found["Role/job-creator"]["rules"] == [
        {
            "apiGroups": ["batch"],
            "resources": ["jobs", "jobs/status"],
            "verbs": ["get", "watch", "list", "create", "delete"],
        },
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "watch", "list"]},
    ]
    assert "Role/job-creator" not in with_settings()
    own = with_settings(deploy_k8s_router=True, service_account="mine")
    assert pod(own, "k8s-software-router")["serviceAccountName"] == "mine"


@pytest.mark.parametrize(("part", "needs"), [("software_router", "Docker socket"), ("slurm", "Singularity")])
def test_what_rules_its_node_is_refused_with_the_privilege_it_would_need(part: str, needs: str) -> None:
    said = refused(**{f"deploy_{part}": True})
    assert needs in said
    assert "--allow-privileged" in said
    switched_on: dict[str, Any] = {f"deploy_{part}": True}
    allowed = platform(Settings(**switched_on, allow_privileged=True))
    assert allowed.pod_security == "privileged"
    assert platform(Settings(allow_privileged=True)).pod_security == "baseline"


def test_every_way_between_parts_is_let_through_and_nothing_else() -> None:
    found = with_settings(deploy_k8s_router=True)
    closed = found["NetworkPolicy/cytomine-closed"]["spec"]
    assert (closed["podSelector"], closed["policyTypes"]) == ({}, ["Ingress", "Egress"])
    assert "ingress" not in closed
    ways = {
        ("cytomine-postgis", 5432, "cytomine-core"),
        ("cytomine-mongodb", 27017, "cytomine-core"),
        ("cytomine-rabbitmq", 5672, "cytomine-core"),
        ("cytomine-rabbitmq", 5672, "k8s-software-router"),
        ("cytomine-bioformat", 4321, "cytomine-ims"),
        ("cytomine-memcached", 11211, "cytomine-iip-cyto"),
        ("cytomine-iip-cyto", 8084, "cytomine-ims"),
        ("cytomine-core", 8080, "cytomine-nginx"),
        ("cytomine-ims", 8080, "cytomine-nginx"),
        ("cytomine-web-ui", 8080, "cytomine-nginx"),
    }
    policies = [o["spec"] for n, o in found.items() if n.startswith("NetworkPolicy/")]
    for to, port, who in ways:
        assert any(lets(policy, to, port, who) for policy in policies), (to, port, who)
    for to, port in (("cytomine-mongodb", 27017), ("cytomine-postgis", 5432)):
        assert not any(lets(policy, to, port, "cytomine-ims") for policy in policies)
    assert not [n for n in with_settings(network_policies=False) if n.startswith("NetworkPolicy/")]


def chosen(selector: Object) -> set[str]:
    some = set(selector.get("matchLabels", {}).values())
    for one in selector.get("matchExpressions", ()):
        some |= set(one["values"])
    return some


def lets(policy: Object, to: str, port: int, who: str) -> bool:
    return to in chosen(policy["podSelector"]) and any(
        any(who in chosen(peer.get("podSelector", {})) for peer in rule["from"])
        and port in [p["port"] for p in rule["ports"]]
        for rule in policy.get("ingress", ())
    )
