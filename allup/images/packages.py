"""Which packages an image has, and of which version: what makes two builds of one description comparable."""

from __future__ import annotations

from collections.abc import Mapping


def debian_packages(installed: str) -> Mapping[str, str]:
    """Versions by package, of dpkg's list: stanzas of ``Package:`` and ``Version:``. Packages that are gone
    but for their configuration are none.

    >>> debian_packages("Package: tini\\nVersion: 0.19.0-1\\n")
    {'tini': '0.19.0-1'}
    """
    found = {}
    for stanza in installed.split("\n\n"):
        lines = (line.partition(": ") for line in stanza.splitlines() if not line.startswith(" "))
        fields = {name: value for name, _, value in lines}
        if "Package" in fields and fields.get("Status", "installed").split()[-1:] == ["installed"]:
            found[fields["Package"]] = fields.get("Version", "")
    return dict(sorted(found.items()))


def python_packages(requirements: str) -> Mapping[str, str]:
    """Versions by package, of a lock of pip-compile.

    >>> python_packages("dask==2026.8.0 \\\\\\n    --hash=sha256:0\\n")
    {'dask': '2026.8.0'}
    """
    pins = (line.split()[0].partition("==") for line in requirements.splitlines() if "==" in line)
    return {name: version for name, _, version in pins if not name.startswith(("#", "-"))}
