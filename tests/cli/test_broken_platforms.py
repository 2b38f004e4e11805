"""A platform with a mistake in it: one paragraph with file and line, and the other platforms still work."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from allup.cluster.requests import Api
from allup.errors import NotFound
from tests.cli.invoking import Inv

HEAD = """\
from dataclasses import dataclass
from allup import Component, Platform, PlatformSettings, setting

@dataclass(frozen=True, kw_only=True)
class Settings(PlatformSettings):
    replicas: int = setting(1, env="TRIAL_REPLICAS", help="how many")

def platform(s):
    return Platform("trial", namespace=s.namespace, instance=s.instance, components=[
"""
ONE = HEAD + '    Component("one", "one.yaml", values={"replicas": s.replicas}),\n])\n'
CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data:
  replicas: "${replicas}"
"""


@pytest.fixture
def platform(checkout: Path) -> Iterator[Callable[..., Path]]:
    """Writes the files of k8s/trial; they go afterwards."""
    folder = checkout / "k8s" / "trial"

    def write(code: str, **manifests: str) -> Path:
        folder.mkdir()
        (folder / "platform.py").write_text(code)
        for name, text in manifests.items():
            (folder / f"{name}.yaml").write_text(text)
        return folder

    try:
        yield write
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_folder_is_all_a_platform_takes(alone: Inv, platform: Callable[..., Path]) -> None:
    platform(ONE, one=CONFIG)
    assert ".one-up" in alone.fine("--list", "trial")
    assert "replicas: '3'" in alone.fine("trial.render", "--replicas", "3")
    assert "TRIAL_REPLICAS" in alone.fine("trial.settings")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def platform(s:\n", "k8s/trial/platform.py:1: does not load: SyntaxError"),
        ("\n\nraise ValueError('odd')\n", "k8s/trial/platform.py:3: does not load: ValueError: odd"),
        ("import nowhere\n", "k8s/trial/platform.py:1: does not load: ModuleNotFoundError"),
        ("import sys\nsys.exit(7)\n", "k8s/trial/platform.py:2: does not load: SystemExit: 7"),
        ("Settings = None\n", "k8s/trial/platform.py: does not load: AttributeError"),
        (ONE.replace('"one"', 'int("x")'), "k8s/trial/platform.py:10: platform() fails on its defaults"),
        (ONE.replace('"one"', '"status"'), "status"),
        (HEAD + ' Component("a", "one.yaml", after=["c"])])\n', "'c'"),
    ],
)
def test_code_with_a_mistake_is_told_with_its_line(
    alone: Inv, platform: Callable[..., Path], code: str, said: str
) -> None:
    platform(code, one=CONFIG)
    assert said in alone.refused("trial.render")


def test_the_tasks_of_other_platforms_are_there_all_the_same(
    alone: Inv, platform: Callable[..., Path]
) -> None:
    platform("def platform(s:\n")
    listed = alone("--list")
    assert listed.code == 0
    assert "k8s.all-up" in listed.out
    assert listed.paragraph.endswith("Its tasks are left out.")
    assert "needs setup" in alone.fine("k8s.graph")


@pytest.mark.parametrize("verb", ["graph", "plan", "all-up"])
def test_components_that_need_each_other_are_refused(
    beside: Inv, platform: Callable[..., Path], verb: str
) -> None:
    pair = ' Component("a", "one.yaml", after=["b"]), Component("b", "one.yaml", after=["a"])])\n'
    platform(HEAD + pair, one=CONFIG.replace("${replicas}", "1"))
    assert "has a cycle: a needs b needs a" in beside.refused(f"trial.{verb}")


def test_the_name_of_a_collection_is_taken_once(alone: Inv, platform: Callable[..., Path]) -> None:
    platform("COLLECTION = 'k8s'\n" + ONE, one=CONFIG)
    listed = alone("--list")
    assert "its tasks cannot be called k8s: those of k8s/rstudio/platform.py are" in listed.paragraph


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (CONFIG.replace("\ndata:", "\ndata: ["), "one.yaml:4: the {} or [] that begins here is not closed"),
        (
            CONFIG.replace("\ndata:", "\nkind: Secret\ndata:"),
            "one.yaml:4: the key 'kind' is already in line 2",
        ),
        (CONFIG.replace("${replicas}", "${replcas}"), "did you mean 'replicas'"),
        (CONFIG.replace("kind: ConfigMap\n", ""), "one.yaml:1"),
        (CONFIG.replace("{name: one}", "{}"), "one.yaml:"),
        (CONFIG + "---\n- a list\n", "one.yaml:7"),
        (CONFIG + "---\n" + CONFIG, "one.yaml:7"),
        ("\ttab: 1\n", "one.yaml:1"),
    ],
)
def test_a_manifest_with_a_mistake_is_told_with_its_line(
    alone: Inv, platform: Callable[..., Path], manifest: str, said: str
) -> None:
    platform(ONE, one=manifest)
    paragraph = alone.refused("trial.render")
    assert said in paragraph
    assert "one.yaml" in paragraph
    assert "trial.all-up" in alone.fine("--list")


def test_a_manifest_that_is_not_there_is_named(alone: Inv, platform: Callable[..., Path]) -> None:
    platform(ONE)
    said = "component 'one' in k8s/trial/platform.py: names the manifest 'one.yaml', which is not there"
    assert said in alone.refused("trial.render")


def test_nothing_is_written_when_a_manifest_is_wrong(
    beside: Inv, platform: Callable[..., Path], server: Api
) -> None:
    platform(ONE, one=CONFIG.replace("${replicas}", "${replcas}"))
    beside.refused("trial.all-up")
    with pytest.raises(NotFound):
        server.get("/api/v1/namespaces/trial")


def test_verbs_of_a_platform_can_have_further_names(alone: Inv, platform: Callable[..., Path]) -> None:
    platform(ONE.replace("@dataclass", "ALIASES = {'all-up': ['start']}\n@dataclass"), one=CONFIG)
    assert "all-up (trial.start)" in alone.fine("--list")
    assert "Bring trial up" in alone.fine("--help", "trial.start")


def test_a_further_name_for_a_verb_that_is_not_there_is_refused(
    alone: Inv, platform: Callable[..., Path]
) -> None:
    platform(ONE.replace("@dataclass", "ALIASES = {'al-up': ['start']}\n@dataclass"), one=CONFIG)
    assert "ALIASES has no task 'al-up' to name (did you mean 'all-up'?)" in alone.refused("trial.render")
