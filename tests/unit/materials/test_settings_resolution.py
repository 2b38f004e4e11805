"""What a person set, where, and the words for what does not fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allup.errors import InputError
from allup.model.settings import PlatformSettings, SettingSpec, setting, setting_specs
from allup.quantities import Quantity
from allup.settings import (
    Origin,
    ResolvedSettings,
    SettingsFile,
    check_known,
    convert,
    read_settings_file,
    resolve,
)
from allup.yamlfiles import MappingNode, ScalarNode


@dataclass(frozen=True, kw_only=True)
class Settings(PlatformSettings):
    worker_replicas: int = setting(1, env="WORKER_REPLICAS")
    worker_mem: Quantity = setting("512Mi", env="WORKER_MEM")  # noqa: RUF009
    share: float = setting(0.8)
    debug: bool = setting(False, env="DEBUG")
    tag: str = setting("latest", env="TAG")
    service_type: str = setting("ClusterIP", choices=["ClusterIP", "NodePort"])
    nfs_server: str | None = setting(None, env="NFS_SERVER")
    uid: int | None = setting(1000)


SPECS = {spec.name: spec for spec in setting_specs(Settings)}


def settings_file(tmp_path: Path, text: str, label: str = "invoke.yaml") -> SettingsFile:
    path = tmp_path / label
    path.write_text(text)
    return read_settings_file(path, label)


def resolved(**given: Any) -> ResolvedSettings[Settings]:
    arguments: dict[str, Any] = {"names": ["arl"], "flags": {}, "environ": {}, "files": [], **given}
    return resolve(Settings, **arguments)


def test_without_anything_the_defaults_hold_in_their_types() -> None:
    one = resolved(instance="blue", namespace="ns")
    assert one.values == Settings(worker_mem=Quantity("512Mi"), instance="blue", namespace="ns")
    assert isinstance(one.values.worker_mem, Quantity)
    assert set(map(str, one.origins.values())) == {"default"}


def test_each_origin_prints_as_a_person_would_point_to_it(tmp_path: Path) -> None:
    one = resolved(
        flags={"worker_replicas": "4", "debug": False, "tag": None},
        environ={"WORKER_MEM": "1Gi"},
        files=[settings_file(tmp_path, "other: {}\narl:\n  tag: 1.10\n")],
    )
    assert one.values.worker_replicas == 4
    assert one.values.tag == "1.10"
    assert {name: str(origin) for name, origin in one.origins.items() if str(origin) != "default"} == {
        "worker_replicas": "flag --worker-replicas",
        "debug": "flag --no-debug",
        "worker_mem": "variable WORKER_MEM",
        "tag": "invoke.yaml:3",
    }


SOURCES = ("flag", "variable", "first.yaml", "second.yaml", "third.yaml")


def in_memory(label: str, value: str) -> SettingsFile:
    node = MappingNode((("tag", 1, ScalarNode(value, value, True, 1)),), 1)
    return SettingsFile(label, {"arl": (1, node)})


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(SOURCES), st.text("abc", max_size=3)))
def test_the_first_source_that_sets_it_wins_even_with_nothing(given: dict[str, str]) -> None:
    one = resolved(
        flags={"tag": given.get("flag")},
        environ={"TAG": given["variable"]} if "variable" in given else {},
        files=[in_memory(label, given[label]) for label in SOURCES[2:] if label in given],
    )
    winner = next((source for source in SOURCES if source in given), None)
    assert one.values.tag == (given[winner] if winner else "latest")
    names = {None: "default", "flag": "flag --tag", "variable": "variable TAG"}
    assert str(one.origins["tag"]) == names.get(winner, f"{winner}:1")


def test_an_empty_value_counts_as_set(tmp_path: Path) -> None:
    below = settings_file(tmp_path, "arl: {nfs_server: 10.0.0.1, tag: x, uid: 5}\n")
    above = settings_file(tmp_path, "arl:\n  uid:\n")
    one = resolved(environ={"NFS_SERVER": "", "TAG": ""}, files=[above, below])
    assert (one.values.nfs_server, one.values.tag, one.values.uid) == (None, "", None)
    assert str(one.origins["uid"]) == "invoke.yaml:2"


def test_both_names_of_a_platform_are_read_but_not_the_same_setting_twice(tmp_path: Path) -> None:
    file = settings_file(tmp_path, "k8s: {tag: a}\nrstudio: {debug: yes}\n")
    one = resolved(names=["rstudio", "k8s"], files=[file])
    assert (one.values.tag, one.values.debug) == ("a", True)
    twice = settings_file(tmp_path, "k8s: {tag: a}\nrstudio: {tag: b}\n")
    with pytest.raises(InputError, match=r"invoke\.yaml:1: 'tag' is also set in line 2"):
        resolved(names=["rstudio", "k8s"], files=[twice])


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("debug", "yes", True),
        ("debug", "ON", True),
        ("debug", "1", True),
        ("debug", "off", False),
        ("debug", "0", False),
        ("debug", True, True),
        ("worker_replicas", " 012 ", 12),
        ("worker_replicas", "-3", -3),
        ("share", "1e-1", 0.1),
        ("worker_mem", "0.5Gi", Quantity("0.5Gi")),
        ("service_type", "NodePort", "NodePort"),
        ("nfs_server", "", None),
        ("nfs_server", None, None),
        ("tag", "", ""),
        ("tag", " x ", " x "),
    ],
)
def test_what_is_typed_becomes_the_type_of_the_setting(name: str, raw: Any, value: object) -> None:
    converted = convert(SPECS[name], raw)
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("name", "raw", "fact"),
    [
        ("debug", "maybe", "'maybe' is neither true nor false. Write true or false"),
        ("debug", "", "neither true nor false"),
        ("worker_replicas", "four", "'four' is not a whole number"),
        ("worker_replicas", "1e3", "'1e3' is not a whole number"),
        ("worker_replicas", "", "is empty"),
        ("worker_replicas", True, "'true' is not a whole number"),
        ("share", "nan", "'nan' is not a number"),
        ("worker_mem", "512MB", "not a quantity such as 512Mi"),
        ("service_type", "Nodeport", "did you mean 'NodePort'"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(name: str, raw: Any, fact: str) -> None:
    with pytest.raises(InputError) as caught:
        convert(SPECS[name], raw, origin=Origin("variable", "X"))
    assert caught.value.subject == f"setting {name} (variable X)"
    assert fact in str(caught.value)


def test_a_missing_file_is_empty_unless_it_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "gone.yaml"
    assert read_settings_file(path) == SettingsFile(str(path), {})
    with pytest.raises(InputError, match=r"mine\.yaml: there is no such file"):
        read_settings_file(path, "mine.yaml", required=True)


@pytest.mark.parametrize("text", ["", "# nothing\n", "allup:\n", "allup: {}\n", "arl:\n"])
def test_a_file_that_says_nothing_sets_nothing(tmp_path: Path, text: str) -> None:
    file = settings_file(tmp_path, text)
    assert (file.contexts, file.values_of(["arl"])) == ((), {})


def test_contexts_that_may_be_used_are_read(tmp_path: Path) -> None:
    file = settings_file(tmp_path, "allup:\n  contexts: [staging, 'team/dev']\nrun: {echo: true}\n")
    assert file.contexts == ("staging", "team/dev")
    assert list(file.sections) == ["run"]


@pytest.mark.parametrize(
    ("text", "line", "fact"),
    [
        ("allup:\n  context: [a]\n", 2, "did you mean 'contexts'"),
        ("allup: []\n", 1, "is not a mapping"),
        ("allup:\n  contexts: a\n", 2, "not a list of context names"),
        ("allup:\n  contexts:\n  - [a]\n", 3, "not a list of context names"),
        ("- a\n", 1, "is not a mapping"),
        ("a: 1\n---\nb: 1\n", 3, "here begins another"),
        ("a: 1\na: 2\n", 2, "already in line 1"),
    ],
)
def test_a_malformed_settings_file_is_refused_at_its_line(
    tmp_path: Path, text: str, line: int, fact: str
) -> None:
    with pytest.raises(InputError) as caught:
        settings_file(tmp_path, text)
    assert caught.value.subject == f"invoke.yaml:{line}"
    assert fact in str(caught.value)


PLATFORMS: dict[str, tuple[SettingSpec, ...]] = {"arl": tuple(SPECS.values()), "rstudio": (), "k8s": ()}


def test_an_unknown_setting_of_a_known_platform_is_refused(tmp_path: Path) -> None:
    file = settings_file(tmp_path, "arl:\n  tag: a\n  worker-replicas: 2\n")
    with pytest.raises(InputError, match="did you mean 'worker_replicas'") as caught:
        check_known(file, PLATFORMS)
    assert caught.value.subject == "invoke.yaml:3"


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("arl: [a]\n", "is not a mapping of settings"),
        ("arl: {tag: [a]}\n", "arl.tag is a list; a setting is one value"),
        ("arl: {tag: {a: b}}\n", "arl.tag is a mapping"),
    ],
)
def test_a_setting_is_one_value(tmp_path: Path, text: str, fact: str) -> None:
    with pytest.raises(InputError, match=fact):
        check_known(settings_file(tmp_path, text), PLATFORMS)


def test_only_a_near_miss_of_a_platform_is_worth_a_warning(tmp_path: Path) -> None:
    file = settings_file(tmp_path, "run: {echo: true}\ntasks: {x: 1}\nmine: [1]\n\nrstduio: {a: 1}\n")
    (warning,) = check_known(file, PLATFORMS)
    assert warning.startswith("invoke.yaml:5: 'rstduio' is not a platform (did you mean 'rstudio'?)")
