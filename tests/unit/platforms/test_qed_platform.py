"""What QED's definition promises, read from its own files without a cluster."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from allup import InputError, Platform, Quantity
from allup.configs import render_config
from allup.model.checks import CommandCheck, HttpCheck
from allup.model.platform import url_parts
from allup.substitution import substitute
from allup.yamlfiles import Document, load_documents
from k8s.qed import data, images
from k8s.qed import platform as module
from k8s.qed.platform import platform
from k8s.qed.settings import Settings

FOLDER = Path(module.__file__).parent
EVERYTHING = "site,sam,basins,hms-app-data,hms-databases,dask-source,pisces,tomcat"
CANARY = "canary-5f2c9"
Object = dict[str, Any]


@cache
def documents(file: str) -> tuple[Document, ...]:
    return load_documents(FOLDER / file, label=file)


def objects(definition: Platform) -> dict[str, Object]:
    """The manifests of what is switched on, by kind and name."""
    made = [
        substitute(document.node, {**definition.values, **component.values}, file)
        for component in definition.components
        if component.enabled
        for file in component.files
        for document in documents(file)
    ]
    return {f"{o['kind']}/{o['metadata']['name']}": o for o in made}


@cache
def made(**settings: Any) -> dict[str, Object]:
    return objects(platform(Settings(**settings)))


def everything(**settings: Any) -> dict[str, Object]:
    return made(data=EVERYTHING, data_root="/srv/qed", **settings)


def pods(found: dict[str, Object]) -> Iterator[tuple[str, Object]]:
    for key, o in found.items():
        if o["kind"] in ("Deployment", "StatefulSet"):
            yield key, o["spec"]["template"]["spec"]


def container(found: dict[str, Object], key: str) -> Object:
    (one,) = found[key]["spec"]["template"]["spec"]["containers"]
    return dict(one)


def mounts(found: dict[str, Object], key: str) -> dict[str, Object]:
    return {m["mountPath"]: m for m in container(found, key).get("volumeMounts", ())}


def environment(found: dict[str, Object], key: str) -> dict[str, str]:
    """The variables of a container; its own win over those of the shared ConfigMap."""
    one = container(found, key)
    shared = found["ConfigMap/qed-environment"]["data"] if one.get("envFrom") else {}
    return {**shared, **{e["name"]: e.get("value", "") for e in one.get("env", ())}}


def nginx(**settings: Any) -> str:
    definition = platform(Settings(**settings))
    component = definition.component("nginx")
    (config,) = component.configs
    rendered = render_config(
        config,
        {path: (FOLDER / "config" / path).read_text() for path in config.files.values()},
        definition.values,
        platform="qed",
        instance="qed",
        component="nginx",
        namespace="qed",
        secrets={},
        salt_key=b"",
    )
    return str(rendered.body["data"]["nginx.conf"])


def refused(**settings: Any) -> str:
    with pytest.raises(InputError) as error:
        platform(Settings(**settings))
    return str(error.value)


# The graph


def test_components_come_up_in_this_order_under_these_task_names() -> None:
    lines = [
        " ".join([c.up_task, *c.aliases, *(f"<- {needed}" for needed in c.after)])
        for c in platform(Settings()).components
    ]
    assert lines == [
        "environment-up",
        "login-up",
        "certificate-up",
        "volumes-up volume-start",
        "services-up service-start",
        "redis-up <- services",
        "mongodb-up <- services",
        "postgres-up <- services <- environment",
        "dask-scheduler-up <- services",
        "dask-worker-up <- dask-scheduler",
        "tomcat-up <- services <- volumes",
        "cts-manager-up <- environment <- redis <- mongodb",
        "cts-worker-up <- environment <- redis <- mongodb",
        "cts-nodejs-up <- services <- redis",
        "celery-up <- environment <- volumes <- redis",
        "flower-up <- services",
        "hms-up <- services",
        "flask-up <- environment <- volumes <- redis",
        "django-up <- environment <- login <- volumes <- services <- redis <- mongodb",
        "nginx-up <- certificate <- volumes <- services",
        "ingress-up <- certificate <- services",
    ]


def test_every_part_of_the_original_is_there_under_its_name() -> None:
    found = everything()
    deployments = (
        *("qed-nginx", "qed-django", "qed-flask", "qed-celery", "celery-flower", "cts-nodejs", "cts-manager"),
        *("cts-worker", "hms-dotnetcore", "dask-scheduler", "dask-worker", "qed-tomcat"),
    )
    expected = {f"Deployment/{name}" for name in deployments}
    expected |= {f"StatefulSet/{name}" for name in ("redis", "mongodb", "postgres")}
    assert {key for key, _ in pods(found)} == expected


def test_what_is_off_says_why_and_how_to_switch_it_on() -> None:
    off = {c.name: c.off_because for c in platform(Settings(hms=False)).components if not c.enabled}
    assert set(off) == {"login", "certificate", "tomcat", "hms", "ingress"}
    assert "licence" in off["tomcat"]
    assert all("--" in reason for reason in off.values())


@pytest.mark.parametrize("name", ["flower", "cts", "hms", "dask", "mongodb"])
def test_a_part_that_is_off_leaves_no_service_and_no_way_through_nginx(name: str) -> None:
    prefixes = {
        "flower": "celery-flower",
        "cts": "cts-",
        "hms": "hms-",
        "dask": "dask-",
        "mongodb": "mongodb",
    }
    without = made(**{name: False})
    assert not [key for key in without if key.partition("/")[2].startswith(prefixes[name])]
    assert prefixes[name] not in nginx(**{name: False})
    assert [key for key in made() if key.partition("/")[2].startswith(prefixes[name])]


def test_two_instances_share_no_name_in_the_whole_cluster() -> None:
    one, two = (
        {key for key in everything(instance=name, namespace=name) if key.startswith("PersistentVolume/")}
        for name in ("one", "two")
    )
    assert one
    assert not one & two


# Services and names


def test_every_service_leads_to_a_port_that_a_container_has() -> None:
    found = everything(https="made")
    by_app = {
        o["spec"]["template"]["metadata"]["labels"]["app"]: [
            p["name"] for p in container(found, key)["ports"]
        ]
        for key, o in found.items()
        if o["kind"] in ("Deployment", "StatefulSet") and container(found, key).get("ports")
    }
    for key, o in found.items():
        if o["kind"] == "Service":
            for port in o["spec"]["ports"]:
                assert port["targetPort"] in by_app[o["spec"]["selector"]["app"]], key


def test_services_have_the_ports_that_the_apps_call() -> None:
    ports = {
        key.removeprefix("Service/"): [p["port"] for p in o["spec"]["ports"]]
        for key, o in everything(https="made").items()
        if o["kind"] == "Service"
    }
    assert ports == {
        "qed-nginx": [80, 443, 7777],
        "qed-django": [8080],
        "qed-flask": [8080],
        "redis": [6379],
        "mongodb": [27017],
        "postgres": [5432],
        "pisces-db": [5432],
        "celery-flower": [5555],
        "cts-nodejs": [4000],
        "hms-dotnetcore": [80],
        "dask-scheduler": [8786, 8787],
        "qed-tomcat": [8080, 80],
    }


def test_every_name_that_an_app_is_told_is_a_service_or_of_nobody_here() -> None:
    found = everything()
    services = {key.removeprefix("Service/") for key in found if key.startswith("Service/")}
    values = [v for key, _ in pods(found) for v in environment(found, key).values()]
    hosts = {m[1] for v in values if (m := re.fullmatch(r"(?:\w+://)?([a-z][\w.-]*):\d+", v))}
    hosts |= {m[1] for v in values if (m := re.fullmatch(r"http://([a-z][\w-]*)", v))}
    assert hosts
    assert hosts <= services
    assert not any("\\" in value or "_" in (value.partition("://")[2]) for value in values)


def test_urls_name_services_that_are_there() -> None:
    for https in ("none", "made"):
        definition = platform(Settings(https=https))
        ports = {
            f"svc/{o['metadata']['name']}:{port['port']}"
            for o in objects(definition).values()
            if o["kind"] == "Service"
            for port in o["spec"]["ports"]
        }
        assert {url_parts(url)[0] for _, url in definition.urls} <= ports


# The environment


def test_redis_port_is_a_url_for_flask_and_celery_and_a_number_for_the_others() -> None:
    found = made()
    for name in ("qed-flask", "qed-celery"):
        assert environment(found, f"Deployment/{name}")["REDIS_PORT"] == "redis://redis:6379"
    for name in ("qed-django", "cts-nodejs", "cts-manager", "cts-worker"):
        assert environment(found, f"Deployment/{name}")["REDIS_PORT"] == "6379"


def test_dask_reads_no_variable_of_qeds_as_its_configuration() -> None:
    found = everything()
    for name in ("dask-scheduler", "dask-worker"):
        assert not [n for n in environment(found, f"Deployment/{name}") if n.startswith("DASK_")]
    assert environment(found, "Deployment/qed-django")["DASK_SCHEDULER"] == "dask-scheduler:8786"


def test_apps_open_their_doors_to_any_host_name_and_keep_other_peoples_calculators_short() -> None:
    told = environment(made(), "Deployment/qed-django")
    assert "KUBERNETES" in told["DOCKER_HOSTNAME"]
    assert told["CTS_DB_HOST"] == "mongodb://mongodb:27017"
    assert told["IS_PUBLIC"] == "False"
    assert environment(made(is_public=True), "Deployment/qed-django")["IS_PUBLIC"] == "True"
    assert {told[f"CTS_{name}_SERVER"] for name in ("EPI", "OPERA", "SPARC", "TEST")} == {
        "http://127.0.0.1:9"
    }


def test_hms_is_told_a_url_with_a_scheme_under_the_name_it_reads() -> None:
    told = environment(made(), "Deployment/hms-dotnetcore")
    assert told == {"FLASK_SERVER": "http://qed-nginx:7777", "MONGODB": "mongodb"}


# Pods


def test_pods_hold_no_token_no_service_variables_and_no_fixed_host_name() -> None:
    for key, pod in pods(everything()):
        assert pod["automountServiceAccountToken"] is False, key
        assert pod["enableServiceLinks"] is False, key
        assert "hostname" not in pod, key


def test_celerys_workers_are_named_by_their_pod_and_counted() -> None:
    found = made(celery_concurrency=3, cts_worker_concurrency=4)
    for name, worker, queue, count in (
        ("qed-celery", "qed_worker", "qed", "3"),
        ("cts-manager", "manager_worker", "manager_queue", "1"),
        ("cts-worker", "cts_worker", "cts_queue", "4"),
    ):
        one = container(found, f"Deployment/{name}")
        words = one["command"]
        assert words[:2] == ["celery", "-A"]
        assert words[3] == "worker"
        assert words[words.index("-n") + 1] == f"{worker}@%h"
        assert words[words.index("-Q") + 1] == queue
        assert words[words.index("-c") + 1] == count
        ping = one["readinessProbe"]["exec"]["command"][-1]
        assert f"-d {worker}@$HOSTNAME" in ping
        assert one["readinessProbe"]["timeoutSeconds"] > 10


def test_a_broker_that_is_away_restarts_workers_only_where_that_is_asked_for() -> None:
    assert "livenessProbe" not in container(made(), "Deployment/qed-celery")
    probe = container(made(celery_liveness=True), "Deployment/qed-celery")["livenessProbe"]
    assert "inspect ping" in probe["exec"]["command"][-1]


def test_the_checks_of_workers_are_their_ping() -> None:
    definition = platform(Settings())
    for name in ("celery", "cts-manager", "cts-worker"):
        (check,) = definition.component(name).checks
        assert isinstance(check, CommandCheck)
        assert "inspect ping" in check.command[-1]
        assert check.expect == "pong"


def test_apps_that_speak_uwsgi_are_probed_at_a_second_door() -> None:
    found = made()
    for name, path in (("qed-django", "/"), ("qed-flask", "/hms/gis/test/")):
        one = container(found, f"Deployment/{name}")
        assert environment(found, f"Deployment/{name}")["UWSGI_HTTP_SOCKET"] == ":8081"
        assert {"name": "http", "containerPort": 8081} in one["ports"]
        assert one["readinessProbe"]["httpGet"] == {"path": path, "port": "http"}
        assert one["livenessProbe"]["tcpSocket"] == {"port": "uwsgi"}


def test_flower_is_started_and_probed_under_its_prefix() -> None:
    one = container(made(), "Deployment/celery-flower")
    assert one["command"][:3] == ["celery", "--broker=redis://redis:6379/0", "flower"]
    assert one["readinessProbe"]["httpGet"]["path"] == "/flower/healthcheck"


def test_databases_are_single_stateful_sets_with_a_claim_where_they_write() -> None:
    found = made()
    for name, path in (
        ("redis", "/data"),
        ("mongodb", "/data/db"),
        ("postgres", "/var/lib/postgresql"),
    ):
        spec = found[f"StatefulSet/{name}"]["spec"]
        assert spec["replicas"] == 1
        (mount,) = [m for m in mounts(found, f"StatefulSet/{name}").values() if m["mountPath"] == path]
        (volume,) = [v for v in spec["template"]["spec"]["volumes"] if v["name"] == mount["name"]]
        assert volume["persistentVolumeClaim"]["claimName"] == f"{name}-data"
        assert f"PersistentVolumeClaim/{name}-data" in found
    assert platform(Settings()).component("postgres").initialised_by == {"postgres-data": "postgres"}


def test_redis_counts_as_ready_when_it_says_pong_and_not_when_it_is_loading() -> None:
    words = container(made(), "StatefulSet/redis")["readinessProbe"]["exec"]["command"]
    assert words == ["sh", "-c", '[ "$(redis-cli ping)" = PONG ]']


def test_only_pods_of_the_namespace_reach_databases_that_have_no_password() -> None:
    spec = made()["NetworkPolicy/databases"]["spec"]
    (names,) = spec["podSelector"]["matchExpressions"]
    assert names["values"] == ["redis", "mongodb", "postgres"]
    assert spec["ingress"] == [{"from": [{"podSelector": {}}]}]


def test_an_old_dask_and_a_new_one_are_started_and_probed_as_they_understand() -> None:
    old, new = made(), made(preset="demo")
    assert container(old, "Deployment/dask-scheduler")["args"] == ["dask-scheduler"]
    assert container(new, "Deployment/dask-scheduler")["args"][:2] == ["dask", "scheduler"]
    assert container(old, "Deployment/dask-worker")["readinessProbe"]["tcpSocket"] == {"port": 8788}
    worker = container(new, "Deployment/dask-worker")
    assert worker["readinessProbe"]["httpGet"] == {"path": "/health", "port": 8787}
    for found in (old, new):
        words = container(found, "Deployment/dask-worker")["args"]
        assert words[words.index("--memory-limit") + 1] == "429496729"  # 80 % of 512Mi
    checks = {s: platform(Settings(preset=s)).component("dask-scheduler").checks[0] for s in images.PRESETS}
    assert [c.path for c in checks.values() if isinstance(c, HttpCheck)] == ["/json/identity.json", "/health"]


# Images


def test_every_image_is_a_setting() -> None:
    settings = {f"{name}_image": f"example.org/{name}:9" for name in images.IMAGES}
    used = {c["image"] for _, pod in pods(everything(**settings)) for c in pod["containers"]}
    assert used == set(settings.values())


def test_the_registry_stands_before_the_images_that_we_build_and_no_others() -> None:
    plain, behind = made(), made(registry="localhost:5000/")
    for key, pod in pods(plain):
        before = pod["containers"][0]["image"]
        after = container(behind, key)["image"]
        assert after == (f"localhost:5000/{before}" if before.startswith("quanted/") else before), key


def test_the_demo_runs_public_images_and_those_of_this_checkout() -> None:
    folder = FOLDER.parents[1] / "images"
    described = {
        line.split('"')[1]
        for file in folder.glob("qed-*/image.toml")
        for line in file.read_text().splitlines()
        if line.startswith("reference")
    }
    used = {c["image"] for _, pod in pods(made(preset="demo")) for c in pod["containers"]}
    assert {image for image in used if image.startswith("local/")} <= described
    assert not [image for image in used if "quanted" in image]


def test_a_pull_secret_is_named_in_every_pod_or_in_none() -> None:
    assert {json.dumps(pod.get("imagePullSecrets")) for _, pod in pods(everything())} == {"null"}
    named = everything(image_pull_secret="mine")
    assert all(pod["imagePullSecrets"] == [{"name": "mine"}] for _, pod in pods(named))


# Rights


def test_the_demo_and_known_users_are_restricted_and_the_originals_images_baseline() -> None:
    assert platform(Settings(preset="demo")).pod_security == "restricted"
    assert platform(Settings(app_user=1001)).pod_security == "restricted"
    assert platform(Settings()).pod_security == "baseline"
    for key, pod in pods(made(preset="demo")):
        assert pod["securityContext"]["runAsNonRoot"] is True, key
        assert container(made(preset="demo"), key)["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_users_who_share_the_data_volume_do_not_fight_over_its_group() -> None:
    """fsGroup changes the group of everything in a claim, so only one group may be named for this one."""
    groups = {
        key: pod["securityContext"]["fsGroup"]
        for key, pod in pods(made(preset="demo", data="sam,basins"))
        if any(
            v["name"] == "data" and v.get("persistentVolumeClaim", {}).get("claimName") == data.VOLUME
            for v in pod.get("volumes", ())
        )
        and "fsGroup" in pod["securityContext"]
    }
    assert set(groups.values()) == {1000}
    assert "Deployment/qed-nginx" not in groups


# The data


def test_what_is_read_and_written_lies_in_the_folders_of_a_checkout_of_qed_kube() -> None:
    found = everything()
    static = {"name": "data", "mountPath": "/src/collected_static", "subPath": "data/collected-static"}
    for name in ("qed-django", "qed-flask", "qed-celery"):
        assert mounts(found, f"Deployment/{name}")["/src/collected_static"] == static
    assert mounts(found, "Deployment/qed-nginx")["/src/collected_static"] == {**static, "readOnly": True}
    sam = "/src/pram_flask/ubertool/ubertool/sam/bin"
    for name in ("qed-flask", "qed-celery"):  # in the original flask's had hyphens, and nobody read them
        there = mounts(found, f"Deployment/{name}")
        assert there[f"{sam}/Preprocessed"]["subPath"] == "data/sam-preprocessed"
        assert there[f"{sam}/Preprocessed"]["readOnly"] is True
        assert "readOnly" not in there[f"{sam}/Results"]
        assert there["/src/hms_flask/data/qed-basins"]["subPath"] == "data/qed-basins"
    assert mounts(found, "Deployment/dask-worker")["/src/qed"]["subPath"] == "qed_django"


def test_nothing_hides_what_an_image_brings_unless_its_data_is_said_to_be_there() -> None:
    for key, _ in pods(made(preset="demo")):
        paths = set(mounts(made(preset="demo"), key))
        mine = {"/src/collected_static", "/src/secrets", "/src/settings_allup.py"}
        assert not [p for p in paths - mine if p.startswith(("/src", "/app", "/home", "/usr"))], key


def test_a_folder_of_the_nodes_becomes_a_volume_that_keeps_its_data_for_one_claim() -> None:
    found = made(data_root="/srv/qed", instance="a", namespace="b")
    spec = found["PersistentVolume/a-data"]["spec"]
    assert spec["hostPath"] == {"path": "/srv/qed", "type": "Directory"}
    assert spec["persistentVolumeReclaimPolicy"] == "Retain"
    assert (spec["claimRef"]["namespace"], spec["claimRef"]["name"]) == ("b", "qed-data")
    assert not any("hostPath" in v for _, pod in pods(found) for v in pod.get("volumes", ()))


def test_without_a_site_django_says_what_is_missing_before_it_starts() -> None:
    (look,) = made()["Deployment/qed-django"]["spec"]["template"]["spec"]["initContainers"]
    assert all(name in look["command"][-1] for name in ("temp_config", "templates_qed", "static_qed"))
    assert "docs/qed.md" in look["command"][-1]
    assert "initContainers" not in made(preset="demo")["Deployment/qed-django"]["spec"]["template"]["spec"]


# nginx


def test_nginx_answers_for_itself_before_it_redirects() -> None:
    for https in ("none", "made"):
        assert nginx(https=https).index("/healthz") < nginx(https=https).index("location /")


def test_http_is_redirected_only_where_there_is_a_certificate() -> None:
    assert "301" not in nginx()
    assert "ssl" not in nginx()
    text = nginx(https="made")
    assert "return 301 https://$host$request_uri" in text
    assert "listen 8443 ssl;" in text
    assert "ssl on" not in text
    found = made(https="made")
    assert mounts(found, "Deployment/qed-nginx")["/etc/qed-tls"]["readOnly"] is True
    assert [p["port"] for p in made()["Service/qed-nginx"]["spec"]["ports"]] == [80, 7777]


def test_with_an_ingress_the_certificate_is_its_own_and_nginx_redirects_nobody() -> None:
    found = made(ingress=True, https="made", server_name="qed.example.org")
    spec = found["Ingress/qed"]["spec"]
    assert spec["tls"] == [{"hosts": ["qed.example.org"], "secretName": "qed-tls"}]
    assert [rule["host"] for rule in spec["rules"]] == ["qed.example.org"]
    text = nginx(ingress=True, https="made")
    assert "301" not in text
    assert "HTTP_X_FORWARDED_PROTO $http_x_forwarded_proto" in text
    assert "tls" not in made(ingress=True)["Ingress/qed"]["spec"]
    assert "Ingress/qed" not in made()


def test_nginx_gives_uwsgi_the_time_that_is_meant_for_it_and_passes_flowers_prefix_on() -> None:
    text = nginx()
    assert "uwsgi_read_timeout 600s" in text
    assert "proxy_pass http://celery-flower:5555;" in text
    assert "uwsgi_pass qed-flask:8080;" in text
    assert "/socket.io" in text


def test_every_upstream_of_nginx_is_a_service() -> None:
    settings = {"data": EVERYTHING, "data_root": "/srv/qed"}
    text = nginx(**settings)
    upstreams = set(re.findall(r"(?:uwsgi_pass |proxy_pass http://)([\w-]+):", text))
    assert len(upstreams) == 5
    assert {f"Service/{name}" for name in upstreams} <= set(made(**settings))


def test_nginx_listens_where_no_privilege_is_needed() -> None:
    ports = [int(port) for port in re.findall(r"listen (\d+)", nginx(https="made"))]
    assert sorted(ports) == [7777, 8080, 8443]


# Secrets


def test_django_finds_its_secrets_in_files_and_no_pod_template_holds_one() -> None:
    definition = platform(Settings())
    files = next(c for c in definition.component("environment").configs if c.name == "qed-django")
    assert files.kind == "Secret"
    assert set(files.files) == {"secret_key_django_dropbox.txt", "secret_key_database.txt"}
    rendered = render_config(
        files,
        {path: (FOLDER / "config" / path).read_text() for path in files.files.values()},
        definition.values,
        platform="qed",
        instance="qed",
        component="environment",
        namespace="qed",
        secrets={"django": {"key": CANARY}, "postgres": {"password": CANARY}},
        salt_key=b"",
    )
    assert CANARY not in json.dumps(rendered.body)  # base64, as a Secret has it
    (password,) = container(made(), "StatefulSet/postgres")["env"][:1]
    assert password["valueFrom"]["secretKeyRef"] == {"name": "postgres", "key": "password"}
    sources = made()["Deployment/qed-django"]["spec"]["template"]["spec"]["volumes"][1]["projected"][
        "sources"
    ]
    assert [s["secret"]["name"] for s in sources] == ["qed-django", "qed-login"]


def test_a_login_is_asked_for_with_a_hash_that_a_person_gives() -> None:
    definition = platform(Settings(login=True))
    (secret,) = definition.component("login").secrets
    assert list(secret.keys) == ["secret_key_login.txt"]
    assert not secret.generated
    assert environment(objects(definition), "Deployment/qed-django")["PASSWORD_REQUIRED"] == "True"


def test_certificates_are_made_here_or_given() -> None:
    for https, generated in (("made", True), ("given", False)):
        more: Any = {"tls_cert": "c", "tls_key": "k"} if https == "given" else {}
        (secret,) = platform(Settings(https=https, **more)).component("certificate").secrets
        assert (secret.type, secret.generated) == ("kubernetes.io/tls", generated)


# Refusals


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"data": ""}, "Django does not start"),
        ({"data": "site,sams"}, "'sams' is not a data set"),
        ({"data": "site,pisces"}, "no data_root"),
        ({"data_root": "data"}, "not an absolute path"),
        ({"https": "given"}, "contradict"),
        ({"tls_cert": "cert.pem"}, "contradict"),
        ({"celery_replicas": -1}, "cannot be"),
        ({"celery_replicas": 2}, "ReadWriteOnce"),
        ({"data": "site,dask-source", "dask_workers": 2}, "ReadWriteOnce"),
        ({"celery_concurrency": 0}, "no work"),
        ({"dask_worker_mem": Quantity("512")}, "Write 512Mi"),
        ({"app_user": 0}, "root"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_a_sentence(settings: Any, words: str) -> None:
    assert words in refused(**settings)


def test_what_can_be_is_not_refused() -> None:
    platform(Settings(celery_replicas=2, data_access="ReadWriteMany"))
    platform(Settings(data="", django_image="example.org/django:1"))
    platform(Settings(dask_workers=3, celery_replicas=0))
