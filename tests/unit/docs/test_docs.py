"""What the pages say is so: links, commands, flags, fields, and the tutorial's files."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import inspect
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from invoke.collection import Collection

import allup
import tasks
from allup.model.platform import Config
from tasks.platform_folder import PlatformFolder
from tasks.platform_task import PlatformTask
from tasks.unknown import read
from tasks.verbs import component_verbs, platform_verbs

CHECKOUT = Path(__file__).parents[3]
PAGES = (CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md")))
TUTORIAL = (CHECKOUT / "docs" / "write-a-platform.md").read_text()
NEWCOMER = CHECKOUT / "tests" / "data" / "newcomer" / "guestbook"

on_every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


# Links


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as hosts of Markdown make them."""
    headings = re.findall(r"^#+ (.+)$", without_fences(page.read_text()), re.M)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


def without_fences(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


@on_every_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", without_fences(page.read_text())):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


def test_the_index_links_every_page() -> None:
    index = (CHECKOUT / "docs" / "index.md").read_text()
    for page in PAGES[1:]:
        assert page.name == "index.md" or f"]({page.name})" in index, page.name


# Commands


def module_of(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def collection(name: str, module: ModuleType, folder: Path) -> Collection:
    platform = PlatformFolder(name, folder, module.Settings, module.platform)
    default = platform.with_defaults()
    made = Collection(name)
    for verb in (*platform_verbs(default), *component_verbs(default)):
        made.add_task(PlatformTask(platform, verb))
    return made


@pytest.fixture(scope="module")
def ns(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """The tasks of this checkout, and of the two platforms that the tutorial writes."""
    found = re.search(r"^```python\n(.*?)^```", TUTORIAL, re.M | re.S)
    assert found is not None
    smallest = tmp_path_factory.mktemp("k8s") / "hello" / "platform.py"
    smallest.parent.mkdir()
    smallest.write_text(found[1])
    every = Collection(*(tasks.ns.collections[name] for name in tasks.ns.collections))
    every.add_collection(collection("hello", module_of(smallest, "docs_hello"), smallest.parent))
    guestbook = module_of(NEWCOMER / "platform.py", "docs_guestbook")
    every.add_collection(collection("guestbook", guestbook, NEWCOMER))
    return every


def commands(text: str) -> Iterator[list[str]]:
    """The command lines of inv in code: spans, and lines of fenced and indented blocks."""
    fences = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    indented = re.findall(r"^    .+$", text, re.M)
    spans = re.findall(r"`([^`\n]+)`", without_fences(text))
    # Where a command begins: not in the middle of a sentence that some task printed.
    start = r"(?:^\s*(?:\$ |(?:- )?run: )?(?:\w+=\S+ )*|\$\()(?:\.venv/bin/)?inv (\S.*)"
    for piece in (*fences, *indented, *spans):
        for command in re.findall(start, piece, re.M):
            yield shlex.split(re.split(r"[|;)#>]|&&", command)[0].replace("'", ""))
    for span in spans:  # in tables commands stand without inv
        if re.match(r"(?:k8s|cluster)\.[a-z-]+ ", span) and "…" not in span:
            yield shlex.split(re.split(r"[|;)#>]|&&", span)[0].replace("'", ""))


@on_every_page
def test_every_command_names_a_task_and_flags_that_exist(
    page: Path, ns: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in commands(page.read_text()):
        argv = ["inv", *words]
        monkeypatch.setattr("sys.argv", argv)
        assert read(ns, argv).refusal == "", " ".join(argv)


def tasks_named(text: str) -> set[str]:
    """Tasks that are named alone, without inv and without a flag."""
    return set(re.findall(r"`((?:k8s|cluster)\.[a-z-]+)`", without_fences(text)))


def every_task(ns: Collection) -> set[str]:
    """With their other names."""
    inner = ns.collections.items()
    return {f"{name}.{task}" for name, c in inner for task in (*c.task_names, *c.tasks.aliases)}


@on_every_page
def test_every_task_that_a_page_names_is_there(page: Path, ns: Collection) -> None:
    assert tasks_named(page.read_text()) - every_task(ns) == set()


def test_commands_are_found_where_they_stand() -> None:
    text = (
        "Say `inv a.b --x 1`.\n\n```\n$ .venv/bin/inv c.d | jq .\nexport K=$(inv e.f)\n```\n\n    inv g.h\n"
    )
    assert list(commands(text)) == [["c.d"], ["e.f"], ["g.h"], ["a.b", "--x", "1"]]
    workflow = "```yaml\n- run: .venv/bin/inv a.b c.d\n  run: .venv/bin/inv e.f\n```\n"
    assert list(commands(workflow)) == [["a.b", "c.d"], ["e.f"]]
    spans = "`k8s.logs rsp --tail 1`, `k8s.*-down`, `k8s.status` and `cluster.use NAME`"
    assert list(commands(spans)) == [["k8s.logs", "rsp", "--tail", "1"], ["cluster.use", "NAME"]]
    assert tasks_named(spans) == {"k8s.status"}


# Files and layers


@on_every_page
def test_every_path_of_the_checkout_that_a_page_names_is_there(page: Path) -> None:
    for path in re.findall(r"`((?:allup|tasks|tests|docs)/[\w./-]*)`", page.read_text()):
        assert (CHECKOUT / path).exists(), path


def test_the_page_on_architecture_has_the_layers_that_are_held() -> None:
    text = (CHECKOUT / "docs" / "architecture.md").read_text()
    section = text[text.index("## Layers") : text.index("**What is pure.**")]
    shown = [named(row.split("|")[1]) for row in re.findall(r"^\| `.*$", section, re.M)]
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    held = next(c["layers"] for c in contracts if c.get("containers") == ["allup"])
    assert shown == [layer.split(" : ") for layer in held if not layer.startswith("(")]


# The tutorial and the reference


def test_the_tutorials_files_are_the_ones_that_are_tested() -> None:
    shown = dict(re.findall(r"^`k8s/guestbook/([^`]+)`:\n\n```\w*\n(.*?)^```", TUTORIAL, re.M | re.S))
    files = (p for p in NEWCOMER.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    assert shown == {str(p.relative_to(NEWCOMER)): p.read_text() for p in files}


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables under a heading of the reference, head rows left out."""
    section = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", TUTORIAL, re.M | re.S)
    assert section is not None
    lines = re.findall(r"^\| .*\|$", section[1], re.M)
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if row[0].startswith("`")]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize(
    ("heading", "described"),
    [
        ("Platform", allup.Platform),
        ("Component", allup.Component),
        ("Secret", allup.Secret),
        ("Config", Config),
    ],
)
def test_the_reference_has_exactly_the_fields_and_their_defaults(heading: str, described: type[Any]) -> None:
    shown = {named(row[0])[0]: row[1] for row in rows(heading) if len(row) == 3 and row[0][1].islower()}
    fields = {f.name: f for f in dataclasses.fields(described)}
    assert set(shown) == set(fields)
    for name, cell in shown.items():
        if re.fullmatch(r'`(["\d(\[{].*|True|False|None)`', cell):
            factory, default = fields[name].default_factory, fields[name].default
            if factory is not dataclasses.MISSING:
                default = factory()
            wanted = ast.literal_eval(cell.strip("`"))
            assert default == wanted or (not default and not wanted), name


def test_the_reference_has_the_parameters_of_a_setting() -> None:
    assert [named(row[0])[0] for row in rows("Settings")] == list(inspect.signature(allup.setting).parameters)


def test_the_reference_has_the_arguments_of_every_origin_of_a_secret_value() -> None:
    shown = {named(row[0])[0]: named(row[1]) for row in rows("Secret") if row[0][1].isupper()}
    origins = (
        "Provided",
        "RegistryLogin",
        "Password",
        "Token",
        "Uuid",
        "RsaPrivateKey",
        "RsaPublicKey",
        "Tls",
    )
    assert shown == {name: [f.name for f in dataclasses.fields(getattr(allup, name))] for name in origins}


def test_the_reference_names_all_that_a_platform_may_import() -> None:
    reference = TUTORIAL[TUTORIAL.index("# Reference") :]
    missing = [n for n in allup.__all__ if n != "AllupError" and not re.search(rf"\b{n}\b", reference)]
    assert missing == []


# The original's page

SEED_TARGETS = (
    *("k8s-setup", "k8s-nfs-up", "k8s-nfs-ip-fix", "k8s-nfs-pv-up", "k8s-ldap-up", "k8s-secret-rsp"),
    *("k8s-rsp-ldap-up", "k8s-launcher-ldap-up", "k8s-ldap-all-up"),
)


def table_under(page: str, heading: str) -> list[list[str]]:
    text = (CHECKOUT / "docs" / page).read_text()
    section = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section is not None
    lines = re.findall(r"^\| .*\|$", section[1], re.M)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


def test_every_open_box_of_the_original_says_what_became_of_it() -> None:
    boxes = table_under("rstudio.md", "The original's open boxes")
    assert [row[0] for row in boxes] == [str(number) for number in range(1, 23)]
    assert all(len(row) == 4 and row[2] for row in boxes)


def test_every_make_target_of_the_originals_page_has_its_task(ns: Collection) -> None:
    targets = {
        name: named(row[1]) for row in table_under("rstudio.md", "From make to inv") for name in named(row[0])
    }
    assert set(SEED_TARGETS) <= set(targets)
    for target in SEED_TARGETS:
        assert targets[target], target
        assert f"k8s.{target.removeprefix('k8s-')}" in every_task(ns), target


def test_every_old_debugging_tip_has_a_command_of_ours() -> None:
    tips = table_under("debugging.md", "The old tips")
    assert len(tips) > 10
    for tip in tips:
        assert re.search(r"`(?:k8s|cluster)\.[a-z-]+|\$\(inv ", tip[2]), tip[0]
