"""``inv`` as a process, and how it ended."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
INV = Path(sys.executable).parent / "inv"


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def paragraph(self) -> str:
        """Standard error, which has to be one paragraph and no traceback."""
        text = self.err.rstrip("\n")
        assert text, "nothing is on standard error"
        assert "Traceback" not in self.err, self.err
        assert "\n" not in text, f"more than one paragraph:\n{self.err}"
        assert "fault in allup" not in text, text
        return text


@dataclass(frozen=True)
class Inv:
    """``inv`` in *checkout*, with *environ*."""

    checkout: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def __call__(
        self,
        *words: str,
        cwd: Path | None = None,
        stdin: str = "",
        environ: Mapping[str, str] | None = None,
        timeout: float = 90,
    ) -> Ended:
        variables = {**self.environ, **(environ or {})}
        done = subprocess.run(
            [INV, *words],
            cwd=cwd or self.checkout,
            env=variables,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def refused(self, *words: str, code: int = 2, environ: Mapping[str, str] | None = None) -> str:
        """The one paragraph with which it leaves with *code*."""
        ended = self(*words, environ=environ)
        assert ended.code == code, f"exit code {ended.code}\n{ended.out}\n{ended.err}"
        return ended.paragraph

    def fine(self, *words: str, environ: Mapping[str, str] | None = None) -> str:
        """Standard output of a command that succeeds."""
        ended = self(*words, environ=environ)
        assert ended.code == 0, f"exit code {ended.code}\n{ended.out}\n{ended.err}"
        return ended.out


def copied(folder: Path) -> Path:
    """A copy of the checkout in *folder*, without what git ignores; compiled, since inv never does that."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = ("allup/", "tasks", "k8s/", "docs/", "images/", "Makefile")
    for name in filter(None, listed.stdout.split("\0")):
        if name.startswith(wanted) and (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "allup", "tasks", "k8s"], cwd=folder, check=True
    )
    return folder
