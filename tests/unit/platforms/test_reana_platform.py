"""What REANA's definition promises, read from its own files without a cluster."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from allup import InputError, Platform, expressions
from allup.configs import render_config
from allup.loading import dependencies, load
from allup.model.checks import HttpCheck
from allup.substitution import substitute
from allup.yamlfiles import load_documents
from k8s.reana import admin
from k8s.reana import platform as module
from k8s.reana.platform import Settings, platform

FOLDER = Path(module.__file__).parent
Object = dict[str, Any]

FILE = """\
cluster:
  type: kubernetes
  version: v1.16.3
  config_context: reana-0.6.1
  root_path: {root}
  shared_volume_path: {shared}
  db_persistence_path: {db}
  debug: {debug}
components:
  reana-workflow-controller: {{image: "example/controller:9"}}
  reana-server:
    image: "example/server:9"
    environment:
      - {variable}
  reana-message-broker: {{image: "example/broker:9"}}
"""


def write(folder: Path, **said: str) -> str:
    """A reana-cluster.yaml; its name."""
    known = {
        "root": "/data/reana",
        "shared": "/data/reana",
        "db": "/data/reana-db",
        "debug": "false",
        "variable": "EXTRA: some",
    }
    file = folder / "reana-cluster.yaml"
    file.write_text(FILE.format(**known | said))
    return str(file)


def objects(definition: Platform) -> dict[str, Object]:
    """The manifests of what is switched on, by kind and name."""
    made = [
        substitute(
            document.node,
            {**definition.values, **component.values, "instance": definition.instance},
            file,
        )
        for component in definition.components
        if component.enabled
        for file in component.files
        for document in load_documents(FOLDER / file, label=file)
    ]
    return {f"{o['kind']}/{o['metadata']['name']}": o for o in made}


def pods(**settings: Any) -> dict[str, Object]:
    """The pod specs by workload."""
    return {
        name: o["spec"]["template"]["spec"]
        for name, o in objects(platform(Settings(**settings))).items()
        if "template" in o.get("spec", {})
    }


def containers(**settings: Any) -> Iterator[tuple[str, Object]]:
    for name, pod in pods(**settings).items():
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            yield f"{name} {container['name']}", container


def container(which: str, **settings: Any) -> Object:
    return dict(containers(**settings))[which]


def environment(which: str, **settings: Any) -> dict[str, Any]:
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in container(which, **settings)["env"]}


def refused(**settings: Any) -> str:
    with pytest.raises(InputError) as error:
        platform(Settings(**settings))
    return str(error.value)


SERVER, SCHEDULER = "Deployment/server server", "Deployment/server scheduler"
API, CONSUMER = (
    "Deployment/workflow-controller rest-api-server",
    "Deployment/workflow-controller job-status-consumer",
)
EVERYTHING: dict[str, Any] = {"dev": True, "ui": True, "reana_url": "reana.example.org", "cern_sso": True}


# The graph


def test_components_come_up_in_this_order() -> None:
    definition = platform(Settings(**EVERYTHING))
    needs = dependencies(load(definition, FOLDER))
    lines = [" ".join([name, *(f"<- {n}" for n in sorted(needs[name]))]) for name in needs]
    assert lines == [
        "accounts",
        "network",
        "sources",
        "workspaces",
        "db",
        "cache",
        "message-broker <- sources",
        "logins",
        "server <- accounts <- cache <- db <- logins <- message-broker <- sources <- workspaces",
        "workflow-controller <- server",
        "ui <- server",
        "wdb",
        "ingress <- server <- ui",
    ]


def test_by_default_there_is_what_0_6_1_runs_without_its_options() -> None:
    definition = platform(Settings())
    assert [c.name for c in definition.components if c.enabled] == [
        *("accounts", "network", "workspaces", "db", "cache", "message-broker", "server"),
        "workflow-controller",
    ]
    assert {k for k in objects(definition) if k.startswith("Service/")} == {
        *("Service/db", "Service/cache", "Service/message-broker", "Service/server"),
        "Service/workflow-controller",
    }
    assert {image["image"] for _, image in containers()} == {
        "postgres:9.6.2",
        "redis:5.0.5",
        "reanahub/reana-message-broker:0.6.0",
        "reanahub/reana-server:0.6.1",
        "reanahub/reana-workflow-controller:0.6.1",
    }


def test_what_the_programs_have_built_in_as_names_are_the_names() -> None:
    """Host names and the claim, as reana-commons and reana-server 0.6 have them."""
    made = objects(platform(Settings()))
    assert made["Service/cache"]["spec"]["ports"][0]["port"] == 6379
    assert made["Service/message-broker"]["spec"]["ports"][0]["port"] == 5672
    assert made["Service/workflow-controller"]["spec"]["ports"] == [
        {"name": "http", "port": 80, "targetPort": "http"}
    ]
    assert "PersistentVolumeClaim/manila-cephfs-pvc" in made
    assert platform(Settings()).namespace == "default"


def test_another_namespace_is_refused_with_the_reason() -> None:
    assert "make runs in 'default'" in refused(namespace="elsewhere")


def test_two_instances_share_no_name_of_the_whole_cluster() -> None:
    names = [
        {k for k in objects(platform(Settings(instance=name))) if k.startswith("Cluster")}
        for name in ("one", "two")
    ]
    assert names[0]
    assert not names[0] & names[1]


# How the pods find each other


def test_the_server_is_told_the_controllers_address_and_gets_no_service_variables() -> None:
    for which in (SERVER, SCHEDULER):
        found = environment(which)
        assert found["WORKFLOW_CONTROLLER_SERVICE_HOST"] == "workflow-controller"
        assert found["WORKFLOW_CONTROLLER_SERVICE_PORT_HTTP"] == "80"
    assert {pod["enableServiceLinks"] for pod in pods(**EVERYTHING).values()} == {False}


def test_every_python_container_is_told_database_and_broker() -> None:
    for which in (SERVER, SCHEDULER, API, CONSUMER):
        found = environment(which)
        assert (found["REANA_DB_HOST"], found["REANA_DB_PORT"]) == ("db", "5432")
        assert found["REANA_DB_PASSWORD"] == {"secretKeyRef": {"name": "reana-db-secrets", "key": "password"}}
        assert found["RABBIT_MQ_URL"] == "message-broker.default.svc.cluster.local"
        assert found["SHARED_VOLUME_PATH"] == "/var/reana"


def test_the_controller_is_told_the_images_and_the_account_of_runs() -> None:
    found = environment(API)
    images = {k: v for k, v in found.items() if "_IMAGE" in k}
    assert set(images.values()) == {
        "reanahub/reana-job-controller:0.6.1",
        *(f"reanahub/reana-workflow-engine-{engine}:0.6.1" for engine in ("cwl", "yadage", "serial")),
    }
    made = objects(platform(Settings()))
    assert f"ServiceAccount/{found['K8S_REANA_SERVICE_ACCOUNT_NAME']}" in made


def test_the_broker_has_the_login_that_runs_have_built_in_unless_they_are_told_another() -> None:
    assert (environment(SERVER)["RABBIT_MQ_USER"], environment(SERVER)["RABBIT_MQ_PASS"]) == ("test", "1234")
    assert not platform(Settings()).component("message-broker").secrets
    generated = platform(Settings(broker_login="generated"))
    assert [s.name for s in generated.component("message-broker").secrets] == ["reana-message-broker-secrets"]
    told = environment(API, broker_login="generated")["RABBIT_MQ_PASS"]
    assert told == {"secretKeyRef": {"name": "reana-message-broker-secrets", "key": "password"}}


def config(definition: Platform, component: str, **secrets: str) -> str:
    (found,) = definition.component(component).configs
    (path,) = found.files.values()
    made = render_config(
        found,
        {path: (FOLDER / "config" / path).read_text()},
        definition.values,
        platform="reana",
        instance="reana",
        component=component,
        namespace="default",
        secrets={name.replace("_", "-"): {"password": value} for name, value in secrets.items()},
        salt_key=b"",
    )
    data = made.body["data"]
    return base64.b64decode(next(iter(data.values()))).decode()


def test_the_brokers_configuration_has_one_user_and_the_pods_memory() -> None:
    text = config(platform(Settings()), "message-broker")
    assert '{default_user, <<"test">>}' in text
    assert '{default_pass, <<"1234">>}' in text
    assert "{total_memory_available_override_value, 536870912}" in text
    other = config(
        platform(Settings(broker_login="generated")), "message-broker", reana_message_broker_secrets="canary"
    )
    assert '{default_pass, <<"canary">>}' in other


def test_the_cache_has_a_password_and_only_the_server_is_told_it() -> None:
    assert "requirepass canary" in config(platform(Settings()), "cache", reana_cache_secrets="canary")
    url = environment(SERVER)["INVENIO_ACCOUNTS_SESSION_REDIS_URL"]
    assert url == "redis://:$(REANA_CACHE_PASSWORD)@cache:6379/1"
    for which in (SCHEDULER, API, CONSUMER):
        assert "REANA_CACHE_PASSWORD" not in environment(which)


# Start, probes, health


def test_probes_of_the_server_send_the_host_it_allows_and_https() -> None:
    public = "reana.example.org"
    cases: tuple[tuple[dict[str, Any], str], ...] = (({}, "server"), ({"reana_url": public}, public))
    for settings, host in cases:
        one = container(SERVER, **settings)
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            get = one[probe]["httpGet"]
            assert get["path"] == "/api/ping"
            assert {h["name"]: h["value"] for h in get["httpHeaders"]} == {
                "Host": host,
                "X-Forwarded-Proto": "https",
            }
        check = platform(Settings(**settings)).component("server").checks[0]
        assert isinstance(check, HttpCheck)
        assert check.headers["Host"] == host
        assert expressions.first(check.expect, {"message": "OK", "status": 200}) is True
        assert expressions.first(check.expect, {"message": "no", "status": 200}) is False


def test_the_cache_is_ready_when_what_it_prints_is_pong_not_when_redis_cli_ends_well() -> None:
    probe = container("StatefulSet/cache cache")["readinessProbe"]
    assert probe["exec"]["command"] == ["sh", "-c", 'test "$(redis-cli ping)" = PONG']


def test_the_database_is_asked_over_tcp() -> None:
    one = container("StatefulSet/db db")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert "pg_isready -h 127.0.0.1" in one[probe]["exec"]["command"][-1]


def test_the_broker_is_never_asked_by_another_erlang_nor_on_the_management_port() -> None:
    one = container("StatefulSet/message-broker message-broker")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert one[probe]["tcpSocket"] == {"port": "amqp"}
    assert [p["containerPort"] for p in one["ports"]] == [5672]


def test_only_what_has_no_port_has_no_probe() -> None:
    without = {name for name, c in containers(**EVERYTHING) if "readinessProbe" not in c}
    assert without == {
        *(SCHEDULER, CONSUMER, "Job/reana-sources look"),
        *("Deployment/server wait", "Deployment/workflow-controller wait"),
    }


def test_the_servers_setup_shows_why_it_failed_and_never_a_token() -> None:
    script = container(SERVER)["command"][-1]
    assert "./scripts/setup > /var/log/reana-server-init-output.log" in script
    assert "grep -vi token /var/log/reana-server-init-output.log" in script
    assert script.endswith("--die-on-term")
    assert "ulimit -n 65536" in script


def test_what_waits_in_vain_says_for_what_and_ends() -> None:
    script = container("Deployment/server wait")["command"][-1]
    assert 'echo "waiting for $1"' in script
    assert 'echo "$1 did not answer within 300 s"' in script


def test_no_password_stands_in_a_command_of_a_pod() -> None:
    for name, one in containers(broker_login="generated", **EVERYTHING):
        words = " ".join([*one.get("command", ()), *one.get("args", ())])
        assert "$(RABBIT" not in words, name
        assert "PASSWORD" not in words, name


# Data


def test_data_lies_on_claims_unless_the_file_names_folders_of_the_node(tmp_path: Path) -> None:
    claims = {k for k in objects(platform(Settings())) if k.startswith("PersistentVolumeClaim/")}
    assert claims == {
        f"PersistentVolumeClaim/{name}"
        for name in ("reana-db", "reana-cache", "reana-message-broker", "manila-cephfs-pvc")
    }
    assert environment(API)["REANA_STORAGE_BACKEND"] == "cephfs"
    by_file = {"cluster_file": write(tmp_path)}
    made = pods(**by_file)
    assert {"name": "data", "hostPath": {"path": "/data/reana-db", "type": "DirectoryOrCreate"}} in made[
        "StatefulSet/db"
    ]["volumes"]
    for name in ("Deployment/server", "Deployment/workflow-controller"):
        shared = {"path": "/data/reana", "type": "DirectoryOrCreate"}
        assert {"name": "reana-shared-volume", "hostPath": shared} in made[name]["volumes"]
    assert environment(API, **by_file)["SHARED_VOLUME_PATH"] == "/data/reana"
    assert "REANA_STORAGE_BACKEND" not in environment(API, **by_file)


def test_a_folder_that_a_minikube_vm_forgets_is_refused_unless_the_node_keeps_it(tmp_path: Path) -> None:
    file = write(tmp_path, root="/var/reana", shared="/var/reana")
    said = refused(cluster_file=file)
    assert said.startswith(f"{file}:5: /var/reana is in memory on a Minikube VM")
    assert "Write /data/reana," in said
    assert platform(Settings(cluster_file=file, volatile_paths=True))
    assert platform(Settings(cluster_file=file, shared_storage="claim"))


def test_runs_that_would_not_find_their_workspaces_are_refused(tmp_path: Path) -> None:
    said = refused(cluster_file=write(tmp_path, shared="/data/elsewhere"))
    assert "root_path is /data/reana and shared_volume_path is /data/elsewhere" in said


def test_a_database_inside_the_workspaces_is_refused(tmp_path: Path) -> None:
    said = refused(cluster_file=write(tmp_path, db="/data/reana/db"))
    assert "lies inside the workspaces' folder /data/reana" in said
    assert "Write /data/reana-db" in said
    nested = write(tmp_path, db="/data/reana/db")
    assert platform(Settings(cluster_file=nested, shared_storage="claim"))


# The file and the settings


def test_the_file_gives_images_and_variables_and_a_setting_wins(tmp_path: Path) -> None:
    file = write(tmp_path)
    assert container(SERVER, cluster_file=file)["image"] == "example/server:9"
    assert container(SCHEDULER, cluster_file=file)["image"] == "example/server:9"
    assert environment(SERVER, cluster_file=file)["EXTRA"] == "some"
    assert "EXTRA" not in environment(API, cluster_file=file)
    won = container(SERVER, cluster_file=file, server_image="mine:1")
    assert won["image"] == "mine:1"


def test_a_variable_that_leads_elsewhere_than_what_is_deployed_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, variable="REANA_DB_HOST: other")
    said = refused(cluster_file=file)
    assert said.startswith(f"{file}:14: REANA_DB_HOST is 'other', and what is deployed here is 'db'.")


def test_verify_compares_with_the_version_and_the_context_of_the_file(tmp_path: Path) -> None:
    task = platform(Settings(cluster_file=write(tmp_path), strict_version=True)).tasks[0]
    said = vars(task)
    assert (said["version"], said["context"], said["strict"]) == ("v1.16.3", "reana-0.6.1", True)
    assert said["version_from"].endswith("reana-cluster.yaml:3")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"server_node_port": 32767}, "contradict each other: a ClusterIP has no node port"),
        ({"server_node_port": 80, "service_type": "NodePort"}, "80 is not between 30000 and 32767"),
        ({"reana_url": "https://reana.example.org"}, "is not a host name"),
        ({"minikube_profile": "reana_0.1.0"}, "Call it reana-0.1.0."),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], said: str) -> None:
    assert said in refused(**settings)


def test_the_servers_node_port_is_the_one_that_is_asked_for() -> None:
    spec = objects(platform(Settings(service_type="NodePort", server_node_port=32767)))["Service/server"][
        "spec"
    ]
    assert (spec["type"], spec["ports"][0]["nodePort"]) == ("NodePort", 32767)
    others = {k: o.get("spec", {}).get("type") for k, o in objects(platform(Settings(**EVERYTHING))).items()}
    assert {k for k, kind in others.items() if kind == "NodePort"} == set()


# Development


def test_development_mounts_sources_that_must_be_there_and_reloads() -> None:
    made = pods(dev=True)
    volume = {"name": "server-code", "hostPath": {"path": "/code/reana-server", "type": "Directory"}}
    assert volume in made["Deployment/server"]["volumes"]
    assert container(SERVER, dev=True)["command"][-1].endswith("exec invenio run -h 0.0.0.0 -p 5000")
    assert container(API, dev=True)["command"][-1].endswith("exec flask run --host=0.0.0.0")
    found = environment(SERVER, dev=True)
    assert (found["WDB_SOCKET_SERVER"], found["FLASK_ENV"], found["FLASK_DEBUG"]) == (
        "wdb",
        "development",
        "1",
    )
    assert not {"CURL_CA_BUNDLE", "GIT_SSL_NO_VERIFY"} & set(found)
    assert environment(API, dev=True, insecure_tls=True)["GIT_SSL_NO_VERIFY"] == "true"
    assert "Service/wdb" in objects(platform(Settings(dev=True)))


def test_before_anything_mounts_them_a_job_asks_the_node_for_the_sources() -> None:
    job = pods(dev=True)["Job/reana-sources"]
    assert {v["hostPath"]["path"] for v in job["volumes"]} == {
        "/code/reana-server",
        "/code/reana-workflow-controller",
    }
    script = job["containers"][0]["command"][-1]
    assert "/code/reana-server is empty on the node" in script
    checks = [c.name for c in platform(Settings(dev=True)).component("server").checks]
    assert "server sees its sources" in checks


def test_the_files_debug_switches_development_on_and_a_flag_switches_it_off(tmp_path: Path) -> None:
    file = write(tmp_path, debug="true")
    assert platform(Settings(cluster_file=file)).component("wdb").enabled
    assert not platform(Settings(cluster_file=file, dev=False)).component("wdb").enabled


def test_only_parts_whose_sources_the_file_mounts_have_them_mounted(tmp_path: Path) -> None:
    file = tmp_path / "reana-cluster.yaml"
    text = Path(write(tmp_path, debug="true")).read_text()
    mount = "    mountpoints: [{type: hostPath, name: mine, path: '/src/server:/code'}]\n"
    file.write_text(text.replace("  reana-message-broker", f"{mount}  reana-message-broker"))
    (volume,) = pods(cluster_file=str(file))["Job/reana-sources"]["volumes"]
    assert volume["hostPath"]["path"] == "/src/server"


def test_images_of_development_are_built_of_the_checkouts_with_debug_on() -> None:
    tasks = {t.name: vars(t) for t in platform(Settings(sources="/src/")).tasks}
    assert tasks["build-server"]["context"] == "/src/reana-server"
    assert tasks["build-server"]["arguments"] == {"DEBUG": "1"}


# Security


def test_every_container_asks_for_what_it_needs_and_drops_what_it_does_not() -> None:
    for name, one in containers(**EVERYTHING):
        assert set(one["resources"]["requests"]) == {"cpu", "memory"}, name
        assert "memory" in one["resources"]["limits"], name
        context = one["securityContext"]
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["capabilities"]["drop"] == ["ALL"], name
        assert not context.get("privileged"), name


def test_only_who_calls_the_api_server_has_a_token() -> None:
    with_token = {
        n for n, pod in pods(**EVERYTHING).items() if pod.get("automountServiceAccountToken") is not False
    }
    assert with_token == {"Deployment/server", "Deployment/workflow-controller"}


def rules(kind: str, name: str, **settings: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for rule in objects(platform(Settings(**settings)))[f"{kind}/{name}"]["rules"]:
        for resource in rule["resources"]:
            found.setdefault(resource, set()).update(rule["verbs"])
    return found


def test_accounts_may_do_what_their_programs_call_and_nothing_else() -> None:
    assert rules("Role", "reana-server") == {"secrets": {"get", "create", "update"}}
    assert rules("Role", "reana-system") == {
        "secrets": {"get", "create", "update"},
        "pods": {"get", "list"},
        "pods/log": {"get"},
        "jobs": {"create", "delete"},
        "deployments": {"create", "delete"},
        "services": {"create", "delete"},
        "ingresses": {"create", "delete"},
    }
    assert rules("ClusterRole", "reana-scheduler") == {"nodes": {"list"}, "jobs": {"list"}}
    assert rules("ClusterRole", "reana-jobs") == {"jobs": {"list", "watch"}}
    assert rules("ClusterRole", "reana-jobs", cvmfs=True)["storageclasses"] == {"create"}


def test_runs_and_nobody_else_reach_database_and_broker_beside_ours() -> None:
    made = objects(platform(Settings()))
    for name in ("reana-db", "reana-message-broker"):
        ((rule),) = made[f"NetworkPolicy/{name}"]["spec"]["ingress"]
        keys = {e["key"] for f in rule["from"] for e in f["podSelector"]["matchExpressions"]}
        assert keys == {"app", "batch.kubernetes.io/job-name"}
    assert platform(Settings(network_policies=False)).warnings


def test_the_debugger_is_reached_through_a_forward_only() -> None:
    made = objects(platform(Settings(dev=True, service_type="NodePort")))
    assert made["Service/wdb"]["spec"].get("type", "ClusterIP") == "ClusterIP"


# The Ingress, the token


def test_the_ingress_leads_the_api_to_the_server_and_the_rest_to_the_web_interface() -> None:
    spec = objects(platform(Settings(**EVERYTHING)))["Ingress/frontend"]["spec"]
    routes = {p["path"]: p["backend"]["service"]["name"] for p in spec["rules"][0]["http"]["paths"]}
    assert routes.pop("/") == "ui"
    assert set(routes.values()) == {"server"}
    assert {"/api", "/oauth", "/login"} <= set(routes)
    assert spec["tls"] == [{"hosts": ["reana.example.org"], "secretName": "reana-tls"}]


def test_the_admin_token_is_said_alone_or_why_there_is_none() -> None:
    assert admin.read_token("abcDEF_-0123456789abcDEF\n").sentence == "abcDEF_-0123456789abcDEF"
    assert not admin.read_token("").good
    failed = admin.read_token('psql: error\nERROR:  relation "user_" does not exist')
    assert (failed.good, "does not exist" in failed.sentence) == (False, True)
    (task,) = [t for t in platform(Settings()).tasks if t.name == "admin-token"]
    assert admin.ADMIN in json.dumps(vars(task)["command"])


def test_an_export_never_holds_a_value() -> None:
    exports = {e.variable: (e.target, e.task) for e in platform(Settings()).exports}
    assert exports == {
        "REANA_SERVER_URL": ("svc/server:80", ""),
        "REANA_ACCESS_TOKEN": ("", "admin-token"),
    }


def test_the_database_is_no_root_on_a_claim_and_steps_down_on_a_folder_of_the_node(tmp_path: Path) -> None:
    for settings, uid, added in (
        ({}, 999, None),
        ({"cluster_file": write(tmp_path)}, None, ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]),
    ):
        pod = pods(**settings)["StatefulSet/db"]
        assert pod["securityContext"].get("runAsUser") == uid
        assert pod["containers"][0]["securityContext"]["capabilities"].get("add") == added
