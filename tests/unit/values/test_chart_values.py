"""The values of a Helm chart as settings: what is known is taken, what is not is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from allup.chartvalues import ChartValues, read
from allup.errors import InputError
from allup.settings import resolve
from k8s.arl import chart
from k8s.arl.settings import Settings

SEED = """\
worker:
  replicaCount: 1

image:
  repository: arl_img
  tag: latest
  pullPolicy: IfNotPresent

jupyter:
  password: open-sesame

nfs:
  server: 192.168.0.168

resources:
  limits:
   cpu: 500m     # 500m = 0.5 CPU
   memory: 512Mi # 512Mi = 0.5 GB mem

nodeSelector: {}
tolerations: []
affinity: {}
"""


@pytest.fixture
def values(tmp_path: Path) -> Path:
    return tmp_path / "values.yaml"


def taken(file: Path, text: str) -> ChartValues:
    file.write_text(text)
    return read(file, "values.yaml", chart.VALUES, chart.REFUSED)


def test_the_charts_own_file_is_taken_as_it_is(values: Path) -> None:
    found = taken(values, SEED)
    assert {name: value for name, (value, _) in found.settings.platforms[""].items()} == {
        "worker_replicas": 1,
        "img": "arl_img",
        "tag": "latest",
        "image_pull_policy": "IfNotPresent",
        "nfs_server": "192.168.0.168",
        "worker_cpu": "500m",
        "worker_mem": "512Mi",
    }
    assert found.variables == {"JUPYTER_PASSWORD": "open-sesame"}
    assert "open-sesame" not in repr(found)


def test_a_flag_wins_over_it_and_it_wins_over_a_variable(values: Path) -> None:
    found = taken(values, "worker: {replicaCount: 10}\nimage: {tag: 1.10}\n")
    resolved = resolve(
        Settings,
        flags={"tag": "flag"},
        environ={"WORKER_REPLICAS": "2", "TAG": "variable", "IMG": "other"},
        files=(),
        platform_names=("arl",),
        chart=found.settings,
    )
    assert isinstance(resolved.values, Settings)
    assert (resolved.values.worker_replicas, resolved.values.tag) == (10, "flag")
    assert resolved.values.img == "other"
    assert str(resolved.origins["worker_replicas"]) == "values.yaml:1"


def test_a_tag_that_looks_like_a_number_keeps_its_spelling(values: Path) -> None:
    assert taken(values, "image: {tag: 1.10}\n").settings.platforms[""]["tag"][0] == "1.10"


def test_lists_and_mappings_come_as_json(values: Path) -> None:
    found = taken(values, "nodeSelector: {disk: ssd}\ntolerations: [{operator: Exists}]\n")
    assert found.settings.platforms[""]["node_selector"][0] == '{"disk": "ssd"}'
    assert found.settings.platforms[""]["tolerations"][0] == '[{"operator": "Exists"}]'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "\nresource:\n  limits:\n    cpu: 1\n",
            "values.yaml:3: resource.limits is not taken. The chart never read",
        ),
        ("image:\n  secrets:\n  - name: x\n", "values.yaml:2: image.secrets is not taken"),
        ("worker:\n  replicas: 3\n", "values.yaml:2: there is no value 'worker.replicas'"),
        ("wroker: {}\n", "values.yaml:1: there is no value 'wroker'"),
        ("nameOverride: x\n", "Names come from --instance"),
        ("- a\n", "is not a mapping of values"),
    ],
)
def test_what_the_chart_does_not_have_is_refused_with_its_line(values: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        taken(values, text)
    assert words in str(error.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "none.yaml", "none.yaml", chart.VALUES, chart.REFUSED)


KNOWN = {"a.repository": "image", "a.tag": ":image", "a.secret": "OUR_SECRET", "b.port": "port", "c": "port"}
UNUSED = {"a.cpu": "There are no CPU limits", "b.cpu": "There are no CPU limits", "gone": "Nobody read it"}


def test_a_tag_is_put_to_its_image_and_a_blank_secret_counts_as_not_said(values: Path) -> None:
    values.write_text("a: {repository: org/app, tag: 1.10, secret: ''}\nb: {port: 80}\nc: 80\n")
    found = read(values, "v", KNOWN, {}, UNUSED)
    assert found.settings.platforms[""] == {"image": ("org/app:1.10", 1), "port": (80, 2)}
    assert found.variables == {}


def test_what_may_stand_there_without_effect_is_named_once_for_each_reason(values: Path) -> None:
    values.write_text("a: {cpu: 1}\nb: {cpu: 2}\ngone: x\n")
    assert read(values, "v", KNOWN, {}, UNUSED).warnings == (
        "v: not used: a.cpu, b.cpu. There are no CPU limits",
        "v: not used: gone. Nobody read it",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("b: {port: 80}\nc: 81\n", "v:2: c sets port otherwise than line 1 does"),
        ("a: {tag: v1}\n", "v:1: is the tag of image, and its repository is not given"),
        ("gome: x\n", "did you mean 'gone'"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(values: Path, text: str, words: str) -> None:
    values.write_text(text)
    with pytest.raises(InputError) as error:
        read(values, "v", KNOWN, {}, UNUSED)
    assert words in str(error.value)
