"""A folder that a newcomer wrote by docs/write-a-platform.md, in a checkout that knows nothing of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from allup.sandbox import SandboxStatus

CHECKOUT = Path(__file__).parents[2]
FOLDER = CHECKOUT / "tests" / "data" / "newcomer" / "guestbook"
COMPONENTS = ["store", "first-entry", "web"]


@dataclass(frozen=True)
class Copy:
    """A copy of the checkout's tracked files with the newcomer's folder in it."""

    folder: Path
    environ: Mapping[str, str]

    def inv(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("inv"), *words],
            cwd=self.folder,
            env={**self.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def done(self, *words: str) -> str:
        """What a task printed on standard output, having ended well."""
        ended = self.inv(*words)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def progress(self, *words: str) -> list[dict[str, object]]:
        """The JSON lines of a run."""
        return [json.loads(line) for line in self.done(*words, "--json").splitlines()]


@pytest.fixture(scope="module")
def copy(
    tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxStatus, sandbox_environ: Mapping[str, str]
) -> Copy:
    folder = tmp_path_factory.mktemp("newcomer") / "checkout"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, folder / name)
    shutil.copytree(FOLDER, folder / "k8s" / "guestbook", ignore=shutil.ignore_patterns("__pycache__"))
    # The sandbox belongs to another checkout, so for this one it is a cluster like any other.
    (folder / "invoke.yaml").write_text(f"allup:\n  contexts: [{sandbox.context}]\n")
    home = tmp_path_factory.mktemp("home")
    return Copy(folder, {**sandbox_environ, "HOME": str(home), "KUBECONFIG": str(sandbox.kubeconfig)})


def outcomes(progress: list[dict[str, object]]) -> dict[str, str]:
    return {str(line["check"]): str(line["outcome"]) for line in progress if line["type"] == "check"}


def actions(progress: list[dict[str, object]]) -> set[object]:
    return {line["action"] for line in progress if line["type"] == "object"}


def test_the_folder_is_found_and_its_tasks_are_listed_beside_the_others(copy: Copy) -> None:
    listed = set(re.findall(r"^  ([a-z0-9.-]+)", copy.done("--list"), re.M))
    wanted = {f"guestbook.{name}-{way}" for name in (*COMPONENTS, "all") for way in ("up", "down")}
    assert wanted | {"k8s.all-up", "guestbook.plan", "guestbook.why"} <= listed


def test_its_settings_are_flags_with_help(copy: Copy) -> None:
    help = copy.done("--help", "guestbook.all-up")
    assert "--web-replicas" in help
    assert "how many pods serve the page" in help


def test_plan_up_again_and_down_with_nothing_left(copy: Copy, sandbox: SandboxStatus) -> None:
    context = ("--context", sandbox.context)
    assert "10 to create. Nothing was touched." in copy.done("guestbook.plan", *context)

    up = copy.progress("guestbook.all-up", *context)
    ready = [line["component"] for line in up if line.get("phase") == "ready"]
    assert sorted(map(str, ready)) == sorted(COMPONENTS)
    assert actions(up) == {"created"}
    assert outcomes(up) == {
        "redis-cli in Deployment/store": "skipped",
        "GET Service/web:8080/": "skipped",
        "Deployment/web .status.readyReplicas == 2": "passed",
    }

    again = copy.progress("guestbook.all-up", *context)
    assert actions(again) == {"unchanged"}
    assert "nothing would change" in copy.done("guestbook.plan", "--check", *context)

    down = copy.done("guestbook.all-down", *context)
    assert "PersistentVolumeClaim/guestbook/store  a claim holds data" in down
    purged = copy.done("guestbook.all-down", "--purge", "--yes", *context)
    assert "deleted Namespace/guestbook" in purged
    assert "10 to create" in copy.done("guestbook.plan", *context)


def test_the_page_gets_the_stores_address_and_the_password_stays_in_its_secrets(
    copy: Copy, sandbox: SandboxStatus
) -> None:
    context = ("--context", sandbox.context)
    copy.done("guestbook.all-up", *context)
    password = copy.done("guestbook.secrets", "store-password", "--reveal", "password", *context).strip()
    assert len(password) == 24
    rendered = copy.done("guestbook.render")
    assert "known after Service/store is there, port 6379" in rendered
    for words in (
        ("guestbook.diff", *context),
        ("guestbook.status", *context),
        ("guestbook.secrets", *context),
    ):
        assert password not in copy.done(*words)
    copy.done("guestbook.all-down", "--purge", "--yes", *context)
