"""A person at a terminal: one installation of a platform on the real node, worked with by ``inv``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from allup.images import description, making
from allup.images.making import Made
from tests.cluster.platforms_for_tests import Instance
from tests.conftest import CHECKOUT


@dataclass(frozen=True)
class Person:
    """Who has it as the collection *collection*; *seen* looks at its objects."""

    collection: str
    environ: Mapping[str, str]
    context: str
    seen: Instance

    def run(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """A task of the platform; what stands after ``--`` is a command in a pod."""
        name, *rest = words
        here = ("--context", self.context, "--instance", self.seen.name)
        cut = rest.index("--") if "--" in rest else len(rest)
        own, command = rest[:cut], rest[cut:]
        return subprocess.run(
            [Path(sys.executable).with_name("inv"), f"{self.collection}.{name}", *own, *here, *command],
            cwd=CHECKOUT,
            env=self.environ,
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )

    def done(self, *words: str, stdin: str | None = None) -> str:
        """Standard output of a task that ended well."""
        ended = self.run(*words, stdin=stdin)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def secret(self, name: str, key: str) -> str:
        """What a person is shown who asks for a Secret's value."""
        return self.done("secrets", name, "--reveal", key).strip()

    def forwarded(self, service: str, port: int) -> str:
        """An address of this machine that leads to the Service's port, until the installation is gone."""
        said = json.loads(self.done("forward", f"svc/{service}", f":{port}", "--background", "--json"))
        return str(said["ports"][0]).partition(" ")[0]

    def checks_pass(self) -> bool:
        return self.run("check").returncode == 0


def own_image(name: str, environ: Mapping[str, str]) -> Made:
    """The image of ``images/<name>``, from the user's cache; made, which takes minutes, if it is not there.

    Skips the tests that need it where it cannot be made.
    """
    described = description.read(CHECKOUT / "images", name)
    if not making.cached(described, environ, making.this_machine()) and not shutil.which("mmdebstrap"):
        pytest.skip("mmdebstrap is not installed: apt-get install -y mmdebstrap")
    return making.make(described, environ, say=print)
