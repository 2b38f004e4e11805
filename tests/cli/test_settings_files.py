"""invoke.yaml and -f: a mistake is told with file and line, in one paragraph, before Invoke trips over it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.invoking import Inv

MISTAKES = [
    ("k8s: {rsp_port: [", "invoke.yaml:"),
    ("k8s:\n\trsp_port: 1\n", "invoke.yaml:2"),
    ("k8s:\n  rsp_prt: 1\n", "invoke.yaml:2: k8s has no setting 'rsp_prt' (did you mean 'rsp_port'?)"),
    ("k8s:\n  rsp_port: 1\n  rsp_port: 2\n", "invoke.yaml:3: the key 'rsp_port' is already in line 2"),
    ("k8s:\n  rsp_port: x\n", "invoke.yaml:2: rsp_port takes a whole number, not 'x'"),
    ("k8s:\n  log_level: [info]\n", "invoke.yaml:2: log_level takes a text, not a list"),
    ("k8s: 3\n", "invoke.yaml:1: k8s takes a mapping"),
    ("- a\n- b\n", "invoke.yaml:1: is not a mapping"),
    ("run: loudly\n", "invoke.yaml:1: run is Invoke's own section and takes a mapping"),
    ("\n\ntasks: 3\n", "invoke.yaml:3: tasks is Invoke's own section and takes a mapping"),
    ("run: {env: 3}\n", "invoke.yaml: Invoke cannot use what its own sections in it hold"),
    ("allup: {context: [x]}\n", "invoke.yaml:1: allup has no setting 'context' (did you mean 'contexts'?)"),
    ("allup: {contexts: x}\n", "invoke.yaml:1: contexts takes a list"),
    ("k8s: {}\n---\nk8s: {}\n", "invoke.yaml:3: a second document begins"),
    ("k8s: !!python/object:os.system {}\n", "invoke.yaml:1"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_in_the_settings_file_is_told_with_its_line(
    alone: Inv, settings_file: Path, text: str, said: str
) -> None:
    settings_file.write_text(text)
    assert said in alone.refused("k8s.settings")


@pytest.mark.parametrize(("text", "said"), [m for m in MISTAKES if "k8s has" not in m[1]][:2])
def test_a_mistake_in_a_file_given_with_f_is_told_with_its_line(
    alone: Inv, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(text)
    assert said.replace("invoke.yaml", str(file)) in alone.refused("-f", str(file), "k8s.settings")


def test_a_file_given_with_f_that_is_not_there_is_refused(alone: Inv, tmp_path: Path) -> None:
    assert "there is no such file" in alone.refused("-f", str(tmp_path / "none.yaml"), "k8s.settings")


def test_a_settings_file_that_is_not_text_or_no_file_is_refused(alone: Inv, settings_file: Path) -> None:
    settings_file.write_bytes(b"\xff\xfe\x00k8s")
    assert alone.refused("k8s.settings").startswith("invoke.yaml")
    settings_file.unlink()
    settings_file.mkdir()
    try:
        assert alone.refused("k8s.settings").startswith("invoke.yaml")
    finally:
        settings_file.rmdir()


def test_a_settings_file_under_the_other_suffix_is_not_passed_over_in_silence(
    alone: Inv, settings_file: Path
) -> None:
    other = settings_file.with_suffix(".yml")
    other.write_text("k8s: {rsp_port: 1}\n")
    try:
        assert "rename it to invoke.yaml" in alone.refused("k8s.settings")
    finally:
        other.unlink()


def test_a_section_that_looks_like_a_slip_is_warned_about(alone: Inv, settings_file: Path) -> None:
    settings_file.write_text("ks8:\n  rsp_port: 3\n")
    ended = alone("k8s.settings", "--json")
    assert ended.code == 0
    assert ended.paragraph == (
        "warning: invoke.yaml:1: 'ks8' is not a platform (did you mean 'k8s'?); what it sets is not used"
    )


def test_a_setting_comes_from_the_flag_then_the_variable_then_the_files(
    alone: Inv, settings_file: Path, tmp_path: Path
) -> None:
    asked = tmp_path / "asked.yaml"
    settings_file.write_text("k8s: {ldap_domain: project.test}\n")
    asked.write_text("k8s: {ldap_domain: asked.test}\n")

    def domain(*words: str, **environ: str) -> tuple[str, str]:
        told = json.loads(alone.fine(*words, environ=environ))
        found = next(s for s in told["settings"] if s["name"] == "ldap_domain")
        return found["value"], found["origin"]

    last = ("k8s.settings", "--json")
    assert domain(*last) == ("project.test", "invoke.yaml:1")
    assert domain("-f", str(asked), *last) == ("asked.test", f"{asked}:1")
    assert domain("-f", str(asked), *last, LDAP_DOMAIN="env.test") == ("env.test", "variable LDAP_DOMAIN")
    flagged = domain(*last, "--ldap-domain", "flag.test", LDAP_DOMAIN="env.test")
    assert flagged == ("flag.test", "flag --ldap-domain")
    settings_file.unlink()
    assert domain(*last) == ("example.org", "default")
