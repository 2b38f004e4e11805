"""An installation of a platform on the real node, as a person has it; and the images it runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from allup.images import description, making
from allup.images.making import Made
from tests.cluster.platforms_for_tests import Instance
from tests.conftest import CHECKOUT


@dataclass(frozen=True)
class Installed:
    """Used by ``inv <collection>.…``; *seen* looks at its objects."""

    collection: str
    environ: Mapping[str, str]
    context: str
    seen: Instance

    def run(self, *words: str, feed: bytes | None = None) -> subprocess.CompletedProcess[str]:
        """``inv <collection>.<word> …``, on this installation; *feed* comes in through a pipe."""
        name, *rest = words
        here = ("--context", self.context, "--instance", self.seen.name)
        cut = rest.index("--") if "--" in rest else len(rest)
        own, command = rest[:cut], rest[cut:]
        given: Any = {"stdin": subprocess.DEVNULL} if feed is None else {"input": feed}
        ended = subprocess.run(
            [Path(sys.executable).with_name("inv"), f"{self.collection}.{name}", *own, *here, *command],
            cwd=CHECKOUT,
            env=self.environ,
            capture_output=True,
            timeout=580,
            check=False,
            **given,
        )
        return subprocess.CompletedProcess(
            ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode()
        )

    def done(self, *words: str, feed: bytes | None = None) -> str:
        """Standard output of a task that ended well."""
        ended = self.run(*words, feed=feed)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def told(self, *words: str) -> list[dict[str, Any]]:
        """What a run that ended well tells, line by line."""
        return [json.loads(line) for line in self.done(*words, "--json").splitlines()]

    def secret(self, name: str, key: str) -> str:
        """What a person is shown who asks for a Secret's value."""
        return self.done("secrets", name, "--reveal", key).strip()

    def forwarded(self, service: str, port: int) -> str:
        """An address of this machine that leads to the Service's port, until the installation is gone."""
        said = json.loads(self.done("forward", f"svc/{service}", f":{port}", "--background", "--json"))
        return str(said["ports"][0]).partition(" ")[0]

    def checks_pass(self) -> bool:
        """Whether everything answers now."""
        return self.run("check").returncode == 0

    def restarts(self, app: str) -> list[int]:
        """How often each container of those pods was started again."""
        pods = self.seen.items("Pod", f"app={app}")
        return [s.get("restartCount", 0) for p in pods for s in p["status"].get("containerStatuses") or ()]


def own_image(name: str, environ: Mapping[str, str]) -> Made:
    """An image of this checkout from the user's cache; made, which takes minutes, when it is not there."""
    described = description.read(CHECKOUT / "images", name)
    if not making.cached(described, environ, making.this_machine()) and not shutil.which("mmdebstrap"):
        pytest.skip("mmdebstrap is not installed: apt-get install -y mmdebstrap")
    return making.make(described, environ, say=print)
