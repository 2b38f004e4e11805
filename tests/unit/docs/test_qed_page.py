"""The page on QED says what is so: its components, its data, its flags."""

from __future__ import annotations

import re
from pathlib import Path

from allup.model.settings import setting_specs
from k8s.qed import data
from k8s.qed.platform import platform
from k8s.qed.settings import Settings

TEXT = (Path(__file__).parents[3] / "docs" / "qed.md").read_text()


def first_cells(heading: str) -> list[str]:
    """What stands in backticks in the first column under a heading."""
    section = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", TEXT, re.M | re.S)
    assert section is not None
    rows = re.findall(r"^\| (.*?) \|", section[1], re.M)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_every_component_is_described_and_nothing_else() -> None:
    described = first_cells("Components")
    assert sorted(described) == sorted(c.name for c in platform(Settings()).components)


def test_every_data_set_is_described_and_nothing_else() -> None:
    assert first_cells("The data") == list(data.SETS)


def test_every_flag_is_a_setting_or_one_that_all_platforms_have() -> None:
    flags = {spec.flag for spec in setting_specs(Settings)}
    off = {"--no-" + spec.name.replace("_", "-") for spec in setting_specs(Settings) if spec.kind is bool}
    common = {"--purge", "--instance", "--forward", "--context", "--repository", "--into", "--image"}
    others = {
        "--name",
        "--namespace",
        "--vm-driver",
        "--mount-string",
        "--broker",
        "--help",
    }  # of other tasks
    said = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", TEXT))
    assert said - flags - off - common - others == set()


def test_every_script_of_the_original_has_its_task() -> None:
    scripts = first_cells("From the old scripts")
    for script in ("set-absolute-path.sh", "data-setup.sh", "qed-start.sh", "qed-stop.sh"):
        assert script in scripts
    for script in ("qed-volume-start.sh", "qed-service-start.sh", "qed-deploy-start.sh"):
        assert script in scripts
