"""Which value a setting gets, and what a person reads when it does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allup import setting
from allup.errors import InputError
from allup.model.settings import PlatformSettings, setting_specs
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


@dataclass(frozen=True, kw_only=True)
class Settings(PlatformSettings):
    worker_replicas: int = setting(1, env="WORKER_REPLICAS")
    worker_mem: Quantity = setting("512Mi", env="WORKER_MEM")
    debug: bool = setting(False, env="QED_DEBUG")
    share: float = setting(0.5)
    mode: str = setting("key", env="MODE", choices=("key", "server", "floating"))
    tag: str = setting("1.0", env="TAG")
    domain: str | None = setting("example.org", env="DOMAIN")
    limit: int | None = setting(None, env="LIMIT")


SPECS = {spec.name: spec for spec in setting_specs(Settings)}
KNOWN = {"rstudio": list(SPECS), "k8s": list(SPECS)}


def resolved(
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    *files: SettingsFile,
) -> ResolvedSettings:
    return resolve(
        Settings, flags=flags or {}, environ=environ or {}, files=files, platform_names=("k8s", "rstudio")
    )


def one(name: str, found: ResolvedSettings) -> tuple[Any, str]:
    return getattr(found.values, name), str(found.origins[name])


def written(tmp_path: Path, text: str) -> SettingsFile:
    path = tmp_path / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return read_settings_file(path, "invoke.yaml")


@given(st.lists(st.none() | st.integers(0, 99), min_size=5, max_size=5))
def test_the_first_place_that_says_it_wins(places: list[int | None]) -> None:
    flag, variable, *in_files = places
    files = [
        SettingsFile(f"{n}.yaml", {} if v is None else {"rstudio": {"worker_replicas": (v, 10 + n)}})
        for n, v in enumerate(in_files)
    ]
    found = resolved(
        {"worker_replicas": None if flag is None else str(flag)},
        {} if variable is None else {"WORKER_REPLICAS": str(variable)},
        *files,
    )
    origins = ["flag --worker-replicas", "variable WORKER_REPLICAS", "0.yaml:10", "1.yaml:11", "2.yaml:12"]
    said = [(v, origin) for v, origin in zip(places, origins, strict=True) if v is not None]
    assert one("worker_replicas", found) == (said[0] if said else (1, "default"))


def test_every_setting_has_an_origin_and_its_default_in_its_own_type() -> None:
    found = resolved()
    assert found.values == Settings(worker_mem=Quantity("512Mi"))
    assert set(found.origins) == set(SPECS)
    assert set(found.origins.values()) == {Origin("default", "")}


def test_a_flag_can_say_no() -> None:
    found = resolved({"no_debug": True, "debug": None}, {"QED_DEBUG": "yes"})
    assert one("debug", found) == (False, "flag --no-debug")
    assert one("debug", resolved({"no_debug": False}, {"QED_DEBUG": "on"})) == (True, "variable QED_DEBUG")
    with pytest.raises(InputError, match="contradicts --no-debug"):
        resolved({"no_debug": True, "debug": True})


@pytest.mark.parametrize("text", ["true", "Yes", "on", "1"])
def test_a_bool_is_spelled_in_several_ways(text: str) -> None:
    assert convert(SPECS["debug"], text, "x") is True
    no = {"true": "false", "Yes": "No", "on": "OFF", "1": "0"}[text]
    assert convert(SPECS["debug"], no, "x") is False


@pytest.mark.parametrize("name", ["domain", "limit"])
def test_an_empty_value_turns_an_optional_setting_off(name: str) -> None:
    found = resolved({}, {name.upper(): ""}, SettingsFile("f", {"k8s": {name: ("7", 1)}}))
    assert one(name, found) == (None, f"variable {name.upper()}")


def test_an_empty_value_is_an_empty_text() -> None:
    assert one("tag", resolved({"tag": ""}, {"TAG": "2"})) == ("", "flag --tag")


@pytest.mark.parametrize("name", ["worker_replicas", "worker_mem", "debug", "share"])
def test_an_empty_value_is_refused_where_a_value_is_needed(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} is empty"):
        convert(SPECS[name], "", "variable X")


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("worker_replicas", "four", "flag --x: worker_replicas takes a whole number, not 'four'."),
        ("worker_replicas", "1.5", "flag --x: worker_replicas takes a whole number, not '1.5'."),
        ("worker_replicas", True, "flag --x: worker_replicas takes a whole number, not true."),
        ("worker_replicas", [1], "flag --x: worker_replicas takes a whole number, not a list."),
        ("share", "nan", "flag --x: share takes a number, not 'nan'."),
        ("share", 10**400, "flag --x: share takes a number, not 1" + "0" * 400 + "."),
        ("debug", "maybe", "flag --x: debug takes true or false, not 'maybe'."),
        ("debug", 2, "flag --x: debug takes true or false, not 2."),
        (
            "worker_mem",
            "lots",
            "flag --x: worker_mem takes a quantity such as 512Mi, 2Gi, 0.5 or 250m, not 'lots'.",
        ),
        ("tag", False, "flag --x: tag takes a text, not false. Put it in quotes."),
        (
            "mode",
            "sever",
            "flag --x: mode cannot be 'sever' (did you mean 'server'?). It is one of key, server, floating.",
        ),
        ("mode", "", "flag --x: mode cannot be ''. It is one of key, server, floating."),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_words(name: str, raw: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        convert(SPECS[name], raw, "flag --x")
    assert str(caught.value) == message


def test_a_file_gives_settings_with_their_lines(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "run:\n  echo: true\nrstudio:\n  worker_replicas: 4\n  tag: 1.10\n  domain:\n"
        "k8s:\n  worker_mem: 1Gi\nallup:\n  contexts: [prod, 'yes']\n",
    )
    assert file.contexts == ("prod", "yes")
    assert file.top_level == {"run": 1, "rstudio": 3, "k8s": 7, "allup": 9}
    assert file.platforms["rstudio"]["worker_replicas"] == (4, 4)
    assert check_known(file, KNOWN) == ()
    found = resolved({}, {}, file)
    assert one("worker_replicas", found) == (4, "invoke.yaml:4")
    assert one("tag", found) == ("1.10", "invoke.yaml:5")
    assert one("domain", found) == (None, "invoke.yaml:6")
    assert one("worker_mem", found) == (Quantity("1Gi"), "invoke.yaml:8")


@pytest.mark.parametrize("text", ["", "# only a comment\n", "rstudio:\n", "allup:\n"])
def test_a_file_that_says_nothing_sets_nothing(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, text)
    assert check_known(file, KNOWN) == ()
    assert resolved({}, {}, file) == resolved()


def test_a_missing_file_sets_nothing(tmp_path: Path) -> None:
    assert read_settings_file(tmp_path / "gone.yaml", "gone.yaml") == SettingsFile("gone.yaml")


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("rstudio:\n  a: [1\n", "invoke.yaml:"),
        ("- rstudio\n", "invoke.yaml:1"),
        ("a: {}\n---\nb: {}\n", "invoke.yaml:3"),
        ("allup: 5\n", "invoke.yaml:1"),
        ("allup:\n  context: [a]\n", "invoke.yaml:2"),
        ("allup:\n  contexts: prod\n", "invoke.yaml:2"),
        ("allup:\n  contexts:\n  - prod\n  - {}\n", "invoke.yaml:4"),
        ("rstudio:\n  tag: a\n  tag: b\n", "invoke.yaml:3"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, text: str, subject: str) -> None:
    with pytest.raises(InputError) as caught:
        written(tmp_path, text)
    assert caught.value.subject.startswith(subject)


def test_an_unknown_setting_is_refused_with_its_line_and_the_likely_name(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"^invoke\.yaml:2: .*'worker-replicas' \(did you mean 'worker_replicas'\?\)\.$"
    ):
        check_known(written(tmp_path, "rstudio:\n  worker-replicas: 4\n"), KNOWN)
    with pytest.raises(InputError, match=r"'colour'\. It has "):
        check_known(written(tmp_path, "rstudio:\n  colour: red\n"), KNOWN)


def test_a_platform_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rstudio takes a mapping"):
        check_known(written(tmp_path, "rstudio: 4\n"), KNOWN)


def test_a_near_miss_of_a_platform_is_warned_of_and_other_keys_are_invokes(tmp_path: Path) -> None:
    file = written(tmp_path, "rstudoi:\n  tag: a\nrun:\n  echo: true\nrunners: {}\nmine: 4\n")
    warnings = check_known(file, KNOWN)
    assert len(warnings) == 1
    assert warnings[0].startswith("invoke.yaml:1: 'rstudoi' is not a platform (did you mean 'rstudio'?)")
