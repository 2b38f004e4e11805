"""What each key of a service becomes, and that nothing is dropped in silence."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from allup.compose.canonical import SERVICE_KEYS
from allup.compose.findings import Grade
from allup.compose.naming import Names, dns_label, followed
from allup.errors import InputError
from tests.unit.compose.compose_projects import converted, one

# One key, one field


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("command: run --all 'two words'", {"args": ["run", "--all", "two words"]}),
        ("command: echo $$(date) && ls", {"args": ["echo", "$$(date)", "&&", "ls"]}),
        ("entrypoint: [/bin/x, -v]", {"command": ["/bin/x", "-v"]}),
        ("working_dir: /srv", {"workingDir": "/srv"}),
        ("stdin_open: true\ntty: true", {"stdin": True, "tty": True}),
        ("pull_policy: always", {"imagePullPolicy": "Always"}),
        ("user: '1000:1001'", {"securityContext": {"runAsUser": 1000, "runAsGroup": 1001}}),
        ("privileged: true", {"securityContext": {"privileged": True}}),
        ("read_only: true", {"securityContext": {"readOnlyRootFilesystem": True}}),
        (
            "cap_drop: [ALL]\ncap_add: [CAP_CHOWN]",
            {"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}},
        ),
        (
            "security_opt: ['no-new-privileges:true']",
            {"securityContext": {"allowPrivilegeEscalation": False}},
        ),
        ("mem_limit: 50M", {"resources": {"limits": {"memory": "50Mi"}}}),
        ("cpus: 1.5", {"resources": {"limits": {"cpu": "1500m"}}}),
        ("pre_stop: [{command: bye}]", {"lifecycle": {"preStop": {"exec": {"command": ["bye"]}}}}),
    ],
)
def test_a_key_becomes_a_field_of_the_container(tmp_path: Path, body: str, field: dict[str, Any]) -> None:
    container = one(tmp_path, body).container("a")
    assert {key: container[key] for key in field} == field


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("stop_grace_period: 1m30s", {"terminationGracePeriodSeconds": 90}),
        ("image: x", {"terminationGracePeriodSeconds": 10, "enableServiceLinks": False}),
        ("init: true", {"shareProcessNamespace": True}),
        ("hostname: A_b", {"hostname": "a-b"}),
        ("network_mode: host", {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}),
        ("pid: host\nipc: host", {"hostPID": True, "hostIPC": True}),
        (
            "platform: linux/arm64/v8",
            {"nodeSelector": {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}},
        ),
        (
            "extra_hosts: ['a=1.2.3.4', 'b:1.2.3.4']",
            {"hostAliases": [{"ip": "1.2.3.4", "hostnames": ["a", "b"]}]},
        ),
        ("dns: 9.9.9.9", {"dnsConfig": {"nameservers": ["9.9.9.9"]}}),
        ("group_add: [7]", {"securityContext": {"supplementalGroups": [7]}}),
        (
            "sysctls: {net.ipv4.tcp_syncookies: 0}",
            {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "0"}]}},
        ),
        (
            "tmpfs: ['/run:size=1m']",
            {"volumes": [{"name": "tmp-run", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}]},
        ),
        (
            "deploy: {placement: {constraints: [node.labels.disk == ssd]}}",
            {"nodeSelector": {"disk": "ssd"}},
        ),
    ],
)
def test_a_key_becomes_a_field_of_the_pod(tmp_path: Path, body: str, field: dict[str, Any]) -> None:
    pod = one(tmp_path, body).pod("a")
    assert {key: pod[key] for key in field} == field


@pytest.mark.parametrize("key", ["privileged: true", "network_mode: host", "cap_add: [SYS_ADMIN]"])
def test_what_the_baseline_forbids_makes_the_namespace_privileged(tmp_path: Path, key: str) -> None:
    assert 'pod_security="privileged"' in one(tmp_path, key).files["platform.py"]


def test_the_baseline_is_kept_where_nothing_more_is_needed(tmp_path: Path) -> None:
    assert "pod_security" not in one(tmp_path, "cap_add: [CHOWN]").files["platform.py"]


# Nothing in silence

_CARRIED = {
    *("annotations", "build", "cap_add", "cap_drop", "command", "configs", "container_name", "cpus"),
    *("depends_on", "deploy", "dns", "dns_opt", "dns_search", "entrypoint", "env_file", "environment"),
    *("expose", "extends", "extra_hosts", "group_add", "healthcheck", "hostname", "image", "init", "ipc"),
    *("label_file", "labels", "links", "mem_limit", "mem_reservation", "network_mode", "networks", "pid"),
    *("platform", "ports", "post_start", "pre_stop", "privileged", "profiles", "pull_policy", "read_only"),
    *("restart", "scale", "secrets", "security_opt", "shm_size", "stdin_open", "stop_grace_period"),
    *("sysctls", "tmpfs", "tty", "user", "volumes", "volumes_from", "working_dir"),
}


@pytest.mark.parametrize("key", sorted(set(SERVICE_KEYS) - _CARRIED - {"provider"}))
def test_a_key_without_counterpart_is_listed_with_its_line(tmp_path: Path, key: str) -> None:
    value = "[a]" if key in ("devices", "external_links") else "{a: b}"
    made = one(tmp_path, f"image: x\n{key}: {value}")
    (finding,) = (f for f in made.found() if f.key == key)
    assert finding.grade is Grade.LEFT_OUT
    assert finding.where.endswith("1.yaml:4")
    assert finding.reason


@pytest.mark.parametrize("key", SERVICE_KEYS)
def test_what_no_key_can_mean_is_refused_in_words_and_never_a_fault_of_ours(tmp_path: Path, key: str) -> None:
    for value in (
        "x",
        "-1",
        "[[x]]",
        "[{a: b}]",
        "{a: {b: [c]}}",
        "{mode: x, test: 5}",
        "[{source: s, mode: 9}]",
    ):
        with contextlib.suppress(InputError):
            one(tmp_path, f"{'' if key == 'image' else 'image: x'}\n{key}: {value}\nbuild: .")


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ("deploy: {resources: {limits: {pids: 5}}}", "deploy.resources.limits.pids"),
        ("deploy: {update_config: {order: start-first}}", "deploy.update_config"),
        ("deploy: {placement: {preferences: [{spread: x}]}}", "deploy.placement.preferences"),
        ("deploy: {restart_policy: {condition: any, delay: 5s}}", "deploy.restart_policy.delay"),
        ("user: www-data", "user"),
        ("sysctls: {kernel.msgmax: 1}", "sysctls"),
        ("extra_hosts: ['a:host-gateway']", "extra_hosts"),
        ("security_opt: [label=disable]", "security_opt"),
        ("network_mode: service:b", "network_mode"),
        ("volumes: [/var/run/docker.sock:/var/run/docker.sock]", "volumes"),
        ("labels: {kompose.service.grope: x}", "labels"),
        ("labels: {kompose.service.group: x}", "labels"),
        ("ports: [{target: 80, surprise: x}]", "ports.surprise"),
        ("healthcheck: {test: x, surprise: 1}", "healthcheck.surprise"),
    ],
)
def test_a_part_of_a_key_that_does_not_come_over_is_listed(tmp_path: Path, body: str, key: str) -> None:
    made = converted(
        tmp_path, f"services:\n  b: {{image: y}}\n  a:\n    image: x\n    {body.replace(chr(10), '')}\n"
    )
    assert any(f.key == key and f.grade is Grade.LEFT_OUT for f in made.found()), made.found()


def test_what_is_declared_and_used_by_nobody_and_internal_networks_are_listed(tmp_path: Path) -> None:
    rest = "volumes: {v: }\nconfigs: {c: {content: x}}\nnetworks: {default: {internal: true}}\n"
    made = one(tmp_path, "image: x", rest)
    assert {f.key for f in made.found()} == {"volumes", "configs", "networks"}


# Order and kinds


def test_depends_on_becomes_after_whatever_its_condition(tmp_path: Path) -> None:
    made = converted(
        tmp_path,
        "services:\n  a:\n    image: x\n    depends_on:\n      b: {condition: service_started}\n"
        "      c: {condition: service_healthy}\n      d: {condition: service_completed_successfully}\n"
        "  b: {image: x}\n  c: {image: x, healthcheck: {test: ok}}\n  d: {image: x}\n",
    )
    assert made.after("a") == ["b", "c", "d"]
    assert "Job/d" in made.objects("d")
    assert list(made.making.parts)[-1] == "a"


def test_a_circle_is_refused_with_its_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"in a circle: .*a"):
        converted(tmp_path, "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("image: x", "Deployment"),
        ("deploy: {mode: global}", "DaemonSet"),
        ("deploy: {mode: replicated-job}", "Job"),
        ("restart: 'no'", "Job"),
        ("restart: no", "Job"),
        ("restart: 'no'\nports: [80]", "Deployment"),
        ("restart: unless-stopped", "Deployment"),
        ("labels: {kompose.controller.type: daemonset}", "DaemonSet"),
        ("labels: {kompose.controller.type: statefulset}", "StatefulSet"),
        ("labels: {kompose.cronjob.schedule: '* * * * *'}", "CronJob"),
        ("image: postgres:16\nvolumes: [v:/var/lib/postgresql/data]", "StatefulSet"),
        ("image: registry.example.org/library/mysql\nvolumes: [v:/var/lib/mysql]", "StatefulSet"),
        ("image: redis\nvolumes: [v:/data]", "StatefulSet"),
        ("image: redis", "Deployment"),
        ("image: nginx\nvolumes: [v:/data]", "Deployment"),
    ],
)
def test_which_kind_a_service_becomes(tmp_path: Path, body: str, kind: str) -> None:
    made = one(tmp_path, body, "volumes: {v: }\n")
    assert f"{kind}/a" in made.objects("a")


def test_a_job_tries_as_often_as_restart_says(tmp_path: Path) -> None:
    made = converted(
        tmp_path,
        "services:\n  a: {image: x, depends_on: {b: {condition: service_completed_successfully}}}\n"
        "  b: {image: x, restart: 'on-failure:3'}\n",
    )
    spec = made.objects("b")["Job/b"]["spec"]
    assert spec["backoffLimit"] == 3
    assert spec["template"]["spec"]["restartPolicy"] == "OnFailure"


def test_replicas_are_settings_and_a_disk_or_database_stays_at_one(tmp_path: Path) -> None:
    text = (
        "services:\n  web: {image: x, deploy: {replicas: 3}}\n  api: {image: x, scale: 2}\n"
        "  disk: {image: x, volumes: ['v:/v'], deploy: {replicas: 2}}\n  db: {image: redis, scale: 2}\n"
        "volumes: {v: }\n"
    )
    made = converted(tmp_path, text)
    assert made.objects("web")["Deployment/web"]["spec"]["replicas"] == "${web_replicas}"
    assert "web_replicas: int = setting(3" in made.files["platform.py"]
    disk = made.objects("disk")["Deployment/disk"]["spec"]
    assert (disk["replicas"], disk["strategy"]) == (1, {"type": "Recreate"})
    assert made.objects("db")["Deployment/db"]["spec"]["replicas"] == 1
    assert "one pod" in made.says("disk", "deploy.replicas")
    asked = converted(tmp_path, text, replicas=5).files["platform.py"]
    assert "web_replicas: int = setting(5" in asked
    assert "api_replicas: int = setting(5" in asked


# Health


def test_a_healthcheck_becomes_a_startup_and_a_readiness_probe_with_its_times(tmp_path: Path) -> None:
    body = "healthcheck: {test: 'check it', interval: 10s, timeout: 1500ms, retries: 5, start_period: 2m}"
    container = one(tmp_path, body).container("a")
    action = {"exec": {"command": ["/bin/sh", "-c", "check it"]}}
    assert container["readinessProbe"] == {
        **action,
        "periodSeconds": 10,
        "timeoutSeconds": 2,
        "failureThreshold": 5,
    }
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 120 + 10 * 5
    assert startup["periodSeconds"] == 5
    assert "livenessProbe" not in container


@pytest.mark.parametrize(
    ("check", "command"),
    [
        ("test: [CMD, a, b]", ["a", "b"]),
        ("test: [CMD-SHELL, a b]", ["/bin/sh", "-c", "a b"]),
        ("test: [NONE]", None),
        ("disable: true", None),
    ],
)
def test_each_form_of_a_test(tmp_path: Path, check: str, command: list[str] | None) -> None:
    container = one(tmp_path, f"image: postgres\nhealthcheck: {{{check}}}").container("a")
    assert container.get("readinessProbe", {}).get("exec", {}).get("command") == command
    assert ("startupProbe" in container) == (command is not None)


def test_a_known_database_without_healthcheck_is_asked_at_its_port(tmp_path: Path) -> None:
    container = one(tmp_path, "image: postgres:16").container("a")
    assert container["readinessProbe"]["tcpSocket"] == {"port": 5432}
    assert "readinessProbe" not in one(tmp_path, "image: nginx\nports: [80]").container("a")


def test_probes_of_komposes_labels(tmp_path: Path) -> None:
    labels = (
        "labels:\n  kompose.service.healthcheck.liveness.http_get_path: /live\n"
        "  kompose.service.healthcheck.liveness.http_get_port: 8080\n"
        "  kompose.service.healthcheck.readiness.tcp_port: 81\n"
        "  kompose.service.healthcheck.readiness.interval: 7s\n"
    )
    container = one(tmp_path, labels).container("a")
    assert container["livenessProbe"] == {"httpGet": {"path": "/live", "port": 8080}}
    assert container["readinessProbe"] == {"tcpSocket": {"port": 81}, "periodSeconds": 7}


# Network


def test_ports_and_expose_become_a_service_at_the_containers_ports(tmp_path: Path) -> None:
    made = one(tmp_path, "ports: ['8080:80', '53:53/udp']\nexpose: [9000]")
    spec = made.objects("a")["Service/a"]["spec"]
    assert [(p["port"], p["targetPort"], p.get("protocol", "TCP")) for p in spec["ports"]] == [
        (80, 80, "TCP"),
        (53, 53, "UDP"),
        (9000, 9000, "TCP"),
    ]
    assert "type" not in spec
    assert made.making.urls == [("a 80", "svc/a:80")]


@pytest.mark.parametrize(
    "other",
    [
        "depends_on: [a]",
        "links: [a]",
        "environment: {URL: 'http://a:81'}",
        "command: wait-for a:81",
        "healthcheck: {test: curl a}",
    ],
)
def test_a_service_that_others_name_has_a_service_though_it_tells_no_port(tmp_path: Path, other: str) -> None:
    text = f"services:\n  a: {{image: x}}\n  r: {{image: redis}}\n  b:\n    image: x\n    {other}\n"
    made = converted(tmp_path, text)
    assert made.objects("a")["Service/a"]["spec"]["clusterIP"] == "None"
    assert "Service/b" not in made.objects("b")
    assert "Service/r" not in made.objects("r")
    known = converted(tmp_path, text.replace("image: x}", "image: redis:7}", 1))
    assert known.objects("a")["Service/a"]["spec"]["ports"][0]["port"] == 6379


def test_aliases_and_links_are_services_of_their_own(tmp_path: Path) -> None:
    made = converted(
        tmp_path,
        "services:\n  a: {image: x, expose: [1], networks: {n: {aliases: [store]}}}\n"
        "  b: {image: x, links: ['a:the_a'], environment: {A_URL: 'http://the_a:1'}, networks: [n]}\n"
        "networks: {n: }\n",
    )
    objects = made.objects("a")
    assert {o for o in objects if o.startswith("Service")} == {"Service/a", "Service/store", "Service/the-a"}
    assert objects["Service/store"]["spec"]["selector"] == {"app": "a"}
    assert made.env("b")["A_URL"] == "http://the-a:1"


@pytest.mark.parametrize(
    ("labels", "spec"),
    [
        ("kompose.service.type: nodeport", {"type": "NodePort"}),
        ("kompose.service.type: headless", {"clusterIP": "None"}),
        (
            "kompose.service.type: loadbalancer, kompose.service.external-traffic-policy: local",
            {"type": "LoadBalancer", "externalTrafficPolicy": "Local"},
        ),
    ],
)
def test_the_type_of_a_service_by_label(tmp_path: Path, labels: str, spec: dict[str, Any]) -> None:
    found = one(tmp_path, f"ports: ['8080:80']\nlabels: {{{labels}}}").objects("a")["Service/a"]["spec"]
    assert {key: found[key] for key in spec} == spec


def test_a_load_balancer_listens_where_the_port_was_published_too(tmp_path: Path) -> None:
    made = one(tmp_path, "ports: ['8080:80']\nlabels: {kompose.service.type: loadbalancer}")
    assert [p["port"] for p in made.objects("a")["Service/a"]["spec"]["ports"]] == [80, 8080]


def test_exposing_by_label_makes_an_ingress(tmp_path: Path) -> None:
    labels = "{kompose.service.expose: 'a.example.org/x', kompose.service.expose.tls-secret: t}"
    made = one(tmp_path, f"ports: [80]\nlabels: {labels}")
    spec = made.objects("a")["Ingress/a"]["spec"]
    assert spec["rules"][0]["host"] == "a.example.org"
    assert spec["rules"][0]["http"]["paths"][0]["path"] == "/x"
    assert spec["tls"] == [{"secretName": "t", "hosts": ["a.example.org"]}]
    assert "to do" in made.says("a", "labels")


@pytest.mark.parametrize("label", ["kompose.hpa.cpu", "kompose.service.healthcheck.liveness.tcp_port"])
def test_a_label_that_has_to_be_a_number_is_refused_at_its_line(tmp_path: Path, label: str) -> None:
    with pytest.raises(InputError, match=rf"1\.yaml:4: {label} of 'a' is 'many' and has to be a number"):
        one(tmp_path, f"labels: {{{label}: many}}")


def test_a_scaler_by_label_and_no_replicas_beside_it(tmp_path: Path) -> None:
    made = one(tmp_path, "labels: {kompose.hpa.cpu: 70, kompose.hpa.replicas.max: 4}")
    objects = made.objects("a")
    assert objects["HorizontalPodAutoscaler/a"]["spec"]["maxReplicas"] == 4
    assert "replicas" not in objects["Deployment/a"]["spec"]


# Names


def test_names_are_dns_labels_and_a_task_never_loses_its_name() -> None:
    assert dns_label("My.Service_1") == "my-service-1"
    names = Names.of(["a_b", "a-b", "logs", "9x"])
    assert names.objects == {"a-b": "a-b", "logs": "logs", "a_b": "a-b-2", "9x": "n9x"}
    assert names.components["logs"] == "logs-service"
    assert names.hosts == {"a_b": "a-b-2", "9x": "n9x"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("http://my_db/x", "http://my-db/x"),
        ("my_db:5432", "my-db:5432"),
        ("u@my_db", "u@my-db"),
        ("1@my_db:9,2@my_db:9", "1@my-db:9,2@my-db:9"),
        ("/data/my_db/my_db.sql", "/data/my_db/my_db.sql"),
        ("my_db", "my_db"),
        ("not_my_db:1", "not_my_db:1"),
        ("my_db.example.org:1", "my_db.example.org:1"),
    ],
)
def test_a_renamed_host_is_followed_only_where_it_is_surely_one(text: str, result: str) -> None:
    assert followed(text, {"my_db": "my-db"}, whole=False) == result


def test_a_whole_value_is_followed_by_the_name_of_its_variable_and_else_listed(tmp_path: Path) -> None:
    made = converted(
        tmp_path,
        "services:\n  my_db: {image: postgres}\n"
        "  a: {image: x, environment: {DB_HOST: my_db, DB_NAME: my_db}, command: 'run --host my_db my_db'}\n",
    )
    assert made.env("a") == {"DB_HOST": "my-db", "DB_NAME": "my_db"}
    assert made.container("a")["args"] == ["run", "--host", "my-db", "my_db"]
    assert "DB_NAME says 'my_db'" in made.says("a", "environment")
    assert "left as it is" in made.says("a", "command")


# Images


def test_an_image_that_is_built_is_a_setting_and_said_to_be_built(tmp_path: Path) -> None:
    made = one(tmp_path, "build: ./src")
    assert made.container("a")["image"] == "${a_image}"
    assert 'a_image: str = setting("demo-a"' in made.files["platform.py"]
    assert "to be built from ./src, which is not done here" in made.says("a", "build")
    assert "build" not in {f.key for f in one(tmp_path, "image: nginx").found()}
