"""What is written: files a person may read and edit, and that edits are never overwritten."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from allup.compose.findings import Grade
from allup.compose.folder import write
from allup.compose.made import Part
from allup.compose.printing import manifest
from allup.errors import InputError
from allup.substitution import substitute
from allup.yamlfiles import parse_documents
from tests.unit.compose.compose_projects import SHAPES, Made, converted, one, rendered, shape, written

every_shape = pytest.mark.parametrize("name", SHAPES)


# The eight shapes


@every_shape
def test_each_shape_is_loaded_and_rendered_by_the_engine(name: str, tmp_path: Path) -> None:
    made = shape(name, tmp_path / name)
    objects = rendered(written(made, tmp_path / name))
    workloads = {
        o.ref.name
        for o in objects
        if o.ref.kind in ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
    }
    assert workloads == set(made.making.names.objects.values())
    for each in objects:
        assert "${" not in yaml.safe_dump({k: v for k, v in each.body.items() if k != "data"}).replace(
            "$${", ""
        ) or (name == "web-db")


@every_shape
def test_each_platform_is_laid_out_as_ruff_lays_it_out(name: str, tmp_path: Path) -> None:
    made = shape(name, Path(__file__).parents[2] / "data" / "compose" / "k8s" / name)
    file = tmp_path / "platform.py"
    file.write_text(made.files["platform.py"])
    ruff = Path(sys.executable).parent / "ruff"
    checked = subprocess.run(
        [ruff, "format", "--check", "--line-length", "110", file], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("name", "secrets"),
    [
        ("web-db", ["spring-onion"]),
        ("wordpress", ["river-stone-lantern"]),
        ("voting", ["ballot-box-key"]),
        ("monitoring", ["copper-kettle-9"]),
        ("kafka", ["quiet-harbour"]),
        ("jobs", ["violet-anchor"]),
        ("qed", ["river-delta-survey", "heron-on-water"]),
    ],
)
def test_no_secret_of_a_shape_is_in_its_folder(name: str, secrets: list[str], tmp_path: Path) -> None:
    for path, text in shape(name, tmp_path).files.items():
        assert not any(secret in text for secret in secrets), path


def kinds(made: Made) -> dict[str, str]:
    """The workload's kind of each component."""
    known = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
    return {
        part.name: obj["kind"]
        for part in made.making.parts.values()
        for obj in part.objects
        if obj["kind"] in known
    }


def test_jobs_run_in_the_order_of_their_completion(tmp_path: Path) -> None:
    made = shape("jobs", tmp_path)
    assert kinds(made) == {"db": "StatefulSet", "migrate": "Job", "seed": "Job", "api": "Deployment"}
    assert (made.after("seed"), made.after("api")) == (["migrate"], ["seed"])
    assert set(made.after("migrate")) == {"db", "credentials"}


def test_the_kafka_shape_keeps_a_disk_for_each_broker_and_follows_their_names(tmp_path: Path) -> None:
    made = shape("kafka", tmp_path)
    assert set(kinds(made).values()) == {"StatefulSet", "Deployment"}
    env = made.env("broker-2", "StatefulSet")
    assert env["KAFKA_CONTROLLER_QUORUM_VOTERS"] == "1@broker-1:9093,2@broker-2:9093,3@broker-3:9093"
    assert env["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert made.env("ui")["KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS"] == "broker-1:9092,broker-2:9092,broker-3:9092"


def test_the_monitoring_shape_follows_a_name_into_its_config(tmp_path: Path) -> None:
    made = shape("monitoring", tmp_path)
    assert '"node-exporter:9100"' in made.files["config/prometheus.yml"]
    assert "Service/node-exporter" in made.objects("node-exporter")
    assert kinds(made)["node-exporter"] == "DaemonSet"


def test_the_override_of_the_profiles_shape_wins(tmp_path: Path) -> None:
    made = shape("profiles", tmp_path)
    assert made.env("app") == {"FROM_FILE": "yes", "LEVEL": "info", "MODE": "override", "EXTRA": "1"}
    assert "readinessProbe" not in made.container("app")
    assert made.after("app") == ["metrics"]
    assert made.making.urls == [("app", "svc/app:80")]


def test_the_shape_of_qed_has_what_kompose_lost(tmp_path: Path) -> None:
    made = shape("qed", tmp_path)
    services = {
        o["metadata"]["name"] for p in made.making.parts.values() for o in p.objects if o["kind"] == "Service"
    }
    assert services >= {
        "redis",
        "mongodb",
        "qed-django",
        "qed-flask",
        "cts-nodejs",
        "uwsgi-django",
        "pisces-db",
    }
    assert made.env("qed-django")["CTS_SERVER"] == "cts-nodejs"
    assert made.env("qed-django")["DOCKER_HOSTNAME"] == ""
    assert made.container("dask-worker")["args"] == ["dask-worker", "dask-scheduler:8786"]
    assert "uwsgi_pass uwsgi-django:8080" in made.files["config/site.conf"]
    assert {n for n, kind in kinds(made).items() if kind == "StatefulSet"} == {"redis", "mongodb"}
    assert set(made.after("qed-flask")) >= {"redis", "mongodb", "qed-celery"}
    assert [f.service for f in made.found(Grade.TO_DO) if f.key == "build"] == ["qed_django"]


# Texts


@given(st.text(max_size=30))
def test_any_text_comes_back_from_a_manifest_as_it_was(text: str) -> None:
    if any(ord(c) < 32 and c not in "\n\t" for c in text) or not text.isprintable():
        return
    part = Part("p", objects=[{"kind": "X", "value": text, "list": [text]}])
    (document,) = parse_documents(manifest(part), "p.yaml")
    assert substitute(document.node, {}, "p.yaml") == {"kind": "X", "value": text, "list": [text]}


@pytest.mark.parametrize(
    "text", ["yes", "y", "012", "1e3", "22:22", "null", "", "${x}", "$${x}", "a\nb\n", "~", "#"]
)
def test_texts_that_yaml_reads_as_something_else_stay_texts(text: str) -> None:
    (document,) = parse_documents(manifest(Part("p", objects=[{"value": text}])), "p.yaml")
    assert substitute(document.node, {}, "p.yaml") == {"value": text}


def test_a_template_renders_to_the_file_that_was_mounted(tmp_path: Path) -> None:
    text = "{{ a }}\n{% if %}\n${b} {# c #}\n"
    (tmp_path / "x.conf").write_text(text)
    made = one(tmp_path, "volumes: ['./x.conf:/x.conf:ro']")
    (config,) = [o for o in rendered(written(made, tmp_path / "out")) if o.ref.kind == "ConfigMap"]
    assert config.body["data"] == {"x.conf": text}


# Edits


def test_a_second_time_changes_nothing_and_what_is_no_longer_needed_goes(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    made = converted(tmp_path, "services:\n  a: {image: x}\n  b: {image: x}\n")
    assert set(write(folder, made.files, sources=())) == {"platform.py", "a.yaml", "b.yaml"}
    assert write(folder, made.files, sources=()) == []
    less = converted(tmp_path, "services:\n  a: {image: x}\n")
    assert set(write(folder, less.files, sources=())) == {"platform.py", "b.yaml"}
    assert not (folder / "b.yaml").exists()


def test_a_file_that_somebody_edited_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    write(folder, {"a.yaml": "1\n", "b.yaml": "1\n"}, sources=())
    (folder / "b.yaml").write_text("mine\n")
    with pytest.raises(InputError, match=r"changed: b\.yaml\. Nothing was written.*--overwrite") as refused:
        write(folder, {"a.yaml": "2\n", "b.yaml": "2\n"}, sources=())
    assert refused.value.exit_code == 2
    assert (folder / "a.yaml").read_text() == "1\n"
    write(folder, {"a.yaml": "2\n", "b.yaml": "2\n"}, sources=(), force=True)
    assert (folder / "b.yaml").read_text() == "2\n"


def test_a_file_that_was_there_before_is_not_ours_to_overwrite(tmp_path: Path) -> None:
    (tmp_path / "platform.py").write_text("mine\n")
    with pytest.raises(InputError, match=r"platform\.py"):
        write(tmp_path, {"platform.py": "ours\n"}, sources=())
