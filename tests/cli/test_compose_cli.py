"""inv compose.*, as a person types it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from allup.cluster.requests import Api
from allup.errors import NotFound
from tests.cli.invoking import ROOT, Inv

SHOP = """
services:
  web_app:
    image: example.org/web:1
    ports: ["8080:80"]
    environment: {CACHE_HOST: the_cache, WEB_PASSWORD: "${WEB_PASSWORD}"}
    depends_on: [the_cache]
    ulimits: {nofile: 1}
  the_cache:
    image: redis:7
    volumes: ["cache:/data"]
  extra: {image: example.org/extra:1, profiles: [more]}
volumes: {cache: }
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a compose file."""
    folder = tmp_path / "clishop"
    folder.mkdir()
    (folder / "compose.yaml").write_text(SHOP)
    (folder / ".env").write_text("WEB_PASSWORD=maple-harvest-3\n")
    return folder


@pytest.fixture
def platform(checkout: Path) -> Iterator[Path]:
    """Where the converted platform is; gone afterwards."""
    folder = checkout / "k8s" / "clishop"
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_converting_tells_what_is_not_as_it_was_and_makes_tasks(
    alone: Inv, shop: Path, platform: Path
) -> None:
    told = alone.fine("compose.convert", str(shop / "compose.yaml"), "--profile", "more")
    assert "To do before" not in told
    assert re.search(r"Not carried over:\n  \S+compose\.yaml:8: web_app: ulimits: limits of", told)
    assert "Carried over in another way:" in told
    assert "inv clishop.all-up" in told
    assert alone.fine("clishop.graph").count("\n") >= 4
    assert "value: the-cache" in alone.fine("clishop.render")
    for file in platform.iterdir():
        assert "maple-harvest-3" not in file.read_text()


def test_converting_as_json_holds_its_schema(alone: Inv, shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = json.loads(alone.fine("compose.convert", str(shop / "compose.yaml"), "--out", str(out), "--json"))
    schema = json.loads((ROOT / "docs" / "results.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(told)
    assert told["type"] == "compose"
    assert sorted(told["changed"]) == sorted(told["files"])
    assert {f["key"] for f in told["findings"]} >= {"ulimits", "profiles", "environment"}


def test_an_edited_file_is_not_overwritten(alone: Inv, shop: Path, tmp_path: Path) -> None:
    words = ("compose.convert", str(shop / "compose.yaml"), "--out", str(tmp_path / "out"))
    alone.fine(*words)
    (tmp_path / "out" / "web-app.yaml").write_text("mine\n")
    ended = alone(*words)
    assert ended.code == 2
    assert "web-app.yaml" in ended.paragraph
    assert (tmp_path / "out" / "web-app.yaml").read_text() == "mine\n"
    alone.fine(*words, "--overwrite")


@pytest.mark.parametrize(
    ("text", "words", "paragraph"),
    [
        ("services:\n  a:\n    imag: x\n", (), r"compose\.yaml:3: service 'a' has no key 'imag'"),
        ("services: [\n", (), r"compose\.yaml:\d+: .*not closed"),
        ("services: {a: {image: x}}\n", ("--volumes", "pvc"), r"--volumes: 'pvc' is none of"),
        ("services: {a: {image: x}}\n", ("--replicas", "many"), r"--replicas: 'many' is not a whole number"),
        ("services: {a: {image: x}}\n", ("--project", "rstudio"), r"'rstudio': has the name of a platform"),
        ("services: {a: {image: 'x:${T:?say}'}}\n", (), r"compose\.yaml:1: the variable T has no value: say"),
    ],
)
def test_bad_input_is_one_paragraph_with_file_and_line(
    alone: Inv, tmp_path: Path, text: str, words: tuple[str, ...], paragraph: str
) -> None:
    (tmp_path / "compose.yaml").write_text(text)
    ended = alone("compose.convert", str(tmp_path / "compose.yaml"), *words)
    assert ended.code == 2
    assert re.search(paragraph, ended.paragraph)


def test_without_a_compose_file_it_says_which_it_looked_for(alone: Inv) -> None:
    ended = alone("compose.convert")
    assert ended.code == 2
    assert "docker-compose.yml" in ended.paragraph


def test_the_manifests_are_printed_for_the_file_that_the_variable_names(alone: Inv, shop: Path) -> None:
    told = alone.fine("compose.render", environ={"COMPOSE_FILE": str(shop / "compose.yaml")})
    assert "kind: StatefulSet" in told
    assert "maple-harvest-3" not in told


@pytest.mark.cluster
def test_up_and_down_in_one_step_the_latter_without_the_compose_file(
    beside: Inv, shop: Path, server: Api
) -> None:
    secret = "/api/v1/namespaces/clishop/secrets/credentials"
    up = beside("compose.up", str(shop / "compose.yaml"), "--timeout", "60")
    assert up.code == 0, up.err
    assert "clishop is up: 3 components ready" in up.out
    assert "maple-harvest-3" not in up.out + up.err
    assert server.request("GET", secret, [], None)[1]["data"]
    assert "web-app" in beside.fine("compose.status", "--project", "clishop")
    shutil.rmtree(shop)
    down = beside.fine("compose.down", "--project", "clishop", "--purge")
    assert "clishop is down" in down
    with pytest.raises(NotFound):
        server.request("GET", secret, [], None)
