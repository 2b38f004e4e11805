"""What a compose file's ``build:`` asks for, before an engine is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from allup.compose.building import ImageBuild
from allup.compose.conversion import convert
from allup.compose.findings import Grade
from allup.compose.made import Options
from allup.compose.printing import texts
from allup.errors import InputError
from tests.unit.compose.compose_projects import project


def build(folder: Path, section: str, image: str = "") -> ImageBuild:
    """What the only service of a project asks for."""
    text = f"services:\n  a:\n    build: {section}\n" + (f"    image: {image}\n" if image else "")
    making = convert(project(folder, text, environ={"V": "3"}), Options(folder / "out"), name="demo")
    (found,) = making.builds
    return found


def test_a_folder_alone_is_a_context_beside_the_file(tmp_path: Path) -> None:
    assert build(tmp_path, "./src") == ImageBuild("a", "demo-a", str(tmp_path / "src"))
    assert build(tmp_path, "{}", "team/a:1") == ImageBuild("a", "team/a:1", str(tmp_path))


def test_every_key_that_engines_are_told_arrives(tmp_path: Path) -> None:
    section = "{context: /x, dockerfile: D, target: t, pull: true, args: [A=1, B], tags: [other:1]}"
    found = build(tmp_path, section)
    assert found == ImageBuild(
        "a", "demo-a", "/x", dockerfile="D", arguments={"A": "1", "B": None}, target="t", pull=True
    )
    assert build(tmp_path, "{args: {A: '${V}', B: }}").arguments == {"A": "3", "B": None}
    assert build(tmp_path, "{dockerfile_inline: FROM scratch}").inline == "FROM scratch"


def test_a_dockerfile_beside_one_in_the_file_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1\.yaml:3: .*both dockerfile and dockerfile_inline"):
        build(tmp_path, "{dockerfile: D, dockerfile_inline: FROM scratch}")


@pytest.mark.parametrize("context", ["https://example.org/team/app.git", "git@example.org:team/app.git"])
def test_a_context_somewhere_else_stays_an_address(tmp_path: Path, context: str) -> None:
    assert build(tmp_path, f"{{context: '{context}'}}").remote


def test_what_no_engine_is_told_is_listed_and_a_delivered_image_is_nothing_to_do(tmp_path: Path) -> None:
    text = "services:\n  a: {build: {context: ., cache_from: [x], shm_size: 1g}}\n"
    read = project(tmp_path, text)
    before = convert(read, Options(tmp_path / "out"), name="demo")
    assert {f.key for f in before.findings if f.grade is Grade.LEFT_OUT} == {
        "build.cache_from",
        "build.shm_size",
    }
    assert [f.key for f in before.findings if f.grade is Grade.TO_DO] == ["build"]
    named = Options(tmp_path / "out", images={"a": "localhost:5000/demo-a:content-1"})
    after = convert(read, named, name="demo")
    assert [f.key for f in after.findings if f.grade is Grade.TO_DO] == []
    assert 'setting("localhost:5000/demo-a:content-1"' in texts(after)["platform.py"]
