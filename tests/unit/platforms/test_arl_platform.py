"""What ARL's definition promises, read from its own files without a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from allup import InputError, Password, Platform, Quantity, RegistryLogin, expressions
from allup.images.references import Reference
from allup.model.checks import HttpCheck
from allup.model.platform import url_parts
from allup.substitution import substitute
from allup.yamlfiles import load_documents
from k8s.arl import chart
from k8s.arl import platform as module
from k8s.arl.platform import platform
from k8s.arl.settings import Settings

FOLDER = Path(module.__file__).parent
Object = dict[str, Any]


def objects(definition: Platform) -> dict[str, Object]:
    """The manifests of what is switched on, by kind and name."""
    made = [
        substitute(document.node, {**definition.values, **component.values}, file)
        for component in definition.components
        if component.enabled
        for file in component.files
        for document in load_documents(FOLDER / file, label=file)
    ]
    return {f"{o['kind']}/{o['metadata']['name']}": o for o in made}


def container(name: str, **settings: Any) -> Object:
    found: Object = objects(platform(Settings(**settings)))[f"Deployment/{name}"]
    return dict(found["spec"]["template"]["spec"]["containers"][0])


def flag(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


def refused(**settings: Any) -> str:
    with pytest.raises(InputError) as error:
        platform(Settings(**settings))
    return str(error.value)


WORKLOADS = ("dask-scheduler", "dask-worker", "notebook")


# The graph


def test_components_come_up_in_this_order_under_these_task_names() -> None:
    lines = [
        " ".join([c.up_task, *c.aliases, *(f"<- {needed}" for needed in c.after)])
        for c in platform(Settings()).components
    ]
    assert lines == [
        "registry-up",
        "data-up",
        "scheduler-up k8s-deploy-scheduler <- registry",
        "worker-up k8s-deploy-worker <- scheduler <- data",
        "notebook-up k8s-deploy-notebook <- scheduler <- data",
        "ingress-up <- notebook",
    ]


def test_the_cluster_is_ready_when_the_scheduler_counts_every_worker_that_is_wanted() -> None:
    (check,) = platform(Settings(worker_replicas=7)).component("worker").checks
    said = vars(check)
    assert (said["path"], said["expect"]) == ("/json/counts.json", ".workers == $beside.spec.replicas")
    assert str(said["beside"]) == "Deployment/dask-worker"


def test_checks_understand_what_dask_and_jupyter_answer() -> None:
    """As distributed 2026.8.0 and jupyter_server 2.21.1 answer."""
    definition = platform(Settings())
    (worker,) = definition.component("worker").checks
    jupyter = definition.component("notebook").checks[0]
    assert isinstance(worker, HttpCheck)
    assert isinstance(jupyter, HttpCheck)
    for counted, met in ((2, True), (1, False)):
        beside = {"spec": {"replicas": 2}}
        answer = {"workers": counted, "desired_workers": 0}
        expression = f".beside as $beside | .answer | ({worker.expect})"
        assert expressions.first(expression, {"answer": answer, "beside": beside}) is met
    assert expressions.first(jupyter.expect, {"version": "2.21.1"}) is True


def test_two_instances_share_no_name_in_the_whole_cluster() -> None:
    both = [
        {
            (o["metadata"].get("namespace", p.namespace if o["kind"] != "PersistentVolume" else ""), key)
            for key, o in objects(p).items()
        }
        for p in (
            platform(Settings(instance=name, namespace=name, nfs_server="192.0.2.7"))
            for name in ("one", "two")
        )
    ]
    assert not both[0] & both[1]


# The pods


def test_a_worker_is_told_its_memory_in_bytes_below_the_limit_that_kills_it() -> None:
    for limit, expected in (("512Mi", 429496729), ("4096Mi", 3435973836), ("2G", 1600000000)):
        worker = container("dask-worker", worker_mem=Quantity(limit))
        assert flag(worker["args"], "--memory-limit") == str(expected)
        assert worker["resources"]["limits"]["memory"] == limit
        assert worker["resources"]["requests"] == worker["resources"]["limits"]


@pytest.mark.parametrize(("cpu", "threads"), [("500m", "1"), ("1", "1"), ("1500m", "2"), ("4", "4")])
def test_a_worker_has_a_thread_for_each_cpu_it_has_a_part_of(cpu: str, threads: str) -> None:
    assert flag(container("dask-worker", worker_cpu=Quantity(cpu))["args"], "--nthreads") == threads


def test_no_flag_of_an_old_dask_and_no_variable_that_dask_would_read_is_used() -> None:
    for name in WORKLOADS:
        one = container(name)
        gone = {"--bokeh-port", "--bokeh-whitelist", "--bokeh-prefix", "--nprocs"}
        assert not gone & set(one["args"])
        assert not [e["name"] for e in one.get("env", ()) if e["name"].startswith("DASK_")]
        assert "command" not in one  # the image's tini stays the first process


def test_an_older_image_has_its_own_programs() -> None:
    assert container("dask-scheduler")["args"][:2] == ["dask", "scheduler"]
    assert container("dask-scheduler", dask_style="dash")["args"][:2] == ["dask-scheduler", "--port"]
    assert container("dask-worker", dask_style="dash")["args"][:2] == [
        "dask-worker",
        "tcp://dask-scheduler:8786",
    ]


def test_every_container_is_probed_where_a_current_dask_and_jupyter_answer() -> None:
    for name, path in (("dask-scheduler", "/health"), ("dask-worker", "/health"), ("notebook", "/api")):
        one = container(name)
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert one[probe]["httpGet"]["path"] == path
            assert "initialDelaySeconds" not in one[probe]
            assert one[probe]["httpGet"]["port"] in {port["name"] for port in one["ports"]}


def test_a_worker_is_given_longer_to_start_than_it_looks_for_its_scheduler() -> None:
    worker = container("dask-worker")
    probe = worker["startupProbe"]
    patience = probe["periodSeconds"] * probe["failureThreshold"]
    assert patience > int(flag(worker["args"], "--death-timeout"))


def test_workers_find_a_scheduler_that_is_not_ready_yet() -> None:
    service = objects(platform(Settings()))["Service/dask-scheduler"]
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert "annotations" not in service["metadata"]


def test_pods_hold_no_token_no_service_variables_and_no_folder_of_the_node() -> None:
    made = objects(platform(Settings()))
    for name in WORKLOADS:
        pod = made[f"Deployment/{name}"]["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert not any("hostPath" in volume for volume in pod["volumes"])


def test_all_three_run_one_image() -> None:
    for settings, expected in (
        ({}, "arl_img:latest"),
        ({"docker_image": "arl_img:latest", "docker_repo": ""}, "arl_img:latest"),
        (
            {"img": "arl", "tag": "1", "docker_repo": "registry.example.org/x/"},
            "registry.example.org/x/arl:1",
        ),
        ({"docker_repo": "registry.example.org/x"}, "registry.example.org/x/arl_img:latest"),
    ):
        assert {container(name, **settings)["image"] for name in WORKLOADS} == {expected}
        assert str(Reference.parse(expected)) == expected


def test_selectors_tolerations_and_affinity_reach_every_pod_and_are_left_out_otherwise() -> None:
    given: dict[str, Any] = {"node_selector": '{"disk": "ssd"}', "tolerations": '[{"operator": "Exists"}]'}
    for settings, present in ((given, True), ({}, False)):
        made = objects(platform(Settings(**settings)))
        for name in WORKLOADS:
            pod = made[f"Deployment/{name}"]["spec"]["template"]["spec"]
            assert ("nodeSelector" in pod) is ("tolerations" in pod) is present
            assert "affinity" not in pod


# The password


def test_the_password_comes_as_a_configuration_from_a_secret_and_never_in_argv() -> None:
    notebook = container("notebook")
    assert notebook["args"] == ["jupyter", "notebook"]
    assert "JUPYTER_PASSWORD" not in json.dumps(notebook)
    (config,) = platform(Settings()).component("notebook").configs
    assert (config.kind, list(config.files)) == ("Secret", ["jupyter_server_config.json"])


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        ({}, False),
        ({"service_type": "NodePort"}, True),
        ({"notebook_service_type": "NodePort"}, True),
        ({"ingress": True}, True),
    ],
)
def test_changeme_is_refused_where_others_reach_the_notebook(settings: Any, refused: bool) -> None:
    (secret,) = platform(Settings(**settings)).component("notebook").secrets
    key = secret.keys["password"]
    assert isinstance(key, Password)
    assert key.env == "JUPYTER_PASSWORD"
    assert ("changeme" in key.refused) is refused


# Services


def test_services_are_inside_the_cluster_unless_another_type_is_asked_for() -> None:
    def types(**settings: Any) -> list[str]:
        made = objects(platform(Settings(**settings)))
        return [made[f"Service/{name}"]["spec"]["type"] for name in ("dask-scheduler", "notebook")]

    assert types() == ["ClusterIP", "ClusterIP"]
    assert types(service_type="NodePort") == ["NodePort", "NodePort"]
    assert types(notebook_service_type="NodePort") == ["ClusterIP", "NodePort"]


def test_the_urls_name_the_imaging_notebook_and_services_that_are_there() -> None:
    definition = platform(Settings(notebook_port=80))
    urls = dict(definition.urls)
    assert urls["Imaging notebook"] == "svc/notebook:80/notebooks/workflows/notebooks/imaging-pipelines.ipynb"
    ports = {
        f"svc/{o['metadata']['name']}:{port['port']}"
        for o in objects(definition).values()
        if o["kind"] == "Service"
        for port in o["spec"]["ports"]
    }
    assert {url_parts(url)[0] for url in urls.values()} <= ports


def test_the_ingress_is_off_by_default_and_has_a_certificate_for_its_host() -> None:
    assert not platform(Settings()).component("ingress").enabled
    definition = platform(Settings(ingress=True, ingress_host="arl.example.org"))
    spec = objects(definition)["Ingress/notebook"]["spec"]
    assert spec["tls"] == [{"hosts": ["arl.example.org"], "secretName": "arl-tls"}]
    assert [secret.type for secret in definition.component("ingress").secrets] == ["kubernetes.io/tls"]
    plain = objects(platform(Settings(ingress=True, ingress_tls=False)))["Ingress/notebook"]["spec"]
    assert "tls" not in plain


# The data


def test_data_is_a_claim_unless_a_place_is_named() -> None:
    made = objects(platform(Settings()))
    assert made["PersistentVolumeClaim/arl-data"]["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert not any(key.startswith("PersistentVolume/") for key in made)


def test_an_nfs_server_becomes_a_volume_that_only_this_claim_may_take() -> None:
    made = objects(platform(Settings(nfs_server="192.168.39.1", instance="a", namespace="b")))
    spec = made["PersistentVolume/a-data"]["spec"]
    assert spec["nfs"] == {"server": "192.168.39.1", "path": "/data"}
    assert (spec["mountOptions"], spec["persistentVolumeReclaimPolicy"]) == (["nfsvers=4"], "Retain")
    assert (spec["claimRef"]["namespace"], spec["claimRef"]["name"]) == ("b", "arl-data")
    assert "hostPath" not in spec
    assert made["PersistentVolumeClaim/arl-data"]["spec"]["volumeName"] == "a-data"


def test_a_folder_of_the_nodes_has_to_be_there() -> None:
    spec = objects(platform(Settings(arl_data="/srv/arl")))["PersistentVolume/arl-data"]["spec"]
    assert spec["hostPath"] == {"path": "/srv/arl", "type": "Directory"}
    assert "nfs" not in spec
    assert "mountOptions" not in spec


def test_workers_read_the_data_and_the_notebook_may_write_it() -> None:
    mounts = {
        name: next(m for m in container(name)["volumeMounts"] if m["name"] == "data")
        for name in ("dask-worker", "notebook")
    }
    assert {m["mountPath"] for m in mounts.values()} == {"/arl/data"}
    assert mounts["dask-worker"].get("readOnly") is True
    assert "readOnly" not in mounts["notebook"]


# Refusals


@pytest.mark.parametrize(
    "server", ["127.0.0.1", "::1", "0.0.0.0", "localhost", "nfs.arl.svc.cluster.local", "nfs.arl.svc", "a b"]
)
def test_an_nfs_server_that_a_node_cannot_reach_is_refused(server: str) -> None:
    assert "nfs_server" in refused(nfs_server=server)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"data": "nfs"}, "is not given"),
        ({"data": "host-path"}, "is not given"),
        ({"arl_data": "data"}, "not an absolute path"),
        ({"nfs_server": "192.0.2.1", "arl_data": "/data"}, "two places"),
        ({"worker_mem": Quantity("512")}, "Write 512Mi"),
        ({"worker_mem": Quantity("512m")}, "no worker starts"),
        ({"worker_cpu": Quantity("0")}, "no CPU"),
        ({"worker_replicas": -1}, "cannot be"),
        ({"tolerations": "{}"}, "takes a list"),
        ({"node_selector": "disk=ssd"}, "is not JSON"),
        ({"docker_user": "me", "pull_secret": "other"}, "contradict"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_a_sentence(settings: Any, words: str) -> None:
    assert words in refused(**settings)


# The registry


def test_a_pull_secret_is_named_only_where_one_is_made_or_given() -> None:
    def named(**settings: Any) -> Any:
        made = objects(platform(Settings(**settings)))
        return made["Deployment/notebook"]["spec"]["template"]["spec"].get("imagePullSecrets")

    assert named() is None
    assert named(pull_secret="mine") == [{"name": "mine"}]
    assert named(docker_server="registry.example.org", docker_user="me") == [{"name": "arlregcred"}]
    assert not platform(Settings()).component("registry").enabled


def test_the_log_in_takes_its_password_from_the_environment() -> None:
    definition = platform(
        Settings(docker_server="registry.example.org", docker_user="me", docker_email="me@example.org")
    )
    (secret,) = definition.component("registry").secrets
    key = secret.keys[".dockerconfigjson"]
    assert (secret.name, secret.type) == ("arlregcred", "kubernetes.io/dockerconfigjson")
    assert isinstance(key, RegistryLogin)
    assert (key.env, key.user, key.email) == ("DOCKER_PASSWORD", "me", "me@example.org")


# The chart


def test_every_value_of_the_chart_is_a_setting_or_the_variable_of_a_secret() -> None:
    fields = Settings.__dataclass_fields__
    secrets = {
        key.env
        for component in platform(Settings()).components
        for secret in component.secrets
        for key in secret.keys.values()
        if isinstance(key, Password)
    }
    for key, setting in chart.VALUES.items():
        assert setting in (secrets if setting.isupper() else fields), key
    assert not set(chart.VALUES) & set(chart.REFUSED)
