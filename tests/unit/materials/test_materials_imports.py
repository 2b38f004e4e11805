"""The modules between files and objects cost nothing until they are used."""

from __future__ import annotations

import subprocess
import sys

MODULES = ("yamlfiles", "manifests", "configs", "loading", "settings", "secretvalues", "redaction")
HEAVY = {"yaml", "jinja2", "cryptography", "rich", "jq"}


def test_importing_them_loads_no_heavy_library() -> None:
    imports = "; ".join(f"import allup.{module}" for module in MODULES)
    code = f"import sys; {imports}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert "allup.loading" in loaded
    assert not loaded & HEAVY
