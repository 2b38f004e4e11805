"""The pictures of the pages are what the live table draws of the recorded runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from docs.pictures.make import CHECKOUT, FOLDER, PICTURES, RECORDINGS, Picture, drawn

PAGES = (CHECKOUT / "README.md", *(CHECKOUT / "docs").glob("*.md"))
SCHEMA = json.loads((CHECKOUT / "docs" / "progress.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

every_picture = pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
every_recording = pytest.mark.parametrize(
    "recording", sorted(RECORDINGS.glob("*.jsonl")), ids=lambda file: file.stem
)


@every_picture
def test_a_picture_is_what_the_live_table_draws_today(
    picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")  # nothing of the machine it is drawn on is in it
    monkeypatch.setenv("COLUMNS", "40")
    same = picture.file.read_bytes() == drawn(picture).encode()
    assert same, f"{picture.file.name} shows an older live table: run python docs/pictures/make.py, and look"


@every_picture
def test_a_picture_fetches_nothing(picture: Picture) -> None:
    addresses = re.findall(r"\w+://[^\s\"')]+|url\(", picture.file.read_text())
    assert addresses == ["http://www.w3.org/2000/svg"]


def test_every_picture_is_made_and_shown_on_a_page() -> None:
    assert {file.name for file in FOLDER.glob("*.svg")} == {picture.file.name for picture in PICTURES}
    shown = {name for page in PAGES for name in re.findall(r"pictures/([\w-]+)\.svg\)", page.read_text())}
    assert shown == {picture.name for picture in PICTURES}


@every_recording
def test_a_recording_is_progress_as_documented_of_one_run_to_its_end(recording: Path) -> None:
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    for line in lines:
        VALIDATOR.validate(line)
    types = [line["type"] for line in lines]
    assert types.count("run-started") == types.count("run-finished") == 1
    assert types[-1] == "run-finished"


@every_recording
def test_a_recording_says_nothing_of_the_machine_it_was_made_on(recording: Path) -> None:
    text = recording.read_text()
    assert re.findall(r"[ \"'](?:/|~/|[A-Z]:\\)\w+|\b\d+\.\d+\.\d+\.\d+\b|\w+://", text) == []
    contexts = {json.loads(line).get("context", "allup-sandbox") for line in text.splitlines()}
    assert contexts == {"allup-sandbox"}
