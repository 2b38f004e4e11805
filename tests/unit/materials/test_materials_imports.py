"""The modules between files and objects cost nothing until they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

MODULES = ("yamlfiles", "manifests", "configs", "loading", "settings", "secretvalues", "redaction")


@pytest.mark.parametrize("module", MODULES)
def test_importing_it_loads_no_heavy_library(module: str) -> None:
    code = f"import sys, allup.{module}; print(*sorted({{'yaml', 'jinja2', 'cryptography', 'rich', 'jq'}} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []
